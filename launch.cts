#!/usr/bin/env node
// DuckDB runs its queries on libuv's pool, whose default of 4 threads makes a point query wait seconds behind
// heavy ones. The size is read when the pool starts, so it is set here, before the first ES module is loaded.
process.env['UV_THREADPOOL_SIZE'] ??= '32';
import('./mallard.js').catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
