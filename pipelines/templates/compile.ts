import { createHash } from 'node:crypto';
import { Context, TokenKind, toValueSync, type Liquid, type Template as LiquidNode } from 'liquidjs';
import { bodySources } from './body.ts';
import { htmlLiquid, parseLiquid, textLiquid } from './liquid.ts';
import type { CompiledTemplate, Cut, MessageClass, MessageTemplate } from './template.ts';
import { requiredVariables, usedVariables } from './variables.ts';

/**
 * Compiles a template: MJML once, Liquid parsed and cut. About 10 ms for MJML; keep the answer (see `templateCache`).
 * @throws `template_invalid` with part and line
 */
export async function compileTemplate(
  template: MessageTemplate,
  messageClass: MessageClass,
): Promise<CompiledTemplate> {
  const sources = await bodySources(template, messageClass);
  const parts: { engine: Liquid; nodes: LiquidNode[] }[] = [];
  const parse = (engine: Liquid, part: string, source: string): Cut => {
    const nodes = parseLiquid(engine, part, source);
    parts.push({ engine, nodes });
    return cut(engine, nodes);
  };
  const subject = parse(textLiquid, 'subject', template.subject);
  const html = sources.html === null ? null : parse(htmlLiquid, 'body', sources.html);
  const text = parse(textLiquid, 'text part', sources.text);
  return {
    layout_id: createHash('sha256')
      .update(JSON.stringify([template, messageClass]))
      .digest('hex')
      .slice(0, 16),
    subject,
    html,
    text,
    variables: sortedUnique(parts.flatMap(({ engine, nodes }) => usedVariables(engine, nodes))),
    required: sortedUnique(parts.flatMap(({ engine, nodes }) => requiredVariables(engine, nodes))),
  };
}

/** Compiles each distinct template once; keeps the last `size`. */
export function templateCache(size = 50): typeof compileTemplate {
  const kept = new Map<string, Promise<CompiledTemplate>>();
  return (template, messageClass) => {
    const key = JSON.stringify([template, messageClass]);
    const known = kept.get(key);
    if (known) return known;
    const compiling = compileTemplate(template, messageClass);
    kept.set(key, compiling);
    compiling.catch(() => kept.delete(key));
    const [oldest] = kept.keys();
    if (kept.size > size && oldest !== undefined) kept.delete(oldest);
    return compiling;
  };
}

/** Neighbouring Liquid nodes make one dynamic piece; stretches of text are rendered once, here. */
function cut(engine: Liquid, nodes: LiquidNode[]): Cut {
  const statics = [''];
  const dynamic: LiquidNode[][] = [];
  let previousWasDynamic = false;
  for (const node of nodes) {
    if (node.token.kind === TokenKind.HTML) {
      statics[statics.length - 1] += String(
        toValueSync(engine.renderer.renderTemplates([node], new Context({}, engine.options))),
      );
      previousWasDynamic = false;
    } else if (previousWasDynamic) {
      dynamic.at(-1)?.push(node);
    } else {
      dynamic.push([node]);
      statics.push('');
      previousWasDynamic = true;
    }
  }
  return { statics, dynamic };
}

function sortedUnique(names: string[]): string[] {
  return [...new Set(names)].sort();
}
