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

/** Criteria: JSON itself, or a JSON or YAML file; a whole segment's file too. Throws `bad_usage`. */
export function criteriaOf(text: string): unknown {
  const read = isJson(text) ? parseObject(text, 'The criteria') : readObject(text);
  return read['criteria'] ?? read;
}

/** True of JSON, false of a path or an id. */
export function isJson(text: string): boolean {
  return /^\s*[{[]/.test(text);
}
