import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../data/package-root.ts';

interface Locked {
  optionalDependencies?: Record<string, string>;
}

// npm leaves them out of the lock file where it finds a node_modules of one platform, and `npm ci` then refuses everywhere.
test('the lock file has the optional packages of every platform', () => {
  const text = readFileSync(join(packageRoot, 'package-lock.json'), 'utf8');
  const { packages } = JSON.parse(text) as { packages: Record<string, Locked> };
  const missing = Object.entries(packages).flatMap(([place, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !placesOf(place, name).some((each) => each in packages),
    ),
  );
  expect(missing).toEqual([]);
});

/** Where Node looks for `name` from a package at `place`: in its own node_modules, then in each one outside of it. */
function placesOf(place: string, name: string): string[] {
  const nested = place
    .split('/node_modules/')
    .map((_, index, parts) => parts.slice(0, index + 1).join('/node_modules/'));
  return [...nested.map((each) => `${each}/node_modules/${name}`), `node_modules/${name}`];
}
