import { MallardError } from '../../data/errors.ts';
import type { Column, Contract } from './contracts/contract.ts';
import { nearest, plainName } from './nearest.ts';
import type { SourceColumn, SourceFile } from './source-file.ts';

/** Which column of the file fills which column of the table. */
export interface Mapping {
  mapped: { column: Column; from: SourceColumn }[];
  /** Columns of the file that the contract does not name. */
  extra: SourceColumn[];
}

/**
 * Maps by `columns` (core name -> file name) first, then by equal names, compared without case and separators.
 * @throws `contract_violated` naming every column that is missing or unknown, and what the file has
 */
export function mapColumns(
  contract: Contract,
  source: SourceFile,
  columns: Readonly<Record<string, string>> = {},
): Mapping {
  const readable = contract.columns.filter((column) => !column.derivedFrom || column.derivedFrom.elseRead);
  const asked = askedColumns(contract, readable, source, columns);
  const used = new Set(asked.values());
  const mapped: Mapping['mapped'] = [];
  for (const column of readable) {
    const from =
      asked.get(column.name) ??
      source.columns.find((one) => !used.has(one) && plainName(one.name) === plainName(column.name));
    if (!from) continue;
    used.add(from);
    mapped.push({ column, from });
  }
  requireColumns(contract, source, new Set(mapped.map(({ column }) => column.name)));
  const extra = source.columns.filter((column) => !used.has(column));
  if (contract.policy === 'reject' && extra.length > 0) {
    throw violation(contract, source, `has columns that ${contract.table} does not take: ${names(extra)}`, {
      unknown: extra.map((column) => column.name),
    });
  }
  return { mapped, extra };
}

function askedColumns(
  contract: Contract,
  readable: readonly Column[],
  source: SourceFile,
  columns: Readonly<Record<string, string>>,
): Map<string, SourceColumn> {
  const asked = new Map<string, SourceColumn>();
  for (const [coreName, fileName] of Object.entries(columns)) {
    const column = readable.find((one) => one.name === coreName);
    if (!column) {
      const guess = nearest(
        coreName,
        readable.map((one) => one.name),
      );
      throw violation(
        contract,
        source,
        `is mapped to ${coreName}, which ${contract.table} does not have${guess ? ` (did you mean ${guess}?)` : ''}`,
        {
          unknown: [coreName],
          columns: readable.map((one) => one.name),
        },
      );
    }
    const from =
      source.columns.find((one) => one.name === fileName) ??
      source.columns.find((one) => plainName(one.name) === plainName(fileName));
    if (!from) {
      const guess = nearest(
        fileName,
        source.columns.map((one) => one.name),
      );
      throw violation(
        contract,
        source,
        `has no column ${fileName}${guess ? ` (did you mean ${guess}?)` : ''}; it has ${names(source.columns)}`,
        {
          missing: [fileName],
          file_columns: source.columns.map((one) => one.name),
        },
      );
    }
    asked.set(column.name, from);
  }
  return asked;
}

function requireColumns(contract: Contract, source: SourceFile, present: ReadonlySet<string>): void {
  const missing = contract.columns
    .filter((column) => column.required && !present.has(column.name))
    .map((column) => column.name);
  if (contract.oneOf && !contract.oneOf.some((name) => present.has(name)))
    missing.push(contract.oneOf.join(' or '));
  if (missing.length === 0) return;
  const described = missing.map((name) => {
    const guess = nearest(
      name,
      source.columns.map((column) => column.name),
    );
    return guess ? `${name} (perhaps ${guess}?)` : name;
  });
  throw violation(
    contract,
    source,
    `has no column for ${described.join(', ')}; it has ${names(source.columns)}`,
    {
      missing,
      file_columns: source.columns.map((column) => column.name),
    },
  );
}

function violation(
  contract: Contract,
  source: SourceFile,
  what: string,
  fields: Record<string, unknown>,
): MallardError {
  return new MallardError('contract_violated', `${source.name} ${what}.`, {
    fields: { table: contract.table, file: source.name, ...fields },
  });
}

function names(columns: readonly SourceColumn[]): string {
  return columns.map((column) => column.name).join(', ') || 'no columns at all';
}
