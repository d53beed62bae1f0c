import { createRequire } from 'node:module';

interface HtmlToText {
  convert: (
    html: string,
    options?: {
      /** Characters of a line; false: none is broken. */
      wordwrap?: number | false;
      selectors?: { selector: string; format?: string; options?: Record<string, unknown> }[];
    },
  ) => string;
}

/** html-to-text 10 ships no types: this is the part of it that is used here. */
export const { convert } = createRequire(import.meta.url)('html-to-text') as HtmlToText;
