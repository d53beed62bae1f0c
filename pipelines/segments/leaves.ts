import { BehaviourScans } from '../../models/criteria/behaviours.ts';
import { compileCriteria, type CompiledLeaf } from '../../models/criteria/compile.ts';
import { criteriaCatalogue } from '../../models/criteria/from-catalogue.ts';
import { malloyPath, malloyString } from '../../models/criteria/literal.ts';
import type { Criteria, FieldType } from '../../models/criteria/types.ts';
import { leavesOf, treeOf, type TreeNode } from '../../models/criteria/walk.ts';
import type { LeafValue } from '../../models/criteria/words.ts';
import type { ModelEngine, TimeOptions } from '../../models/engine/engine.ts';
import { marts } from '../../models/engine/marts.ts';
import type { Catalogue } from '../../models/engine/types.ts';
import { forPerson, onePersonWorld, type OnePerson } from '../scores/one-person.ts';
import { segmentDefinitions } from './definitions.ts';
import { repeatedContact } from './fan-out.ts';
import type { SegmentContext } from './types.ts';
import { accountZone } from './zone.ts';

/** What explaining needs beyond what evaluating does. */
export interface ExplainContext extends SegmentContext {
  readonly engine: Pick<ModelEngine, 'compileSql' | 'compileInWorld' | 'catalogue' | 'builtAt'>;
}

export interface LeafTruth {
  isTrue: boolean;
  /** What was compared: of a field, or of a behaviour's measure. */
  value: LeafValue;
  type: FieldType;
}

export interface KnownLeaves {
  /** The tree, the segments that it names put in. */
  tree: TreeNode;
  /** By path in the tree. */
  leaves: ReadonlyMap<string, LeafTruth>;
  /** True where the marts' tables were read, as an evaluation as of that time does. */
  isFromMarts: boolean;
}

/**
 * What decides a tree for one person: every leaf by the Malloy text that decides it for all.
 *
 * Fields that were built as of the time are read from the marts. What else there is, is computed over the rows of this person
 * alone, so that nobody else's events are read; but for fields that place somebody among all (those of other marts, such as
 * quintiles), the project's own and Malloy segments, which may: these are computed over the base.
 * @returns undefined where the person was no contact at that time
 * @throws `criteria_invalid`; `model_invalid` where a join of the project's own matches several rows
 */
export async function readLeaves(
  context: ExplainContext,
  person: OnePerson,
  criteria: Criteria,
  time: TimeOptions,
): Promise<KnownLeaves | undefined> {
  const { engine, warehouse } = context;
  const catalogue = await engine.catalogue();
  const scans = new BehaviourScans(accountZone(warehouse));
  const segments = await segmentDefinitions(context);
  const compiled = new Map<string, CompiledLeaf>();
  compileCriteria(criteria, {
    catalogue: criteriaCatalogue(catalogue),
    zone: accountZone(warehouse),
    scans,
    segments,
    onLeaf: (leaf) => compiled.set(leaf.path, leaf),
  });
  const fields: CompiledLeaf[] = [];
  const ofBase: CompiledLeaf[] = [];
  const behaviours: CompiledLeaf[] = [];
  const tree = treeOf(criteria, segments);
  for (const { path, leaf } of leavesOf(tree)) {
    const text = compiled.get(path);
    if (!text) throw new Error(`the compiler did not tell of the leaf ${path}`);
    if ('segment' in leaf) ofBase.push(text);
    else if (!('field' in leaf)) behaviours.push(text);
    else (isOfBase(catalogue, leaf.field) ? ofBase : fields).push(text);
  }
  const source = catalogue.contact_source;
  const ask = { context, person, source, time };
  // Only where it is used: with KNOWN_AT its sources are read through, named or not.
  const extensionFor = (leaves: readonly CompiledLeaf[]) =>
    leaves.some(({ condition }) => condition.includes('criteria_relation_')) ? scans.extension() : '';
  const own = (leaves: readonly CompiledLeaf[]) => rowOf(ask, leaves, scans.extension(), true);

  if ((await engine.builtAt(time)) !== undefined) {
    // The marts may be older than a merge, or than the contact: then they do not say anything of this person.
    const built = await rowOf(ask, [...fields, ...ofBase], extensionFor(ofBase), false);
    const rest = built && (behaviours.length === 0 ? new Map<string, LeafTruth>() : await own(behaviours));
    if (built && rest) return { tree, leaves: new Map([...built, ...rest]), isFromMarts: true };
  }
  const known = await own([...fields, ...behaviours]);
  if (!known) return undefined;
  // What is asked for with a KNOWN_AT is read from the definitions, never from marts.
  const anew = { ...ask, time: { knownAt: everything, ...time } };
  const placed =
    ofBase.length === 0
      ? new Map<string, LeafTruth>()
      : await rowOf(anew, ofBase, extensionFor(ofBase), false);
  return placed && { tree, leaves: new Map([...known, ...placed]), isFromMarts: false };
}

/** KNOWN_AT of everything that was ever recorded. */
const everything = new Date('9999-12-31T00:00:00Z');

interface Ask {
  context: ExplainContext;
  person: OnePerson;
  source: string;
  time: TimeOptions;
}

/** A field of another mart may place somebody among all; so may one that the project made. */
function isOfBase({ fields }: Catalogue, path: string): boolean {
  const [head = ''] = path.split('.');
  return (
    (marts as readonly string[]).includes(head) ||
    fields.some((field) => field.path === path && field.source !== undefined)
  );
}

/**
 * The leaves of the person's row; undefined where there is none, or others of the same person beside it.
 * @param isNarrow over the rows of this person alone
 */
async function rowOf(
  { context: { engine, warehouse }, person, source, time }: Ask,
  leaves: readonly CompiledLeaf[],
  extension: string,
  isNarrow: boolean,
): Promise<Map<string, LeafTruth> | undefined> {
  const columns = leaves.flatMap(({ value, condition }, i) => [`v${i} is ${value}`, `c${i} is ${condition}`]);
  const ids = person.members.map(malloyString).join(' | ');
  const malloy = `run: ${malloyPath(source)}${extension} -> {
    where: contact_id ? ${ids}
    select: ${['contact_id', ...columns].join(', ')}
  }`;
  const options = { ...time, restricted: true };
  const { sql } = isNarrow
    ? await engine.compileInWorld(onePersonWorld, malloy, options)
    : await engine.compileSql(malloy, options);
  const rows = await warehouse.read((session) => session.rows(isNarrow ? forPerson(sql, person) : sql));
  const [row, second] = rows;
  if (row && second && row['contact_id'] === second['contact_id'])
    throw repeatedContact(source, person.contact_id, rows.length);
  if (!row || second || row['contact_id'] !== person.contact_id) return undefined;
  return new Map(
    leaves.map(({ path, type }, i) => [
      path,
      { isTrue: row[`c${i}`] === true, value: leafValue(row[`v${i}`]), type },
    ]),
  );
}

/** A value as JSON has it: integers as numbers where they are exact, decimals and times as text. */
function leafValue(value: unknown): LeafValue {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  return null;
}
