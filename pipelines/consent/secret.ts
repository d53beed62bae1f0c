import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MallardError } from '../../data/errors.ts';
import type { Project } from '../../data/project.ts';

/**
 * What unsubscribe tokens are signed with: `MALLARD_SECRET`, else `secret.key` in the project folder, made readable by
 * its owner alone at the first use. Keep it: links in mails already sent stop working with another.
 * @throws `configuration_missing` where the given secret is shorter than 16 characters
 */
export function projectSecret(project: Project, environment: NodeJS.ProcessEnv = process.env): string {
  const given = environment['MALLARD_SECRET'];
  if (given) return checked(given, 'MALLARD_SECRET');
  const file = join(project.dir, 'secret.key');
  try {
    // 'wx' fails where the file exists, so that two callers at once cannot make two secrets.
    writeFileSync(file, randomBytes(32).toString('base64url'), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return checked(readFileSync(file, 'utf8').trim(), file);
}

function checked(secret: string, place: string): string {
  if (secret.length >= 16) return secret;
  throw new MallardError('configuration_missing', `The secret in ${place} is shorter than 16 characters.`, {
    remedy: 'Set MALLARD_SECRET to a long random text, or remove it to use secret.key of the project folder.',
  });
}
