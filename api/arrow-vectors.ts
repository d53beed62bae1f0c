import type { DuckDBVector } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';

/** What Arrow is made of: DuckDB keeps its vectors much alike. */
export interface VectorBuffers {
  nullCount: number;
  nullBitmap: Uint8Array | null;
}

export interface TextBuffers extends VectorBuffers {
  valueOffsets: Int32Array;
  data: Uint8Array;
}

/** What @duckdb/node-api's vectors are inside; its types keep it private, and its getters make a JS value of each item. */
interface Inside {
  items?: unknown;
  dataView?: unknown;
  validity?: { itemValid(index: number): boolean; data?: unknown };
}

/** A text is 16 bytes: its length, then itself where it is this short, else where it lies. */
const inlineMax = 12;
const textBytes = 16;
const pointerAt = 8;

/**
 * A fixed-width vector's numbers, copied; undefined where inside it has none of this kind. Zero where there is none: what DuckDB's
 * memory has there is nobody's to see.
 */
export function fixedBuffers(
  vector: DuckDBVector,
  Items: new (length: number) => object,
): (VectorBuffers & { data: BigInt64Array }) | undefined {
  const { items } = vector as unknown as Inside;
  if (!(items instanceof Items)) return undefined;
  const data = (items as BigInt64Array).slice();
  const nulls = nullsOf(vector);
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  for (let index = 0; nulls.nullCount > 0 && index < data.length; index += 1) {
    if (isNull(nulls, index))
      bytes.fill(0, index * data.BYTES_PER_ELEMENT, (index + 1) * data.BYTES_PER_ELEMENT);
  }
  return { data, ...nulls };
}

/**
 * A text vector's bytes, without a JS string for each. Undefined where it is no text vector inside.
 *
 * DuckDB lays the texts of a vector one after the other, so that they are fetched in a few long runs: to fetch each by
 * itself is what makes a million of them take 4 s.
 */
export function textBuffers(vector: DuckDBVector): TextBuffers | undefined {
  const { dataView: view } = vector as unknown as Inside;
  if (!(view instanceof DataView) || view.byteLength !== vector.itemCount * textBytes) return undefined;
  const nulls = nullsOf(vector);
  const valueOffsets = new Int32Array(vector.itemCount + 1);
  for (let index = 0; index < vector.itemCount; index += 1) {
    const length = isNull(nulls, index) ? 0 : view.getUint32(index * textBytes, true);
    valueOffsets[index + 1] = (valueOffsets[index] ?? 0) + length;
  }
  const data = new Uint8Array(valueOffsets[vector.itemCount] ?? 0);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  /** Where a run begins in `view`, where it ends in DuckDB's memory, where it goes, and how long it is. */
  let run = { at: 0, end: NaN, to: 0, length: 0 };
  const endRun = () => {
    if (run.length === 0) return;
    const from = view.byteOffset + run.at;
    data.set(duckdb.get_data_from_pointer(view.buffer as ArrayBuffer, from, run.length), run.to);
    run = { at: 0, end: NaN, to: 0, length: 0 };
  };
  for (let index = 0; index < vector.itemCount; index += 1) {
    const to = valueOffsets[index] ?? 0;
    const length = (valueOffsets[index + 1] ?? 0) - to;
    const at = index * textBytes;
    if (length <= inlineMax) {
      data.set(bytes.subarray(at + 4, at + 4 + length), to);
      continue;
    }
    const pointer = view.getUint32(at + pointerAt, true) + view.getUint32(at + pointerAt + 4, true) * 2 ** 32;
    const goesOn = pointer === run.end && to === run.to + run.length;
    if (!goesOn) {
      endRun();
      run = { at: at + pointerAt, end: pointer, to, length: 0 };
    }
    run.end += length;
    run.length += length;
  }
  endRun();
  return { valueOffsets, data, ...nulls };
}

function isNull({ nullBitmap }: VectorBuffers, index: number): boolean {
  return nullBitmap !== null && ((nullBitmap[index >> 3] ?? 0) & (1 << (index & 7))) === 0;
}

/** One bit a value, set where there is one, in whole 8-byte words as Arrow asks for; null where none is null. */
function nullsOf(vector: DuckDBVector): VectorBuffers {
  const { validity } = vector as unknown as Inside;
  if (!validity || validity.data === null) return { nullCount: 0, nullBitmap: null };
  const nullBitmap = new Uint8Array(Math.ceil(vector.itemCount / 64) * 8);
  let nullCount = 0;
  for (let index = 0; index < vector.itemCount; index += 1) {
    if (validity.itemValid(index))
      nullBitmap[index >> 3] = (nullBitmap[index >> 3] ?? 0) | (1 << (index & 7));
    else nullCount += 1;
  }
  return { nullCount, nullBitmap };
}
