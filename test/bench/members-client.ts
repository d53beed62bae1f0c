/** A client as one would write it, in a process of its own: asks for a URL, reads the Arrow stream, says how many rows came and how long it took. */
import { RecordBatchReader } from 'apache-arrow';
import { mediaTypes } from '../../api/results/formats.ts';

const [url = '', token = ''] = process.argv.slice(2);
const started = performance.now();
const response = await fetch(url, {
  headers: { accept: mediaTypes.arrow, authorization: `Bearer ${token}` },
});
if (!response.ok || !response.body) throw new Error(await response.text());
let rows = 0;
for await (const batch of await RecordBatchReader.from(response.body)) rows += batch.numRows;
process.stdout.write(JSON.stringify({ rows, wall: performance.now() - started }));
