import { escapeHtml, layout, type PageOptions } from './page-layout.ts';
import type { Preferences } from './preferences.ts';
import { say, type TextKey } from './texts.ts';

export type UnsubscribePageState = 'ask' | 'done' | 'invalid';

/**
 * The page behind an unsubscribe link. `ask` is what a GET shows: one button that POSTs to the same address. It holds
 * nothing about the recipient, since links are forwarded and scanned.
 * @param options `topic` (its title) offers to stop that topic alone; `preferencesUrl` links to the page of topics
 */
export function unsubscribePage(
  state: UnsubscribePageState,
  options: PageOptions & { topic?: string | null; preferencesUrl?: string },
): string {
  const t = (key: TextKey) => text(options, key);
  if (state === 'invalid') return invalidPage(options);
  if (state === 'done') {
    return layout(
      options,
      t('unsubscribed_title'),
      `<p role="status">${t('unsubscribed_text')}</p>${linkTo(options.preferencesUrl, t('change_choice'))}`,
    );
  }
  const topic = options.topic
    ? `<button class="quiet" name="scope" value="topic">${escapeHtml(say(options.language ?? 'en', 'unsubscribe_topic', { topic: options.topic }))}</button>`
    : '';
  return layout(
    options,
    t('unsubscribe_title'),
    `<p>${t('unsubscribe_question')}</p>
      <form method="post"><button name="scope" value="global">${t('unsubscribe_all')}</button>${topic}</form>
      ${linkTo(options.preferencesUrl, t('choose_topics'))}`,
  );
}

/** What a forged, cut or unknown link shows, with 404. */
export function invalidPage(options: PageOptions): string {
  return layout(options, text(options, 'invalid_title'), `<p>${text(options, 'invalid_text')}</p>`);
}

/**
 * The page of topics: one form, no script. It shows what is chosen now, and never the address.
 * @param saved what was just done, said on top
 */
export function preferencesPage(
  preferences: Pick<Preferences, 'topics' | 'is_stopped'>,
  options: PageOptions,
  saved?: 'saved' | 'all_stopped',
): string {
  const t = (key: TextKey) => text(options, key);
  const status = saved
    ? `<p class="status" role="status">${t(saved === 'saved' ? 'preferences_saved' : 'preferences_all_stopped')}</p>`
    : '';
  const stopped = preferences.is_stopped ? `<p class="note">${t('preferences_stopped')}</p>` : '';
  return layout(
    options,
    t('preferences_title'),
    `${status}<p>${t('preferences_intro')}</p>${stopped}
    <form method="post">
      <fieldset><legend>${t('preferences_legend')}</legend>
        ${preferences.topics.map((topic, index) => topicField(topic, index, t('preferences_everything'))).join('\n        ')}
      </fieldset>
      <button name="action" value="save">${t('preferences_save')}</button>
    </form>
    <form method="post" class="apart">
      <p id="none">${t('preferences_none')}</p>
      <button class="quiet" name="action" value="none" aria-describedby="none">${t('unsubscribe_all')}</button>
    </form>`,
  );
}

function topicField(
  { id, title, description, is_on }: Preferences['topics'][number],
  index: number,
  everything: string,
) {
  const described = description === '' ? '' : ` aria-describedby="about-${index}"`;
  const about =
    description === '' ? '' : `<span class="about" id="about-${index}">${escapeHtml(description)}</span>`;
  return `<div class="topic"><input type="checkbox" id="topic-${index}" name="topic" value="${escapeHtml(id ?? '')}"${is_on ? ' checked' : ''}${described}>
          <div><label for="topic-${index}">${id === null ? everything : escapeHtml(title)}</label>${about}</div></div>`;
}

/** The page behind the link that confirms. `ask` holds nothing but what is asked for. */
export function confirmPage(
  state: 'ask' | 'done' | 'expired',
  options: PageOptions & { topics?: readonly string[]; days?: number },
): string {
  const language = options.language ?? 'en';
  const t = (key: TextKey) => text(options, key);
  if (state === 'done')
    return layout(options, t('confirmed_title'), `<p role="status">${t('confirmed_text')}</p>`);
  if (state === 'expired') {
    const expired = escapeHtml(say(language, 'expired_text', { days: options.days ?? 7 }));
    return layout(options, t('expired_title'), `<p>${expired}</p>`);
  }
  const topics = options.topics?.length
    ? `<p>${escapeHtml(say(language, 'confirm_topics', { topics: options.topics.join(', ') }))}</p>`
    : '';
  return layout(
    options,
    t('confirm_title'),
    `<p>${t('confirm_question')}</p>${topics}
      <form method="post"><button>${t('confirm_button')}</button></form><p class="note">${t('confirm_ignore')}</p>`,
  );
}

function text(options: PageOptions, key: TextKey): string {
  return escapeHtml(say(options.language ?? 'en', key, { account: options.account }));
}

function linkTo(url: string | undefined, label: string): string {
  return url === undefined ? '' : `<p><a href="${escapeHtml(url)}">${label}</a></p>`;
}
