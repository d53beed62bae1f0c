/** Bytes in, bytes out, chunk by chunk. */
export interface ChunkFilter {
  push(chunk: Buffer): Buffer;
  /** What was held back. */
  end(): Buffer;
}

const CR = 13;
const LF = 10;
const nothing = Buffer.alloc(0);

/**
 * UTF-8 without a byte order mark, every line ended by `\n`: `\r\n` and a lone `\r` become `\n`, inside of quotes as well.
 * UTF-16 with its mark (Excel's "Unicode text") is transcoded. Other encodings cannot be told apart and pass as they are:
 * their lines are rejected as not being UTF-8.
 * @param first the first chunk, at least 3 bytes unless the file is shorter; it is still to be pushed
 */
export function normaliseLines(first: Buffer): ChunkFilter {
  if (first[0] === 0xff && first[1] === 0xfe) return transcoded('utf-16le');
  if (first[0] === 0xfe && first[1] === 0xff) return transcoded('utf-16be');
  const mark = first[0] === 0xef && first[1] === 0xbb && first[2] === 0xbf ? 3 : 0;
  const lines = unixLines();
  let isFirst = true;
  return {
    push(chunk) {
      const body = isFirst ? chunk.subarray(mark) : chunk;
      isFirst = false;
      return lines.push(body);
    },
    end: () => lines.end(),
  };
}

function transcoded(encoding: string): ChunkFilter {
  const decoder = new TextDecoder(encoding);
  const lines = unixLines();
  return {
    push: (chunk) => lines.push(Buffer.from(decoder.decode(chunk, { stream: true }))),
    end: () => Buffer.concat([lines.push(Buffer.from(decoder.decode())), lines.end()]),
  };
}

/** `indexOf` is native and finds most files free of `\r` at memory speed; the others are compacted in one pass. */
function unixLines(): ChunkFilter {
  let afterCr = false;
  return {
    push(chunk) {
      if (chunk.length === 0) return nothing;
      const at = chunk.indexOf(CR);
      if (at < 0 && !afterCr) return chunk;
      const out = Buffer.allocUnsafe(chunk.length);
      let length = 0;
      let previousCr = afterCr;
      for (const byte of chunk) {
        if (byte === CR) out[length++] = LF;
        else if (byte !== LF || !previousCr) out[length++] = byte;
        previousCr = byte === CR;
      }
      afterCr = previousCr;
      return out.subarray(0, length);
    },
    end: () => nothing,
  };
}
