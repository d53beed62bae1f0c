/**
 * Every text that recipients read on our pages and in our mails, in every language there is. `{account}`, `{topic}`,
 * `{topics}`, `{days}` and `{link}` are filled in by `say`; no text holds HTML. A test keeps the languages equal in
 * keys and placeholders.
 */
export const texts = {
  en: {
    unsubscribe_title: 'Unsubscribe',
    unsubscribe_question: 'Stop receiving e-mail from {account}?',
    unsubscribe_all: 'Unsubscribe from everything',
    unsubscribe_topic: 'Only from “{topic}”',
    unsubscribed_title: 'You are unsubscribed',
    unsubscribed_text: 'You will not receive this e-mail from {account} any more.',
    choose_topics: 'Choose topics instead',
    change_choice: 'Change your choice',
    invalid_title: 'This link does not work',
    invalid_text:
      'It may have been cut short. Copy the whole link from the e-mail, or reply to the e-mail and say what you want.',
    preferences_title: 'Your e-mail from {account}',
    preferences_intro: 'Choose what you would like to receive. You can change this at any time.',
    preferences_legend: 'I would like to receive',
    preferences_everything: 'News and offers from {account}',
    preferences_save: 'Save my choice',
    preferences_none: 'Or stop everything at once:',
    preferences_saved: 'Your choice is saved.',
    preferences_all_stopped: 'You are unsubscribed from everything.',
    preferences_stopped:
      'We cannot send to your mailbox at the moment: earlier e-mail came back, or was reported as unwanted. Reply to one of our e-mails to have this looked at.',
    preferences_wording: 'I would like to receive e-mail from {account} about: {topic}.',
    preferences_wording_all: 'I would like to receive e-mail from {account}.',
    confirm_title: 'Please confirm',
    confirm_question: 'Do you want to receive e-mail from {account}?',
    confirm_topics: 'About: {topics}',
    confirm_button: 'Yes, I confirm',
    confirm_ignore: 'If you did not ask for this, close this page: nothing will be sent to you.',
    confirmed_title: 'Thank you',
    confirmed_text: 'You are signed up for e-mail from {account}. Every e-mail has a link to stop it again.',
    expired_title: 'This link has expired',
    expired_text: 'It worked for {days} days. Sign up again where you did, and we will send you a new one.',
    mail_subject: 'Please confirm your e-mail address',
    mail_intro: 'Somebody, hopefully you, asked that {account} write to this address.',
    mail_ask: 'Please confirm by this link. It works for {days} days.',
    mail_button: 'Confirm',
    mail_ignore: 'If it was not you, do nothing: without your confirmation we will not write again.',
    language_name: 'English',
  },
  de: {
    unsubscribe_title: 'Abmelden',
    unsubscribe_question: 'Keine E-Mails von {account} mehr erhalten?',
    unsubscribe_all: 'Von allem abmelden',
    unsubscribe_topic: 'Nur von „{topic}“',
    unsubscribed_title: 'Sie sind abgemeldet',
    unsubscribed_text: 'Sie erhalten diese E-Mails von {account} nicht mehr.',
    choose_topics: 'Lieber Themen auswählen',
    change_choice: 'Auswahl ändern',
    invalid_title: 'Dieser Link funktioniert nicht',
    invalid_text:
      'Vielleicht wurde er abgeschnitten. Kopieren Sie den ganzen Link aus der E-Mail, oder antworten Sie auf die E-Mail und sagen Sie, was Sie wünschen.',
    preferences_title: 'Ihre E-Mails von {account}',
    preferences_intro: 'Wählen Sie, was Sie erhalten möchten. Sie können das jederzeit ändern.',
    preferences_legend: 'Ich möchte erhalten',
    preferences_everything: 'Neuigkeiten und Angebote von {account}',
    preferences_save: 'Auswahl speichern',
    preferences_none: 'Oder alles auf einmal beenden:',
    preferences_saved: 'Ihre Auswahl ist gespeichert.',
    preferences_all_stopped: 'Sie sind von allem abgemeldet.',
    preferences_stopped:
      'Wir können derzeit nicht an Ihr Postfach senden: Frühere E-Mails kamen zurück oder wurden als unerwünscht gemeldet. Antworten Sie auf eine unserer E-Mails, damit wir das prüfen.',
    preferences_wording: 'Ich möchte E-Mails von {account} erhalten zum Thema: {topic}.',
    preferences_wording_all: 'Ich möchte E-Mails von {account} erhalten.',
    confirm_title: 'Bitte bestätigen',
    confirm_question: 'Möchten Sie E-Mails von {account} erhalten?',
    confirm_topics: 'Themen: {topics}',
    confirm_button: 'Ja, ich bestätige',
    confirm_ignore:
      'Wenn Sie das nicht angefordert haben, schließen Sie diese Seite: Sie erhalten dann nichts.',
    confirmed_title: 'Vielen Dank',
    confirmed_text:
      'Sie sind für E-Mails von {account} angemeldet. Jede E-Mail enthält einen Link, um sich wieder abzumelden.',
    expired_title: 'Dieser Link ist abgelaufen',
    expired_text:
      'Er galt {days} Tage. Melden Sie sich dort noch einmal an, wo Sie es getan haben; wir senden Ihnen einen neuen.',
    mail_subject: 'Bitte bestätigen Sie Ihre E-Mail-Adresse',
    mail_intro: 'Jemand, hoffentlich Sie, hat darum gebeten, dass {account} an diese Adresse schreibt.',
    mail_ask: 'Bitte bestätigen Sie das über diesen Link. Er gilt {days} Tage.',
    mail_button: 'Bestätigen',
    mail_ignore: 'Wenn Sie es nicht waren, tun Sie nichts: Ohne Ihre Bestätigung schreiben wir nicht wieder.',
    language_name: 'Deutsch',
  },
  fr: {
    unsubscribe_title: 'Se désabonner',
    unsubscribe_question: 'Ne plus recevoir d’e-mails de {account} ?',
    unsubscribe_all: 'Se désabonner de tout',
    unsubscribe_topic: 'Seulement de « {topic} »',
    unsubscribed_title: 'Vous êtes désabonné(e)',
    unsubscribed_text: 'Vous ne recevrez plus ces e-mails de {account}.',
    choose_topics: 'Choisir plutôt des thèmes',
    change_choice: 'Modifier votre choix',
    invalid_title: 'Ce lien ne fonctionne pas',
    invalid_text:
      'Il a peut-être été coupé. Copiez le lien entier depuis l’e-mail, ou répondez à l’e-mail en disant ce que vous souhaitez.',
    preferences_title: 'Vos e-mails de {account}',
    preferences_intro: 'Choisissez ce que vous souhaitez recevoir. Vous pouvez le modifier à tout moment.',
    preferences_legend: 'Je souhaite recevoir',
    preferences_everything: 'Actualités et offres de {account}',
    preferences_save: 'Enregistrer mon choix',
    preferences_none: 'Ou tout arrêter d’un coup :',
    preferences_saved: 'Votre choix est enregistré.',
    preferences_all_stopped: 'Vous êtes désabonné(e) de tout.',
    preferences_stopped:
      'Nous ne pouvons pas écrire à votre boîte pour le moment : des e-mails précédents sont revenus ou ont été signalés comme indésirables. Répondez à l’un de nos e-mails pour que nous vérifiions.',
    preferences_wording: 'Je souhaite recevoir des e-mails de {account} sur : {topic}.',
    preferences_wording_all: 'Je souhaite recevoir des e-mails de {account}.',
    confirm_title: 'Merci de confirmer',
    confirm_question: 'Souhaitez-vous recevoir des e-mails de {account} ?',
    confirm_topics: 'Thèmes : {topics}',
    confirm_button: 'Oui, je confirme',
    confirm_ignore: 'Si vous n’avez rien demandé, fermez cette page : rien ne vous sera envoyé.',
    confirmed_title: 'Merci',
    confirmed_text:
      'Vous êtes inscrit(e) aux e-mails de {account}. Chaque e-mail contient un lien pour ne plus en recevoir.',
    expired_title: 'Ce lien a expiré',
    expired_text:
      'Il était valable {days} jours. Inscrivez-vous à nouveau là où vous l’avez fait, et nous vous en enverrons un autre.',
    mail_subject: 'Merci de confirmer votre adresse e-mail',
    mail_intro: 'Quelqu’un, vous sans doute, a demandé que {account} écrive à cette adresse.',
    mail_ask: 'Merci de confirmer par ce lien. Il est valable {days} jours.',
    mail_button: 'Confirmer',
    mail_ignore: 'Si ce n’était pas vous, ne faites rien : sans confirmation, nous n’écrirons plus.',
    language_name: 'Français',
  },
} as const satisfies Record<string, Record<string, string>>;

