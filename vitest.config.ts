import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    // DuckDB keeps native threads: forks end cleanly where worker threads may hang on a running query.
    pool: 'forks',
    maxWorkers: 2,
    // A process for each file would load the packages and warm up Malloy for each.
    isolate: false,
    // Far beyond what any takes: some machines that run this are three times slower than others.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // The machine's zone must never leak into a figure: the suite runs far from UTC on purpose.
    env: {
      TZ: 'Asia/Kolkata',
      UV_THREADPOOL_SIZE: '32',
      // Compiling the models for every warehouse anew would be most of the suite's time.
      MALLARD_COMPILED_MODELS: fileURLToPath(
        new URL('node_modules/.cache/mallard-compiled-models', import.meta.url),
      ),
    },
  },
});
