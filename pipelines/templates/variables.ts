import { Output, type Template as LiquidNode, type Liquid } from 'liquidjs';
import { MallardError } from '../../data/errors.ts';
import { nearestName } from '../../models/criteria/nearest.ts';

/** Variables that are not fields of a mart: what the account is, the address written to, and the recipient's own links. */
export const commonVariables = [
  'account.name',
  'account.postal_address',
  'account.public_url',
  'account.from_email',
  'recipient.email',
  'unsubscribe_url',
  'preferences_url',
];

/** The paths that `nodes` take from the context, such as `email.last_30_days.clicks`. Variables set within are not among them. */
export function usedVariables(engine: Liquid, nodes: LiquidNode[]): string[] {
  // A bracketed or computed segment cannot be a column's name: the path ends before it.
  return engine.globalVariableSegmentsSync(nodes).map((segments) => {
    const end = segments.findIndex((segment) => typeof segment !== 'string');
    return (end < 0 ? segments : segments.slice(0, end)).join('.');
  });
}

/**
 * The paths that leave a hole where they are null: put out at the top level without a `default`. What stands inside
 * of `{% if %}` or `{% for %}` is the author's own guard.
 */
export function requiredVariables(engine: Liquid, nodes: LiquidNode[]): string[] {
  const global = new Set(usedVariables(engine, nodes));
  return nodes
    .filter((node) => node instanceof Output)
    .filter((node) => !/\|\s*default\b/.test(node.token.getText()))
    .flatMap((node) => usedVariables(engine, [node]))
    .filter((path) => global.has(path));
}

/**
 * Refuses a template that names a variable nobody has.
 * @param available paths of the contact's variables; the common ones are always there
 * @throws `template_invalid` naming the first unknown variable and the one nearest to it
 */
export function checkVariables(used: readonly string[], available: readonly string[]): void {
  const known = [...available, ...commonVariables];
  const set = new Set(known);
  const unknown = used.find((path) => !set.has(path));
  if (unknown === undefined) return;
  const nearest = nearestName(unknown, known);
  throw new MallardError('template_invalid', `The template uses {{ ${unknown} }}, which no contact has.`, {
    fields: { variable: unknown, ...(nearest === undefined ? {} : { nearest }) },
    remedy:
      nearest === undefined
        ? 'List the variables with `mallard fields`.'
        : `Did you mean {{ ${nearest} }}? All are in \`mallard fields\`.`,
  });
}
