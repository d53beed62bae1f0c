import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { askYes } from '../../api/cli/ask.ts';
import { readSegmentFiles, writeSegmentFiles } from '../../api/cli/segment-files.ts';
import { criteriaCatalogue } from '../../models/criteria/from-catalogue.ts';
import { applySegments } from '../../pipelines/segments/apply/apply.ts';
import { exportSegments } from '../../pipelines/segments/apply/export.ts';
import { planApply } from '../../pipelines/segments/apply/plan.ts';
import { text, treesOf } from '../models/criteria/trees.ts';
import { openFixture } from '../pipelines/segments/fixture.ts';
import { startServer } from '../server.ts';
import { tempFolder } from '../support.ts';
import { callCli } from './in-process.ts';

const header = '# yaml-language-server: $schema=./segment.schema.json\n';

test('property: what is exported and applied is unchanged, whatever is in it, and is the same bytes again', async () => {
  const { context, engine } = await openFixture();
  const definition = fc.record({
    title: text.filter((title) => title.trim() !== '' && title.length <= 200),
    description: fc.option(text),
    criteria: treesOf(criteriaCatalogue(await engine.catalogue())),
  });
  const segments = fc
    .sample(definition, { numRuns: 150, seed: 3 })
    .map((each, index) => ({ segment_id: `s${index}`, ...each }));
  const first = await planApply(context, { segments });
  await applySegments(context, { segments }, first.segments);

  const dir = tempFolder();
  expect(writeSegmentFiles(dir, await exportSegments(context), false).written).toHaveLength(151);
  const again = writeSegmentFiles(dir, await exportSegments(context), false);
  expect([again.written, again.unchanged.length]).toEqual([[], 151]);
  const reread = async () => {
    const { files, faults } = readSegmentFiles(dir);
    expect(faults).toEqual([]);
    const read = files.map((file) => file.definition);
    const plan = await planApply(context, { segments: read, prune: true });
    return plan.segments.filter(({ action }) => action !== 'unchanged');
  };
  expect(await reread()).toEqual([]);
  // As git on Windows may check them out.
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    writeFileSync(path, readFileSync(path, 'utf8').replaceAll('\n', '\r\n'));
  }
  expect(await reread()).toEqual([]);
});

test('a file is read with the lines of what is in it', () => {
  const dir = tempFolder();
  const write = (name: string, content: string) => writeFileSync(join(dir, name), content);
  write(
    'good.yaml',
    `${header}title: Good\ncriteria:\n  all:\n    - field: country\n      operator: equals\n      value: 'NO'\n    - not: {field: x, operator: is_set}\n`,
  );
  write('json.yml', '{"segment_id": "json", "title": "JSON", "criteria": []}');
  write('good.yml', 'title: Another\n');
  write('other.yaml', 'segment_id: mine\ntitle: X\n');
  write('list.yaml', '- a\n');
  write('twice.yaml', 'title: A\ntitle: B\n');
  write('two.yaml', 'title: A\n---\ntitle: B\n');
  write(
    'bomb.yaml',
    `a: &a [1]\n${'bcdefghij'.replace(/./g, (key) => `${key}: &${key} [${`*${String.fromCharCode(key.charCodeAt(0) - 1)}, `.repeat(9)}]\n`)}`,
  );
  write('.hidden.yaml', '[');
  write('notes.txt', '[');
  mkdirSync(join(dir, 'folder.yaml'));
  const { files, faults } = readSegmentFiles(dir);
  expect(files.map(({ definition }) => definition.segment_id)).toEqual(['good', 'json']);
  const [good] = files;
  expect(
    [
      'title',
      '$',
      '$.all[0].value',
      '$.all[1].not.field',
      '$.all[1].not.operator.missing',
      '$.all[7]',
      'none',
      null,
    ].map((place) => good?.lineOf(place)),
  ).toEqual([2, 4, 7, 8, 8, 5, null, null]);
  expect(faults.map(({ file, line }) => [file.slice(dir.length + 1), line])).toEqual([
    ['bomb.yaml', null],
    ['good.yml', null],
    ['list.yaml', 1],
    ['other.yaml', 1],
    ['twice.yaml', 2],
    ['two.yaml', 2],
  ]);
  expect(() => readSegmentFiles(join(dir, 'nowhere'))).toThrow(/There is no folder/);
  expect(() => readSegmentFiles(tempFolder())).toThrow(/has no \*\.yaml file/);
});

test('files of segments that are no more are named, and removed only if an export wrote them and it is asked for', () => {
  const dir = tempFolder();
  const criteria = { field: 'country', operator: 'is_set' };
  const exported = {
    segments: [{ segment_id: 'a', title: 'A', description: null, criteria }],
    left_out: [],
    schema: {},
  };
  writeFileSync(join(dir, 'a.yml'), 'title: begun by hand\n');
  writeFileSync(join(dir, 'old.yaml'), `${header}title: Old\n`);
  writeFileSync(join(dir, 'compose.yaml'), 'services: {}\n');
  expect(writeSegmentFiles(dir, exported, false)).toEqual({
    written: ['a.yml', 'segment.schema.json'],
    unchanged: [],
    stale: ['compose.yaml', 'old.yaml'],
    removed: [],
  });
  expect(writeSegmentFiles(dir, exported, true)).toMatchObject({
    stale: ['compose.yaml'],
    removed: ['old.yaml'],
  });
  expect(readdirSync(dir).toSorted()).toEqual(['a.yml', 'compose.yaml', 'segment.schema.json']);
});

