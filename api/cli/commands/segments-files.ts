import type { Command } from 'commander';
import { MallardError } from '../../../data/errors.ts';
import type { ApiClient } from '../../client.ts';
import type { AppliedSegment } from '../../../pipelines/segments/apply/apply.ts';
import type { DefinitionFault } from '../../../pipelines/segments/apply/check.ts';
import type { ExportedSegments } from '../../../pipelines/segments/apply/export.ts';
import type { ApplyPlan } from '../../../pipelines/segments/apply/plan.ts';
import { askYes } from '../ask.ts';
import { inSession, type Cli } from '../cli.ts';
import { note, printJson, printLine } from '../output.ts';
import { readSegmentFiles, writeSegmentFiles, type FileFault, type SegmentFile } from '../segment-files.ts';
import { counted, planLines } from '../segment-plan-lines.ts';

/** `segments export` and `segments apply`: definitions as files that git keeps. */
export function segmentFileCommands(segments: Command, { streams }: Cli): void {
  segments
    .command('export')
    .description('Write the definitions into a folder: <segment_id>.yaml each, and their schema for editors')
    .argument('<dir>', 'made where there is none; files of segments are written over')
    .option('--prune', 'remove the files that an export wrote of segments that are no more')
    .addHelpText('after', '\nExample: mallard segments export segments')
    .action(
      inSession<{ prune?: boolean }>(async ({ client }, options, dir = '') => {
        const exported = await client.request<ExportedSegments>('GET', '/v1/segments/export');
        const { written, unchanged, stale, removed } = writeSegmentFiles(
          dir,
          exported,
          options.prune ?? false,
        );
        const leftOut = exported.left_out;
        if (options.json)
          return printJson(streams, { written, unchanged, removed, stale, left_out: leftOut });
        printLine(
          streams,
          `${counted(exported.segments.length, 'segment')} in ${dir}: wrote ${counted(written.length, 'file')}.`,
        );
        if (removed.length > 0) printLine(streams, `Removed: ${removed.join(', ')}.`);
        if (stale.length > 0)
          note(
            streams,
            `Of no segment there is, and left: ${stale.join(', ')}. --prune removes what an export wrote.`,
          );
        if (leftOut.length > 0) {
          const named = leftOut.map(({ segment_id: id, kind }) => `${id} (${kind})`);
          note(streams, `Not exported, since defined elsewhere: ${named.join(', ')}.`);
        }
      }),
    );

  segments
    .command('apply')
    .description('Make the saved segments what the files of a folder say; shows first what that changes')
    .argument('<dir>', 'of *.yaml; the name of a file is the segment’s id')
    .option('--prune', 'archive the saved segments without a file')
    .option('--yes', 'do it; otherwise the plan is shown, and at a terminal you are asked')
    .addHelpText('after', '\nExample: mallard segments apply segments')
    .action(
      inSession<{ prune?: boolean; yes?: boolean }>(async ({ client }, options, dir = '') => {
        const { definitions, plan } = await planOf(client, dir, options.prune ?? false);
        const changes = plan.segments.filter(({ action }) => action !== 'unchanged').length;
        if (!options.json) for (const line of planLines(plan)) printLine(streams, line);
        const isWanted =
          changes > 0 &&
          (options.yes ?? (options.json ? undefined : await askYes('Apply this?', streams.err)));
        if (!isWanted) {
          if (options.json) return printJson(streams, { plan, applied: null });
          if (changes === 0) return printLine(streams, `Nothing to do: all is as in ${dir}.`);
          return note(streams, 'Nothing was changed. --yes applies it.');
        }
        const expected = plan.segments.map(({ segment_id, version, updated_at }) => ({
          segment_id,
          version,
          updated_at,
        }));
        const applied = await client.request<{ segments: AppliedSegment[] }>('POST', '/v1/segments/apply', {
          body: { segments: definitions, expected, prune: options.prune ?? false },
        });
        if (options.json) return printJson(streams, { plan, applied: applied.segments });
        printLine(streams, `Applied: ${counted(changes, 'change')}. Members move with the next evaluation.`);
        note(streams, 'Now: mallard segments evaluate');
      }),
    );
}

/** Throws all faults of all files together, with file and line. */
async function planOf(client: ApiClient, dir: string, prune: boolean) {
  const { files, faults } = readSegmentFiles(dir);
  const definitions = files.map(({ definition }) => definition);
  try {
    const plan = await client.request<ApplyPlan>('POST', '/v1/segments/plan', {
      // Where a file cannot be read, its segment is not one to archive.
      body: { segments: definitions, prune: prune && faults.length === 0 },
    });
    if (faults.length === 0) return { definitions, plan };
  } catch (error) {
    const told =
      error instanceof MallardError ? (error.fields['faults'] as DefinitionFault[] | undefined) : undefined;
    if (!told) throw error;
    faults.push(...told.map((fault) => fileFault(fault, files)));
  }
  throw fileFaultsError(faults);
}

/** The fault of a definition where it stands in its file; of a segment without a file, by its id. */
function fileFault(
  { segment_id: id, path, message }: DefinitionFault,
  files: readonly SegmentFile[],
): FileFault {
  const file = files.find(({ definition }) => definition.segment_id === id);
  return { file: file?.path ?? id, line: file?.lineOf(path) ?? null, message };
}

function fileFaultsError(found: readonly FileFault[]): MallardError {
  const faults = found.toSorted(
    (a, b) => a.file.localeCompare(b.file, 'en') || (a.line ?? 0) - (b.line ?? 0),
  );
  const lines = faults.map(
    ({ file, line, message }) => `  ${file}${line === null ? '' : `:${line}`}: ${message}`,
  );
  return new MallardError('bad_request', `${counted(faults.length, 'fault')}:\n${lines.join('\n')}\n`, {
    fields: { faults },
    remedy: 'Nothing was changed: correct all of it and try again.',
  });
}
