import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { Row } from './output.ts';
import { usage } from './session.ts';

/** JSON is YAML too. Throws `bad_usage`. */
export function readObject(file: string): Row {
  try {
    return parseObject(readFileSync(file, 'utf8'), file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw usage(`There is no file ${file}.`, 'Check the path.');
    throw error;
  }
}

/** JSON, or YAML. Throws `bad_usage`. */
export function parseObject(text: string, what: string): Row {
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    throw usage(`${what} is neither JSON nor YAML.`, 'Correct it.');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Row;
  if (Array.isArray(value)) return { criteria: value };
  throw usage(`${what} is not an object.`, 'Correct it.');
}

export function idOf(value: Row, field: string, file: string): string {
  const id = value[field];
  if (typeof id === 'string' && id !== '') return id;
  throw usage(`${file} has no ${field}.`, `Add a ${field}.`);
}