test('only a yes at a terminal is a yes', async () => {
  const ask = (typed: string, isTTY = true) => {
    const input = Object.assign(new PassThrough(), { isTTY });
    input.end(typed);
    return askYes('Apply this?', new PassThrough(), input);
  };
  expect(await ask('y\n')).toBe(true);
  expect(await ask(' YES \n')).toBe(true);
  for (const no of ['\n', 'n\n', 'yess\n', 'no\ny\n', '']) expect([no, await ask(no)]).toEqual([no, false]);
  expect(await ask('y\n', false)).toBeUndefined();
});

test('segments export and apply: the file owned, and over a running server', async () => {
  const folder = tempFolder();
  const project = join(folder, 'project');
  const dir = join(folder, 'segments');
  const mallard = (...args: string[]) => callCli(['--project', project, ...args]);
  const write = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const contacts = Array.from(
    { length: 1_500 },
    (_, i) => `c${i},c${i}@example.com,${i < 1_200 ? 'NO' : 'NZ'},2026-01-01`,
  );
  await mallard(
    'load',
    'contacts',
    write('contacts.csv', `contact_id,email,country,created_at\n${contacts.join('\n')}\n`),
  );
  await mallard('build', '--as-of', '2026-11-02');
  const nordic = (value: string) =>
    `title: Nordic\ncriteria:\n  - field: country\n    operator: equals\n    value: ${value}\n`;
  mkdirSync(dir);
  write('segments/nordic.yaml', nordic('"NO"'));

  const shown = await mallard('segments', 'apply', dir);
  expect(shown).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('Nothing was changed. --yes applies it.') as string,
  });
  expect(shown.stdout).toContain('created  nordic: +1,200 −0 contacts (0 -> 1,200)\n');
  expect((await mallard('segments', 'apply', dir, '--yes')).stdout).toContain('Applied: 1 change.');

  const server = await startServer(project);
  try {
    await server.call('POST', '/v1/segments/evaluate', { body: {} });
    const exported = await mallard('segments', 'export', dir);
    expect(exported).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('1 segment in') as string,
      stderr: expect.stringMatching(/Not exported, since defined elsewhere: at_risk \(malloy\)/) as string,
    });
    expect(readFileSync(join(dir, 'nordic.yaml'), 'utf8')).toBe(
      `${header}title: Nordic\ncriteria:\n  field: country\n  operator: equals\n  value: "NO"\n`,
    );
    expect((await mallard('segments', 'apply', dir, '--yes')).stdout).toContain(
      'Nothing to do: all is as in',
    );

    write('segments/nordic.yaml', nordic('NZ'));
    const changed = await mallard('segments', 'apply', dir, '--yes');
    expect(changed.stdout).toContain(
      'changed  nordic: +300 −1,200 contacts (1,200 -> 300)\n      …\n        field: country\n        operator: equals\n    -   value: "NO"\n    +   value: NZ\n',
    );
    expect(await server.call('GET', '/v1/segments/nordic')).toMatchObject({
      version: 2,
      criteria: { value: 'NZ' },
    });

    expect(JSON.parse((await mallard('segments', 'apply', dir, '--json')).stdout)).toMatchObject({
      applied: null,
    });
    expect((await mallard('segments', 'apply', join(folder, 'nowhere'))).code).toBe(2);

    // Everything wrong in every file at once, and nothing applied though one file is right.
    write('segments/nordic.yaml', nordic('SE'));
    write('segments/broken.yaml', 'title: "never closed\n');
    write(
      'segments/wrong.yaml',
      'titel: Wrong\ncriteria:\n  any:\n    - field: contry\n      operator: is_set\n    - field: country\n      operator: like\n',
    );
    const refused = await mallard('segments', 'apply', dir, '--yes', '--prune');
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/^mallard: 5 faults:$/m);
    expect(refused.stderr).toMatch(/broken\.yaml:\d+: Missing closing "quote$/m);
    expect(refused.stderr).toMatch(/wrong\.yaml:1: 'titel' has no meaning here\. Did you mean 'title'\?/);
    expect(refused.stderr).toMatch(
      /wrong\.yaml:4: \$\.any\[0\]\.field: there is no field 'contry'\. Did you mean 'country'\?/,
    );
    expect(refused.stderr).toMatch(
      /wrong\.yaml:7: \$\.any\[1\]\.operator: country is a string, .* Allowed: equals/,
    );
    expect(await server.call('GET', '/v1/segments/nordic')).toMatchObject({ version: 2 });
    const json = await mallard('segments', 'apply', dir, '--json');
    expect(JSON.parse(json.stderr)).toMatchObject({
      error: { fields: { faults: [{ file: join(dir, 'broken.yaml') }, {}, {}, {}, {}] } },
    });
  } finally {
    await server.stop();
  }

  write('segments/broken.yaml', 'title: Kiwis\ncriteria: {field: country, operator: equals, value: NZ}\n');
  write('segments/wrong.yaml', nordic('DE'));
  const applied = JSON.parse((await mallard('segments', 'apply', dir, '--yes', '--json')).stdout) as object;
  expect(applied).toMatchObject({
    plan: {
      as_of: '2026-11-02T00:00:00Z',
      segments: [{ segment_id: 'broken', membership: { entered: 300 } }, {}, {}],
    },
    applied: [
      { segment_id: 'broken', version: 1 },
      { segment_id: 'nordic', version: 3 },
      { segment_id: 'wrong' },
    ],
  });
  expect((await mallard('segments', 'apply', '--help')).stdout).toContain('Example:');
}, 400_000);
