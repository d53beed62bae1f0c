import { errorMessage, MallardError } from '../../data/errors.ts';
import { convert } from './html-to-text.ts';
import { parseLiquid, textLiquid } from './liquid.ts';
import type { MessageClass, MessageTemplate } from './template.ts';
import { requiredVariables } from './variables.ts';

/** The Liquid sources of a mail's parts; `html` is null for a plain-text template. */
export interface BodySources {
  readonly html: string | null;
  readonly text: string;
}

/**
 * Makes HTML and text sources of a body. MJML is compiled here, once per template; Liquid stays in it untouched.
 * A marketing mail gets a footer with what its body leaves out of unsubscribe link and postal address.
 * @throws `template_invalid` where MJML refuses the body
 */
export async function bodySources(
  template: MessageTemplate,
  messageClass: MessageClass,
): Promise<BodySources> {
  const missing =
    messageClass === 'marketing' ? missingFromFooter(template.body) : { link: false, address: false };
  if (template.format === 'text') return { html: null, text: template.body + textFooter(missing) };
  const body = template.format === 'mjml' ? await compileMjml(template.body) : asDocument(template.body);
  const html = insertBeforeBodyEnd(body, htmlFooter(missing));
  // The preview would be a stray first line of the text part.
  return { html: insertAfterBodyStart(html, preheader(template.preview_text)), text: toText(html) };
}

interface Missing {
  link: boolean;
  address: boolean;
}

/** What stands inside of a condition does not count: each recipient must get link and address. */
function missingFromFooter(body: string): Missing {
  const always = requiredVariables(textLiquid, parseLiquid(textLiquid, 'body', body));
  return { link: !always.includes('unsubscribe_url'), address: !always.includes('account.postal_address') };
}

function htmlFooter({ link, address }: Missing): string {
  const parts = [
    ...(address ? ['{{ account.postal_address }}'] : []),
    ...(link
      ? ['<a href="{{ unsubscribe_url }}" clicktracking="off" style="color:#666666;">Unsubscribe</a>']
      : []),
  ];
  if (parts.length === 0) return '';
  return `<p style="margin:24px 16px;font-family:Arial,Helvetica,sans-serif;font-size:12px;line-height:18px;color:#666666;text-align:center;">${parts.join('<br>')}</p>`;
}

function textFooter({ link, address }: Missing): string {
  const parts = [
    ...(address ? ['{{ account.postal_address }}'] : []),
    ...(link ? ['Unsubscribe: {{ unsubscribe_url }}'] : []),
  ];
  return parts.length === 0 ? '' : `\n\n-- \n${parts.join('\n')}\n`;
}

/** Hidden text that inboxes show beside the subject. */
function preheader(preview: string | undefined): string {
  return preview === undefined
    ? ''
    : `<div style="display:none;max-height:0;overflow:hidden;">${preview}</div>`;
}

async function compileMjml(source: string): Promise<string> {
  try {
    // Loading it takes a second, which commands that render nothing should not wait for.
    const { default: mjml2html } = await import('mjml');
    // Strict refuses unknown elements; includes would read the server's files; fonts would load from a third party.
    const { html } = await mjml2html(source, {
      validationLevel: 'strict',
      ignoreIncludes: true,
      fonts: {},
      keepComments: false,
    });
    return html;
  } catch (error) {
    throw new MallardError('template_invalid', `MJML body: ${mjmlReason(error)}.`, {
      fields: { part: 'body' },
      cause: error,
    });
  }
}

function mjmlReason(error: unknown): string {
  const errors = (error as { errors?: { line: number; message: string }[] }).errors;
  const [first] = errors ?? [];
  return first ? `line ${first.line}: ${first.message}` : errorMessage(error);
}

function asDocument(html: string): string {
  if (/<body[\s>]/i.test(html)) return html;
  return `<!doctype html>\n<html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"></head><body>\n${html}\n</body></html>\n`;
}

function insertBeforeBodyEnd(html: string, piece: string): string {
  if (piece === '') return html;
  const at = html.toLowerCase().lastIndexOf('</body>');
  return at < 0 ? html + piece : html.slice(0, at) + piece + html.slice(at);
}

function insertAfterBodyStart(html: string, piece: string): string {
  if (piece === '') return html;
  const body = /<body[^>]*>/i.exec(html);
  const at = body ? body.index + body[0].length : 0;
  return html.slice(0, at) + piece + html.slice(at);
}

/**
 * The text part, made once per template with its Liquid still in it: converting each recipient's HTML costs about a
 * millisecond, which at 200,000 recipients is minutes.
 */
function toText(html: string): string {
  return `${convert(html, {
    wordwrap: false,
    selectors: [
      { selector: 'img', format: 'skip' },
      { selector: 'a', options: { hideLinkHrefIfSameAsText: true, linkBrackets: ['(', ')'] } },
    ],
  })}\n`;
}
