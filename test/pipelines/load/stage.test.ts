import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Project } from '../../../data/project.ts';
import {
  cleanStaging,
  hashOfStaged,
  removeStaged,
  stageFile,
  stageLocalFile,
} from '../../../pipelines/load/stage.ts';
import { addressKey } from '../../../data/address.ts';
import { tempFolder, withoutPrivileges } from '../../support.ts';

function chunked(content: Buffer, size: number): Readable {
  const chunks = Array.from({ length: Math.ceil(content.length / size) }, (_, index) =>
    content.subarray(index * size, (index + 1) * size),
  );
  return Readable.from(chunks);
}

test('line ends and byte order marks are normalised however the bytes are cut', async () => {
  const project = new Project(tempFolder());
  const part = fc.constantFrom('\r\n', '\r', '\n', 'a', '"', 'é', '😀', ',');
  await fc.assert(
    fc.asyncProperty(
      fc.array(part, { maxLength: 40 }).map((parts) => parts.join('')),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom('plain', 'mark', 'gzip', 'utf16'),
      async (text, size, encoding) => {
        // What begins like another format is another format.
        const plain = Buffer.from(text);
        const content = {
          plain,
          mark: Buffer.concat([Buffer.from('\ufeff'), plain]),
          gzip: gzipSync(plain),
          utf16: Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]),
        }[encoding];
        const path = await stageFile(project, chunked(content, size), 'x.csv');
        expect(readFileSync(path, 'utf8')).toBe(text.replace(/\r\n?/g, '\n'));
        await removeStaged(project, path);
        expect(existsSync(path)).toBe(false);
      },
    ),
    { numRuns: 60 },
  );
});

test('the hash is of the content, packed or not', async () => {
  const project = new Project(tempFolder());
  const content = Buffer.from('hello@example.com');
  const plain = await stageFile(project, Readable.from([content]), 'a');
  const packed = await stageFile(project, Readable.from([gzipSync(content)]), 'a.gz');
  expect(hashOfStaged(plain)).toBe(addressKey('hello@example.com'));
  expect(hashOfStaged(packed)).toBe(hashOfStaged(plain));
  expect(hashOfStaged('/tmp/orders.csv')).toBeUndefined();
});

test('bytes staged are reported', async () => {
  const project = new Project(tempFolder());
  const seen: number[] = [];
  await stageFile(project, chunked(Buffer.alloc(10_000, 'a\n'), 4_000), 'a', (bytes) => seen.push(bytes));
  expect(seen).toEqual([4_000, 8_000, 10_000]);
});

test('archives, damaged gzip, a broken upload and a missing file leave nothing behind', async () => {
  const project = new Project(tempFolder());
  project.ensureFolders();
  await expect(
    stageFile(project, Readable.from([Buffer.from('PK\u0003\u0004rest')]), 'a.zip'),
  ).rejects.toMatchObject({
    code: 'unsupported_media_type',
  });
  const damaged = gzipSync(Buffer.alloc(50_000, 'abc')).subarray(0, 60);
  await expect(stageFile(project, Readable.from([damaged]), 'a.gz')).rejects.toMatchObject({
    code: 'bad_request',
  });
  const broken = Readable.from(
    (function* () {
      yield Buffer.from('some rows');
      throw new Error('connection reset');
    })(),
  );
  await expect(stageFile(project, broken, 'a.csv')).rejects.toThrow('connection reset');
  await expect(stageLocalFile(project, join(project.dir, 'nothing.csv'))).rejects.toMatchObject({
    code: 'not_found',
  });
  expect(readdirSync(project.staging)).toEqual([]);
});

test('a staging folder that cannot be written is said to be so', async () => {
  const folder = tempFolder();
  const project = new Project(folder);
  mkdirSync(project.staging, { recursive: true });
  chmodSync(project.staging, 0o500);
  await withoutPrivileges(folder, async () => {
    await expect(stageFile(project, Readable.from(['a']), 'a.csv')).rejects.toMatchObject({
      code: 'storage_failed',
    });
  });
});

test('what a killed process left is removed, the inbox is not', async () => {
  const project = new Project(tempFolder());
  project.ensureFolders();
  writeFileSync(join(project.staging, 'abc.part'), 'half');
  writeFileSync(join(project.inbox, 'orders.csv'), 'whole');
  expect(await cleanStaging(project)).toBe(1);
  expect(readdirSync(project.staging)).toEqual([]);
  expect(existsSync(join(project.inbox, 'orders.csv'))).toBe(true);
});
