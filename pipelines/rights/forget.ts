import { toTimestamp } from '../../data/clock.ts';
import { MallardError } from '../../data/errors.ts';
import { scheduleCompaction } from '../../data/owner/compaction.ts';
import type { Session } from '../../data/owner/session.ts';
import { projectSecret } from '../consent/secret.ts';
import { eraseStatements, residueSql } from './erase-sql.ts';
import {
  beginErasure,
  completeErasure,
  peopleOf,
  runningErasures,
  type Erasure,
  type ErasureCounts,
} from './erasures.ts';
import { countPerson, forgottenBefore, isKnown, unknownPerson, type RightsContext } from './export.ts';
import { eraseFiles, personalFiles, type PersonalFile } from './files.ts';
import { finishUnsent } from './finish-unsent.ts';
import { describe, resolvePerson, type Person } from './person.ts';
import type { RightsLane } from './registry.ts';
import { personalTables, withRows, type PersonalTable } from './tables.ts';

export interface ForgetRequest {
  /** A contact id or an address. */
  reference: string;
  /** For the record; what of it names the person is erased as well. */
  reason?: string | undefined;
  requestedBy: string;
  /** Counts, and erases nothing. Default false. */
  dryRun?: boolean | undefined;
}

export interface ForgetOutcome {
  status: 'forgotten' | 'already_forgotten' | 'dry_run';
  erasure_id: string | null;
  contact_count: number;
  address_count: number;
  /** Rows by table: of a dry run those found (`found`), else what was done to them. */
  tables: Record<string, Partial<Record<string, number>>>;
  /** Of a dry run what would be, else what was deleted or rewritten; relative to the project. */
  files: PersonalFile[];
  kept: { what: string; why: string }[];
  completed_at: string | null;
  /** Until when the deleted bytes leave the database file. */
  compact_by: string | null;
}

/** More passes than this are never needed: a second one takes what arrived during the first. */
const passesMax = 5;

/**
 * Erases a person: everywhere, by the rules of registry.ts, one transaction a lane. The intent is written first and a
 * crash resumes (`resumeErasures`); it ends when nothing is found any more, and schedules the compaction.
 *
 * Who was forgotten before and is not known again is answered `already_forgotten`.
 * @throws `not_found` where nothing is known and nothing was forgotten
 */
export async function forgetPerson(context: RightsContext, request: ForgetRequest): Promise<ForgetOutcome> {
  const { warehouse, project } = context;
  const found = await warehouse.read(async (session) => {
    const person = await resolvePerson(session, request.reference);
    const tables = await personalTables(session);
    const counts = await countPerson(session, tables, person);
    const files = await personalFiles(project, session, person);
    if (isKnown(counts, files)) return { person, tables, counts, files };
    const before = await forgottenBefore(context, session, request.reference);
    if (!before) throw await unknownPerson(context, session, request.reference);
    return before;
  });
  if ('erasure_id' in found) return outcomeOf(found, 'already_forgotten', [], []);
  const { person, tables, counts, files } = found;
  const kept = keptOf(tables, counts, files);
  if (request.dryRun === true) {
    return {
      status: 'dry_run',
      erasure_id: null,
      contact_count: person.contact_ids.length,
      address_count: person.emails.length,
      tables: Object.fromEntries(Object.entries(counts).map(([table, rows]) => [table, { found: rows }])),
      files,
      kept,
      completed_at: null,
      compact_by: null,
    };
  }
  const erasure = await warehouse.ledger.transaction((tx) =>
    beginErasure(tx, person, {
      secret: projectSecret(project),
      requestedBy: request.requestedBy,
      reason: request.reason ?? null,
      now: context.clock.now(),
    }),
  );
  const done = await runErasure(context, erasure, person);
  return outcomeOf(done.erasure, 'forgotten', done.files, kept);
}

/** Ends the erasures that a crash interrupted. To be called at boot, before anything is sent. Answers how many. */
export async function resumeErasures(context: RightsContext): Promise<number> {
  const { warehouse, project } = context;
  const running = await warehouse.read(runningErasures);
  for (const erasure of running) {
    const person = await warehouse.read(async (session) => {
      const { ids, emails } = await peopleOf(session, erasure, projectSecret(project));
      return describe(session, ids, emails);
    });
    await runErasure(context, erasure, { ...person, address_keys: erasure.address_keys });
  }
  return running.length;
}

