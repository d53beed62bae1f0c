import { createHash } from 'node:crypto';
import { reportBlocks } from './blocks.ts';
import { chartPng } from './chart-png.ts';
import { chartSpec } from './chart-spec.ts';
import { mailColumnPx, mailHtml } from './mail-html.ts';
import { mailText } from './mail-text.ts';
import { subjectText } from './summary.ts';
import type { ReportData } from './types.ts';

/** A chart is laid out narrower than it is shown, so that its labels stay legible when a phone shrinks it. */
const drawnPx = 500;

export interface MailAttachment {
  cid: string;
  filename: string;
  content: Uint8Array;
  contentType: 'image/png';
  /** What the picture shows, in words and figures. */
  alt: string;
}

/** A report as a mail, still without sender and recipients. */
export interface ReportMail {
  /** The same for every rendering of the same report as of the same time: see `reportRunId`. */
  report_run_id: string;
  subject: string;
  html: string;
  text: string;
  attachments: MailAttachment[];
}

/**
 * Names a run by what it reports: report and as-of time. A rerun has the same name, so its mail (Message-ID, file in
 * the outbox) is recognisable as the same one.
 */
export function reportRunId(data: Pick<ReportData, 'report_id' | 'as_of'>): string {
  const digest = createHash('sha256').update(`${data.report_id}\n${data.as_of}`).digest('hex');
  const day = data.as_of.slice(0, 10);
  return `${data.report_id.replace(/[^A-Za-z0-9_-]/g, '_')}.${day}.${digest.slice(0, 12)}`;
}

/** Renders the mail. Pure: the same data gives the same mail, to the byte. */
export async function renderMail(data: ReportData): Promise<ReportMail> {
  const blocks = reportBlocks(data);
  const runId = reportRunId(data);
  const pictures = new Map<string, string>();
  const attachments: MailAttachment[] = [];
  for (const block of blocks) {
    if (block.kind !== 'chart') continue;
    const { png } = await chartPng(
      chartSpec(block, data, { width_px: drawnPx }),
      (2 * mailColumnPx) / drawnPx,
    );
    const cid = `${block.id}.${runId}@mallard`;
    pictures.set(block.id, cid);
    attachments.push({
      cid,
      filename: `${block.id}.png`,
      content: png,
      contentType: 'image/png',
      alt: `${block.title}: ${block.finding}`,
    });
  }
  return {
    report_run_id: runId,
    subject: subjectText(data, blocks),
    html: mailHtml(data, blocks, pictures),
    text: mailText(data, blocks),
    attachments,
  };
}
