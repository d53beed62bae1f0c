import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const folder = join(import.meta.dirname, 'golden');

/**
 * What was reviewed: test/reports/golden/<name>, to compare `text` with. `UPDATE_GOLDEN=1 npx vitest run test/reports` writes it anew: look at
 * the difference before committing it.
 */
export function golden(name: string, text: string): string {
  const file = join(folder, name);
  if (process.env['UPDATE_GOLDEN']) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  try {
    return readFileSync(file, 'utf8');
  } catch {
    throw new Error(`${file} is missing: run UPDATE_GOLDEN=1 npx vitest run test/reports`);
  }
}