async function runErasure(
  context: RightsContext,
  erasure: Erasure,
  person: Person,
): Promise<{ erasure: Erasure; files: PersonalFile[] }> {
  const { warehouse, project, clock, account } = context;
  const salt = erasure.salt ?? '';
  const counts: ErasureCounts = {};
  const files = await eraseAllFiles(context, person);
  for (let pass = 1; ; pass += 1) {
    const left = await residue(context, person);
    if (left.length === 0) break;
    if (pass > passesMax) {
      throw new MallardError(
        'internal',
        `The erasure ${erasure.erasure_id} still finds the person in ${left.map(({ name }) => name).join(', ')}.`,
        { fields: { erasure_id: erasure.erasure_id, tables: left.map(({ name }) => name) } },
      );
    }
    const of = (lane: RightsLane) => left.filter(({ rule }) => 'lane' in rule && rule.lane === lane);
    const erase = (tx: Session, lane: RightsLane) => eraseTables(tx, of(lane), person, salt, counts);
    // The ledger's transaction inside of the build's: a claim sees both anonymised, or neither (but for one commit).
    if (of('build').length + of('ledger').length > 0) {
      await warehouse.build.transaction(async (build) => {
        await erase(build, 'build');
        await warehouse.ledger.transaction(async (ledger) => {
          const ended = await finishUnsent(ledger, person, salt, toTimestamp(clock.now()));
          const ledgerTables =
            ended > 0 ? withDeliveries(await personalTables(ledger), of('ledger')) : of('ledger');
          await eraseTables(ledger, ledgerTables, person, salt, counts);
        });
      });
    }
    // The last: until it commits, the person can be found again by the hashes of the intent.
    if (of('loads').length > 0) await warehouse.loads.transaction((tx) => erase(tx, 'loads'));
  }
  // A sender may have written a mail meanwhile.
  files.push(...(await eraseAllFiles(context, person)));
  const now = clock.now();
  const compactBy = new Date(now.getTime() + account.erasure_compaction_days * dayMs);
  // Before the completion: a crash between the two compacts once too often.
  scheduleCompaction(project, compactBy);
  const completed = await warehouse.ledger.transaction((tx) =>
    completeErasure(tx, erasure.erasure_id, { counts, now, compactBy }),
  );
  return { erasure: completed, files };
}

const dayMs = 24 * 60 * 60 * 1000;

/** A table that still holds the person, and how. */
interface Residue extends PersonalTable {
  own: boolean;
  mentions: boolean;
}

function withDeliveries(all: readonly PersonalTable[], some: readonly Residue[]): Residue[] {
  const deliveries = all
    .filter(({ name }) => name === 'ops.deliveries')
    .map((table) => ({ ...table, own: true, mentions: false }));
  return [...some.filter(({ name }) => name !== 'ops.deliveries'), ...deliveries];
}

async function eraseTables(
  tx: Session,
  tables: readonly Residue[],
  person: Person,
  salt: string,
  counts: ErasureCounts,
): Promise<void> {
  for (const table of tables) {
    for (const { sql, effect } of eraseStatements(table, person, salt)) {
      if (effect === 'mentions_erased' ? !table.mentions : !table.own) continue;
      const rows = await tx.run(sql);
      if (rows === 0) continue;
      const counted = (counts[table.name] ??= {});
      counted[effect] = (counted[effect] ?? 0) + rows;
    }
  }
}

/**
 * The tables that still hold the person. Behind what the build and loads lanes are at: a build that began before the
 * erasure writes the person anew.
 */
async function residue({ warehouse }: RightsContext, person: Person): Promise<Residue[]> {
  await Promise.all([warehouse.build, warehouse.loads].map((lane) => lane.exclusive(async () => undefined)));
  return warehouse.read(async (session) => {
    const left: Residue[] = [];
    for (const table of await withRows(session, await personalTables(session))) {
      const { own, mentions } = residueSql(table, person);
      const has = async (condition: string) =>
        condition !== 'false' &&
        (await session.one(`select 1 as one from ${table.sql} where ${condition} limit 1`)) !== undefined;
      const found = { own: await has(own), mentions: await has(mentions) };
      if (found.own || found.mentions) left.push({ ...table, ...found });
    }
    return left;
  });
}

function eraseAllFiles({ warehouse, project }: RightsContext, person: Person): Promise<PersonalFile[]> {
  return warehouse.read(async (session) => {
    const files = (await personalFiles(project, session, person)).filter(
      ({ treatment }) => treatment !== 'tell',
    );
    await eraseFiles(project, session, person, files);
    return files;
  });
}

function keptOf(
  tables: readonly PersonalTable[],
  counts: Readonly<Record<string, number>>,
  files: readonly PersonalFile[],
): ForgetOutcome['kept'] {
  const anonymous = tables.flatMap(({ name, rule }) =>
    counts[name] !== undefined && (rule.erase === 'values' || rule.erase === 'found_values')
      ? [{ what: `${name}: ${counts[name]} rows without the person`, why: rule.why }]
      : [],
  );
  return [
    {
      what: 'ops.suppressions, ops.erasures: the hash of each address',
      why: 'So that nobody writes to it again, even where it is imported again: it is excluded as suppressed_forgotten.',
    },
    ...anonymous,
    ...files
      .filter(({ treatment }) => treatment === 'tell')
      .map(({ file, why }) => ({ what: `${file} names the person`, why })),
    {
      what: 'mails that a sender has in its hands now, and copies outside of this folder (backups, providers)',
      why: 'Mallard cannot reach them.',
    },
  ];
}

function outcomeOf(
  erasure: Erasure,
  status: ForgetOutcome['status'],
  files: PersonalFile[],
  kept: ForgetOutcome['kept'],
): ForgetOutcome {
  return {
    status,
    erasure_id: erasure.erasure_id,
    contact_count: erasure.contact_keys.length,
    address_count: erasure.address_keys.length,
    tables: erasure.counts ?? {},
    files,
    kept,
    completed_at: erasure.completed_at,
    compact_by: erasure.compacted_at === null ? erasure.compact_by : null,
  };
}
