/**
 * Photographs a report mail as a mail client shows it: `npx tsx test/visual/report-picture.ts MAIL.eml OUT.png [width]`.
 * The mail is one that Mallard wrote (mallard reports send weekly; the file is in the project's outbox), so the README's
 * picture is made by the project itself. Needs Chromium (`CHROMIUM`, else chromium or google-chrome on the path): a
 * canvas alone cannot lay out HTML. Widths under 500 px are shown in a frame, since no window is narrower.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { simpleParser } from 'mailparser';

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--hide-scrollbars',
  '--allow-file-access-from-files',
  '--force-device-scale-factor=2',
];

function browser(): string {
  const candidates = [process.env['CHROMIUM'], 'chromium', 'chromium-browser', 'google-chrome'];
  for (const name of candidates) {
    if (!name) continue;
    try {
      execFileSync(name, ['--version'], { stdio: 'ignore' });
      return name;
    } catch {
      // Not this one.
    }
  }
  throw new Error('No Chromium found: install it, or name it in CHROMIUM.');
}

/** Writes `out`: the whole mail, `widthPx` CSS pixels wide, at two device pixels each. */
export async function reportPicture(emlFile: string, out: string, widthPx = 688): Promise<void> {
  const chromium = browser();
  const folder = mkdtempSync(join(tmpdir(), 'report-picture-'));
  const profile = `--user-data-dir=${join(folder, 'profile')}`;
  const run = (args: string[]) =>
    execFileSync(chromium, [...flags, profile, ...args], {
      encoding: 'utf8',
      timeout: 60_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  try {
    // The parser puts the attached pictures where their CIDs are.
    const mail = await simpleParser(readFileSync(emlFile));
    if (!mail.html) throw new Error(`${emlFile} has no HTML part.`);
    const measure = '<script>document.title = String(document.documentElement.scrollHeight)</script>';
    writeFileSync(join(folder, 'mail.html'), mail.html.replace('</body>', `${measure}</body>`));
    const frame = (heightPx: number) =>
      `<title>x</title><body style="margin:0"><iframe src="mail.html" style="width:${widthPx}px;height:${heightPx}px;border:0" onload="document.title = contentDocument.title"></iframe>`;
    const frameFile = join(folder, 'frame.html');
    writeFileSync(frameFile, frame(100));
    const height = Number(
      /<title>(\d+)<\/title>/.exec(
        run(['--dump-dom', '--virtual-time-budget=2000', `file://${frameFile}`]),
      )?.[1],
    );
    if (!height) throw new Error('The mail could not be measured.');
    writeFileSync(frameFile, frame(height));
    run([`--window-size=${widthPx},${height}`, `--screenshot=${resolve(out)}`, `file://${frameFile}`]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [, script, eml, out, width] = process.argv;
if (script?.endsWith('report-picture.ts')) {
  if (!eml || !out) {
    console.error('Usage: tsx test/visual/report-picture.ts MAIL.eml OUT.png [width]');
    process.exitCode = 2;
  } else {
    await reportPicture(eml, out, width ? Number(width) : undefined);
    process.stdout.write(`Wrote ${out}.\n`);
  }
}
