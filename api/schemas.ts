import { DateTime } from 'luxon';
import { Type, type TSchema } from 'typebox';
import { MallardError } from '../data/errors.ts';

/** An id as it stands in a path. */
export const IdParams = Type.Object({ id: Type.String({ minLength: 1, maxLength: 200 }) });

/** A time, ISO 8601; without an offset it is UTC. */
export const Time = (description: string) =>
  Type.String({
    description: `${description} (ISO 8601; UTC without an offset)`,
    examples: ['2026-11-01T00:00:00Z'],
  });

export const AsOf = Type.Optional(Time('as of when; default now'));
export const AsOfBody = Type.Object({ as_of: AsOf }, { additionalProperties: false });
export const AsOfQuery = Type.Object({ as_of: AsOf });

/** Services count in bigint where DuckDB does; the serializer writes the digits. */
export const Count = (description: string) =>
  Type.Unsafe<number | bigint>(Type.Integer({ description, minimum: 0 }));
export const NullableCount = Type.Unsafe<number | bigint | null>(
  Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]),
);

export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** An object whose fields are documented where it is made. */
export const AnyObject = (description?: string) =>
  Type.Unsafe<object>(
    Type.Object({}, { additionalProperties: true, ...(description === undefined ? {} : { description }) }),
  );

/** Throws `bad_request` naming the field. */
export function parseTime(field: string, text: string): Date {
  const time = DateTime.fromISO(text, { zone: 'utc' });
  if (time.isValid) return time.toJSDate();
  throw new MallardError('bad_request', `${field}: ${text} is not an ISO 8601 time.`, {
    fields: { field, value: text },
  });
}

/** Undefined where none is given. Throws `bad_request` naming the field. */
export function parseOptionalTime(field: string, text: string | undefined): Date | undefined {
  return text === undefined ? undefined : parseTime(field, text);
}

/** The time asked for, else the clock's. */
export function asOfOrNow(clock: { now(): Date }, text: string | undefined): Date {
  return parseOptionalTime('as_of', text) ?? clock.now();
}
