import type { Command } from 'commander';
import type { SegmentExplanation } from '../../../pipelines/segments/explain.ts';
import { asOfOf, inSession, type Cli } from '../cli.ts';
import { criteriaArgument, isJson } from '../read-object.ts';
import { printJson } from '../output.ts';
import { printExplanation } from './segment-lines.ts';

/** segments explain */
export function segmentExplainCommand(segments: Command, { streams }: Cli): void {
  segments
    .command('explain')
    .description('Why a contact is, or is not, in a segment, and when it entered and left and why')
    .argument('<segment>', 'a segment’s id; or criteria that are not saved: JSON, or a .json or .yaml file')
    .argument('<contact>', 'an id or an e-mail address')
    .addHelpText(
      'after',
      `
Example: mallard segments explain win_back ann@example.com
         mallard segments explain win_back ann@example.com --as-of 2026-10-01`,
    )
    .action(
      inSession(async ({ client }, options, segment = '', contact = '') => {
        const answer =
          isJson(segment) || /\.(json|ya?ml)$/i.test(segment)
            ? await client.request<SegmentExplanation>('POST', '/v1/segments/explain', {
                body: { criteria: criteriaArgument(segment), contact_id: contact, ...asOfOf(options) },
              })
            : await client.request<SegmentExplanation>(
                'GET',
                `/v1/segments/${encodeURIComponent(segment)}/explain`,
                { query: { contact_id: contact, as_of: options.asOf } },
              );
        if (options.json) return printJson(streams, answer);
        printExplanation(streams, answer);
      }),
    );
}
