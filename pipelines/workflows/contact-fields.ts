import { MallardError } from '../../data/errors.ts';
import { malloyPath } from '../../models/criteria/literal.ts';
import { nearestName } from '../../models/criteria/nearest.ts';
import { jsonReady } from '../campaigns/facts.ts';
import { resolveAsOf } from '../segments/as-of.ts';
import type { SegmentContext } from '../segments/types.ts';

/**
 * A SELECT of contact_id and the given fields of the catalogue, by their paths, as of the last build; times are ISO text.
 * @throws `bad_request` for a field that there is not, with the nearest; `conflict` where nothing was built
 */
export async function contactFieldsSql(
  { warehouse, engine }: SegmentContext,
  fields: readonly string[],
): Promise<string> {
  const { fields: known, contact_source: source } = await engine.catalogue();
  const own = known.filter(({ mart }) => mart === 'contact_facts');
  const paths = [...new Set(fields)].filter((path) => path !== 'contact_id');
  const found = paths.map((path) => own.find((field) => field.path === path) ?? refuse(path, own));
  const selected = found.map(({ path }, index) => `, f${index} is ${malloyPath(path)}`);
  const { sql } = await engine.compileSql(
    `run: ${malloyPath(source)} -> { select: contact_id${selected.join('')} }`,
    { asOf: await resolveAsOf(warehouse, undefined), restricted: true },
  );
  const columns = found.map(
    ({ path, type }, index) => `, ${jsonReady(`f${index}`, type)} as "${path.replaceAll('"', '""')}"`,
  );
  return `select contact_id${columns.join('')} from (${sql})`;
}

function refuse(path: string, known: readonly { path: string }[]): never {
  const nearest = nearestName(
    path,
    known.map((field) => field.path),
  );
  const hint = nearest === undefined ? '' : ` Did you mean '${nearest}'?`;
  throw new MallardError('bad_request', `There is no field '${path}'.${hint}`, {
    fields: { field: 'fields', ...(nearest === undefined ? {} : { nearest }) },
    remedy: 'List them with `mallard fields`.',
  });
}
