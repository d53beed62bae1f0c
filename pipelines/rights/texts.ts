/**
 * The texts in a file's bytes: as they are and, of a mail, with its quoted-printable and base64 parts read. Latin-1 would
 * do as well for finding an address; UTF-8 finds names too.
 */
export function textsOf(bytes: Buffer): string[] {
  const raw = bytes.toString('utf8');
  const texts = [raw];
  if (/quoted-printable/i.test(raw)) texts.push(quotedPrintable(raw));
  // Runs of whole lines of base64: parts of a mail, never a word of a text.
  for (const run of raw.match(/(?:^[A-Za-z0-9+/]{20,}={0,2}\r?\n)+/gm) ?? [])
    texts.push(Buffer.from(run, 'base64').toString('utf8'));
  return texts;
}

function quotedPrintable(text: string): string {
  const joined = text.replaceAll(/=\r?\n/g, '');
  return joined.replaceAll(/(?:=[0-9A-F]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll('=', ''), 'hex').toString('utf8'),
  );
}

/**
 * A delimited or line-wise text as records with their line ends; a line end inside quotes is part of its record. The first
 * record of a delimited file is its head; NDJSON has none.
 */
export function recordsOf(bytes: Buffer): { head: string | undefined; records: string[] } {
  const text = bytes.toString('utf8');
  const isJson = /^\s*[{[]/.test(text);
  const records: string[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (sign === '"' && !isJson) isQuoted = !isQuoted;
    if (sign !== '\n' || isQuoted) continue;
    records.push(text.slice(start, at + 1));
    start = at + 1;
  }
  if (start < text.length) records.push(text.slice(start));
  if (isJson) return { head: undefined, records };
  const [head, ...rest] = records;
  return { head, records: rest };
}
