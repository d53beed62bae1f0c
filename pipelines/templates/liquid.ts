import { Liquid, LiquidError, type Template as LiquidNode } from 'liquidjs';
import { errorMessage, MallardError } from '../../data/errors.ts';

/**
 * Locked down: `templates: {}` because LiquidJS otherwise reads server files through `{% render %}`; own properties
 * only, so that no prototype is reachable; and limits on what one template may cost (characters parsed, milliseconds
 * and characters allocated for one recipient). Dates are read and shown in UTC, whatever the machine's zone is.
 */
const locked = {
  templates: {},
  ownPropertyOnly: true,
  strictFilters: true,
  parseLimit: 1_000_000,
  renderLimit: 1_000,
  memoryLimit: 5_000_000,
  timezoneOffset: 0,
} as const;

/** For HTML: values are escaped unless the author writes `| raw`. */
export const htmlLiquid = lock(new Liquid({ ...locked, outputEscape: 'escape' }));

/** For subjects and plain text. */
export const textLiquid = lock(new Liquid(locked));

/** There is nothing to include: without these tags that is a parse error with its line, not a failed lookup. */
function lock(engine: Liquid): Liquid {
  for (const tag of ['render', 'include', 'layout', 'block']) delete engine.tags[tag];
  return engine;
}

/**
 * Parses one part of a template.
 * @throws `template_invalid` with the part, the line and the reason
 */
export function parseLiquid(engine: Liquid, part: string, source: string): LiquidNode[] {
  try {
    return engine.parse(source);
  } catch (error) {
    throw templateError(part, error);
  }
}

export function templateError(part: string, error: unknown): MallardError {
  const place = LiquidError.is(error) ? error.token.getPosition() : undefined;
  const line = place?.[0];
  return new MallardError(
    'template_invalid',
    `${part}${line === undefined ? '' : ` line ${line}`}: ${errorMessage(error)}.`,
    {
      fields: { part, ...(line === undefined ? {} : { line }) },
      cause: error,
    },
  );
}
