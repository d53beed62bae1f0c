import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { simpleParser } from 'mailparser';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { tempFolder } from '../support.ts';
import { runCli } from './run.ts';

interface Step {
  step: string;
  figures: string;
}

/** The numbers of a step's figures, in order. */
const numbersOf = (step: Step | undefined) =>
  [...(step?.figures ?? '').matchAll(/\d[\d,]*/g)].map(([text]) => Number(text.replaceAll(',', '')));

test('demo --once goes the whole path, finds its data the second time, and refuses data of somebody else', async () => {
  const folder = tempFolder();
  const dir = join(folder, 'demo');
  const demo = ['--project', dir, 'demo', '--contacts', '400', '--once', '--json'];
  const first = await runCli(demo);
  expect(first).toMatchObject({ code: 0 });
  const steps = JSON.parse(first.stdout) as Step[];
  expect(steps.map(({ step }) => step)).toEqual([
    'Sample history',
    'Load',
    'Build models',
    'Segments',
    'Campaign',
    'Delivery',
    'Report',
  ]);
  const of = (name: string) => steps.find(({ step }) => step === name);
  // Duplicates of one person are planted among the 400, and merged.
  const { figures } = of('Build models') ?? { figures: '' };
  const people = Number(/contact_facts (\d+)/.exec(figures)?.[1]);
  expect(people).toBeGreaterThan(380);
  expect(people).toBeLessThan(400);
  expect(numbersOf(of('Load'))[1]).toBe(0);
  const [targets = 0, toSend = 0, heldOut = 0, excluded = 0] = numbersOf(of('Campaign'));
  expect(toSend).toBeGreaterThan(0);
  expect(toSend + heldOut + excluded).toBe(targets);
  expect(numbersOf(of('Delivery'))[0]).toBe(toSend);

  const mails = readdirSync(join(dir, 'outbox'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.eml'),
  );
  const parsed = await Promise.all(
    mails.map(async (name) => {
      const source = await readFile(join(dir, 'outbox', name), 'utf8');
      return { ...(await simpleParser(source)), isCampaign: /^List-Unsubscribe-Post:/m.test(source) };
    }),
  );
  const campaign = parsed.filter((mail) => mail.isCampaign);
  expect(campaign).toHaveLength(toSend);
  const addresses = campaign.flatMap((mail) => (mail.to && 'text' in mail.to ? [mail.to.text] : []));
  expect(new Set(addresses).size).toBe(toSend);
  const weekly = parsed.find((mail) => /weekly/i.test(mail.subject ?? ''));
  expect(weekly?.attachments.filter(({ contentType }) => contentType === 'image/png').length).toBeGreaterThan(
    0,
  );

  const second = await runCli(demo);
  expect(second).toMatchObject({ code: 0 });
  expect(JSON.parse(second.stdout)).toEqual(steps);
  expect(await runCli(['--project', dir, 'test'])).toMatchObject({ code: 0 });

  const other = join(folder, 'other');
  const own = join(
    dir,
    'sample',
    readdirSync(join(dir, 'sample')).find((name) => name.startsWith('contacts.')) ?? '',
  );
  expect(existsSync(own)).toBe(true);
  expect((await runCli(['--project', other, 'load', 'contacts', own])).code).toBe(0);
  const refused = await runCli(['--project', other, 'demo', '--contacts', '400', '--once']);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("holds data that is not the demo's");
}, 240_000);
