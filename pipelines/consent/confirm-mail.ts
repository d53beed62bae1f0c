import type { Account } from '../../data/account.ts';
import type { OutgoingMessage } from '../delivery/providers/provider.ts';
import { escapeHtml } from './page-layout.ts';
import { say, type Language } from './texts.ts';

/**
 * The mail that asks to confirm. Transactional: it is the answer to a request, holds no advertising, and names nothing but
 * what was asked for.
 * @param request `topics`: titles
 */
export function confirmMail(
  account: Account,
  request: { request_id: string; email: string; language: Language; topics: readonly string[]; link: string },
): OutgoingMessage {
  const values = {
    account: account.name,
    days: account.consent.link_valid_days,
    topics: request.topics.join(', '),
  };
  const t = (key: Parameters<typeof say>[1]) => say(request.language, key, values);
  const intro = [t('mail_intro'), ...(request.topics.length > 0 ? [t('confirm_topics')] : []), t('mail_ask')];
  const text = `${[...intro, request.link, t('mail_ignore')].join('\n\n')}\n\n-- \n${account.name}\n${account.postal_address}\n`;
  const domain = account.from_email.split('@').at(-1) ?? 'localhost';
  return {
    delivery_id: request.request_id,
    to: request.email,
    from: { email: account.from_email, name: account.name },
    reply_to: null,
    subject: t('mail_subject').replace(/\s+/g, ' '),
    layout: { layout_id: request.request_id, html: [html(account, request, intro, t)], text: [text] },
    html_pieces: [],
    text_pieces: [],
    headers: { 'Auto-Submitted': 'auto-generated' },
    message_id_header: `<${request.request_id}@${domain}>`,
    custom_args: { consent_request_id: request.request_id },
  };
}

function html(
  account: Account,
  { language, link }: { language: Language; link: string },
  intro: readonly string[],
  t: (key: Parameters<typeof say>[1]) => string,
): string {
  const paragraph = (content: string) => `<p style="margin:0 0 16px;">${content}</p>`;
  return `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escapeHtml(t('mail_subject'))}</title></head>
<body style="margin:0;padding:24px 16px;background:#f3f5f4;font-family:Arial,Helvetica,sans-serif;font-size:16px;line-height:24px;color:#17211f;">
<div style="max-width:560px;margin:0 auto;background:#ffffff;padding:32px 24px;border-top:4px solid #0f6e5c;border-radius:8px;">
${intro.map((line) => paragraph(escapeHtml(line))).join('\n')}
${paragraph(`<a href="${escapeHtml(link)}" clicktracking="off" style="display:inline-block;background:#0f6e5c;color:#ffffff;text-decoration:none;font-weight:bold;padding:12px 24px;border-radius:6px;">${escapeHtml(t('mail_button'))}</a>`)}
<p style="margin:0 0 16px;font-size:13px;line-height:20px;color:#56625e;overflow-wrap:anywhere;">${escapeHtml(link)}</p>
${paragraph(escapeHtml(t('mail_ignore')))}
<p style="margin:0;font-size:13px;line-height:20px;color:#56625e;">${escapeHtml(account.name)}<br>${escapeHtml(account.postal_address)}</p>
</div></body></html>
`;
}