export type Language = keyof typeof texts;
export type TextKey = keyof (typeof texts)['en'];

/** A text with its placeholders filled in. It is plain text: escape it where it becomes HTML. */
export function say(
  language: Language,
  key: TextKey,
  values: Readonly<Record<string, string | number>> = {},
): string {
  return texts[language][key].replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : whole,
  );
}

/**
 * The first language that we have: what is known of the person, else what the browser asks for, else the account's, else
 * English.
 * @param known such as `de`, `de-AT` or `de_AT`
 * @param accept an Accept-Language header
 */
export function pickLanguage(
  known: string | null | undefined,
  accept: string | undefined,
  account: string,
): Language {
  const wanted = [known ?? '', ...byQuality(accept ?? ''), account];
  for (const tag of wanted) {
    const language = tag.trim().toLowerCase().split(/[-_]/)[0] ?? '';
    if (Object.hasOwn(texts, language)) return language as Language;
  }
  return 'en';
}

function byQuality(accept: string): string[] {
  return accept
    .split(',')
    .map((part) => {
      const [tag = '', ...options] = part.split(';');
      const quality = options.map((option) => /^\s*q=([\d.]+)/.exec(option)?.[1]).find(Boolean);
      return { tag, quality: quality === undefined ? 1 : Number(quality) };
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality)
    .map(({ tag }) => tag);
}
