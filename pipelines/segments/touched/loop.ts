import { setTimeout as sleep } from 'node:timers/promises';
import { evaluateTouched, type TouchedResult } from './evaluate-touched.ts';
import type { TouchedContext } from './plan.ts';

export interface TouchedLoopOptions {
  /** How long arriving facts are collected before they are evaluated together. Default 200 ms. */
  collectMs?: number;
  /** How often it looks where nothing arrives: for facts that were dated ahead. Default 10,000 ms. */
  idleMs?: number;
  /** How long it waits after a failure. Default 5,000 ms. */
  retryMs?: number;
  /** Asked before each look; while it answers false nothing is done. Default: always. */
  isOn?: () => boolean;
  onResult?: (result: TouchedResult) => void;
  onError?: (error: unknown) => void;
}

export interface TouchedLoop {
  /** Begins nothing more, and waits for the end of what runs. */
  stop(): Promise<void>;
}

/** Evaluates touched contacts while the process runs, one batch after the other. An error is told of, and the loop goes on. */
export function startTouchedLoop(context: TouchedContext, options: TouchedLoopOptions = {}): TouchedLoop {
  const { collectMs = 200, idleMs = 10_000, retryMs = 5_000, isOn = () => true } = options;
  const stopped = new AbortController();
  const { warehouse } = context;
  let seen = -1;
  let lookedAt = -Infinity;

  async function look(): Promise<void> {
    const version = warehouse.factsVersion;
    if (!isOn() || (version === seen && performance.now() - lookedAt < idleMs)) return;
    // Before the look: what is committed during it is looked at by the next.
    seen = version;
    lookedAt = performance.now();
    const result = await evaluateTouched(context);
    if (result && result.touched_count > 0) options.onResult?.(result);
  }

  async function run(): Promise<void> {
    while (!stopped.signal.aborted) {
      let pause = collectMs;
      try {
        await look();
      } catch (error) {
        if (stopped.signal.aborted) return;
        options.onError?.(error);
        seen = -1;
        pause = retryMs;
      }
      await sleep(pause, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  }

  const running = run();
  return {
    stop: () => {
      stopped.abort();
      return running;
    },
  };
}
