import { MallardError } from '../../../data/errors.ts';
import { nearest } from '../nearest.ts';
import type { Contract } from './contract.ts';
import { facts } from './facts.ts';
import { suppressions } from './suppressions.ts';
import { things } from './things.ts';

/** Every table a file can be loaded into, by its accepted name. */
export const contracts: ReadonlyMap<string, Contract> = new Map(
  [...things, ...facts, suppressions].map((contract) => [contract.table, contract]),
);

/** Throws `not_found` with the names there are. */
export function contractOf(table: string): Contract {
  const contract = contracts.get(table.replace(/^(core|ops)\./, ''));
  if (contract) return contract;
  const names = [...contracts.keys()].sort();
  const guess = nearest(table, names);
  throw new MallardError(
    'not_found',
    `There is no table "${table}" to load into${guess ? `; did you mean ${guess}?` : '.'}`,
    {
      fields: { table, tables: names },
      remedy: `Name one of ${names.join(', ')}, or raw.<name> to keep a file as it is.`,
    },
  );
}
