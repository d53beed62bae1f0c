import { Context, toValueSync, type Liquid } from 'liquidjs';
import { htmlLiquid, templateError, textLiquid } from './liquid.ts';
import type { CompiledTemplate, Cut, RenderedMessage } from './template.ts';

/**
 * Renders one recipient's mail.
 * @param values the contact's variables as nested objects, with `account`, `unsubscribe_url` and `preferences_url`
 * @throws `template_invalid` where a filter fails or a limit is passed
 */
export function renderMessage(compiled: CompiledTemplate, values: Record<string, unknown>): RenderedMessage {
  return {
    // A header is one line: what a value brings in line breaks must not start another header.
    subject: assemble(compiled.subject, pieces(textLiquid, 'subject', compiled.subject, values))
      .replace(/\s+/g, ' ')
      .trim(),
    html_pieces: compiled.html ? pieces(htmlLiquid, 'body', compiled.html, values) : [],
    text_pieces: pieces(textLiquid, 'text part', compiled.text, values),
  };
}

/** Puts a recipient's pieces between the static text. */
export function assemble({ statics }: Pick<Cut, 'statics'>, rendered: readonly string[]): string {
  return statics.map((text, index) => text + (rendered[index] ?? '')).join('');
}

/** One context over all pieces, so that `{% assign %}` in one is seen by the next. */
function pieces(engine: Liquid, part: string, { dynamic }: Cut, values: Record<string, unknown>): string[] {
  const context = new Context(values, engine.options, { sync: true }, { liquid: engine });
  try {
    return dynamic.map((nodes) =>
      String(toValueSync(engine.renderer.renderTemplates([...nodes], context)) ?? ''),
    );
  } catch (error) {
    throw templateError(part, error);
  }
}
