// Node 20 runs no TypeScript, and tsx's loader does not reach worker threads: this registers it first. Only used when
// the sources run directly; dist/ starts thread.js itself.
import { register } from 'tsx/esm/api';

register();
await import(new URL('./thread.ts', import.meta.url).href);
