/** HTML text whose every inserted value has been escaped, or was HTML already. */
export interface Html {
  readonly html: string;
}

type Insert = string | number | Html | readonly (Html | string)[] | undefined | false;

/**
 * A template of HTML: texts and numbers are escaped, `Html` and lists of it are taken as they are. Not named `html`, or
 * Prettier would indent the HTML inside, and white space shows between tiles and in figures.
 */
export function markup(parts: TemplateStringsArray, ...inserts: Insert[]): Html {
  return { html: parts.reduce((text, part, index) => text + insertText(inserts[index - 1]) + part) };
}

/** Trusted text, taken as it is: styles, our own SVG, a runtime. */
export function raw(text: string): Html {
  return { html: text };
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** JSON inside of a script element: nothing in it can end the element. */
export function scriptJson(value: unknown): Html {
  return raw(
    JSON.stringify(value)
      .replaceAll('<', '\\u003c')
      .replaceAll('\u2028', '\\u2028')
      .replaceAll('\u2029', '\\u2029'),
  );
}

function insertText(insert: Insert): string {
  if (insert === undefined || insert === false) return '';
  if (typeof insert === 'string') return escapeHtml(insert);
  if (typeof insert === 'number') return String(insert);
  if ('html' in insert) return insert.html;
  return insert.map(insertText).join('');
}
