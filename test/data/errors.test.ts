import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { errorCodes, MallardError } from '../../data/errors.ts';
import { packageRoot } from '../../data/package-root.ts';

const head = `# Errors

Every error has a code, and its message ends with the remedy. HTTP answers RFC 9457 problem+json with \`code\` and the fields of
the case; the command line prints the message and exits with 1 (2 for wrong usage). The table is \`data/errors.ts\`; a test keeps
this page equal to it (\`UPDATE_GOLDEN=1 npx vitest run test/data/errors.test.ts\` writes it anew).

`;

test('the page of errors says what the table says', () => {
  const rows = Object.entries(errorCodes).map(
    ([code, { status, title, remedy }]) => `- **\`${code}\`** (${status}) ${title}. ${remedy}`,
  );
  const page = `${head}${rows.join('\n')}\n`;
  const file = join(packageRoot, 'api', 'ERRORS.md');
  if (process.env['UPDATE_GOLDEN']) writeFileSync(file, page);
  expect(readFileSync(file, 'utf8')).toBe(page);
});

test('a message ends with the remedy, which may be more precise than the general one', () => {
  expect(new MallardError('not_found', 'There is no segment "x".').message).toBe(
    `There is no segment "x". ${errorCodes.not_found.remedy}`,
  );
  const precise = new MallardError('not_found', 'There is no segment "x".', {
    remedy: 'Did you mean "y"?',
    fields: { id: 'x' },
  });
  expect(precise).toMatchObject({
    status: 404,
    message: 'There is no segment "x". Did you mean "y"?',
    fields: { id: 'x' },
  });
});
