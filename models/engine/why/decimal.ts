/**
 * Decimals of twelve places as integers, so that parts add up to the last digit: 0.5 is 500000000000n. What a
 * database computes in floating point is taken to nine places: its sums are not the same to the last bit every time.
 */
export type Fixed = bigint;

const places = 12;
const floatPlaces = 9;
/** 1 */
export const one = 10n ** BigInt(places);

/** A number as the driver reads it: an integer, the text of a DECIMAL, or a double. Null stays null. */
export function fixed(value: unknown): Fixed | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return value * one;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return null;
    return Number.isInteger(value) ? BigInt(value) * one : ofDigits(value.toFixed(floatPlaces));
  }
  if (typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value)) return ofDigits(value);
  throw new TypeError(`not a number: ${JSON.stringify(value)}`);
}

function ofDigits(text: string): Fixed {
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.');
  const digits = BigInt(whole + fraction.slice(0, places).padEnd(places, '0'));
  const rounded = (fraction[places] ?? '0') >= '5' ? digits + 1n : digits;
  return text.startsWith('-') ? -rounded : rounded;
}

/** Rounded half away from zero. */
export function divide(a: bigint, b: bigint): Fixed {
  const negative = a < 0n !== b < 0n;
  const [x, y] = [absolute(a) * one, absolute(b)];
  const quotient = (2n * x + y) / (2n * y);
  return negative ? -quotient : quotient;
}

export function absolute(value: Fixed): Fixed {
  return value < 0n ? -value : value;
}

/** `-0.02`, `1250`: every digit that is not a closing zero. */
export function textOf(value: Fixed): string {
  const digits = absolute(value)
    .toString()
    .padStart(places + 1, '0');
  const fraction = digits.slice(-places).replace(/0+$/, '');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -places)}${fraction && `.${fraction}`}`;
}
