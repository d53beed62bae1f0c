import type { FastifyRequest } from 'fastify';
import { MallardError } from '../../data/errors.ts';

/** Aborts when the time is over (`query_timeout`) or the caller has gone; `release` ends the watch. */
export function deadline(
  request: FastifyRequest,
  timeoutMs: number,
): { signal: AbortSignal; release: () => void } {
  const controller = new AbortController();
  const { socket } = request.raw;
  const timer = setTimeout(() => {
    const error = new MallardError('query_timeout', `The query ran longer than ${timeoutMs} ms.`, {
      fields: { timeout_ms: timeoutMs },
    });
    controller.abort(error);
  }, timeoutMs);
  const onClose = () => controller.abort(new MallardError('conflict', 'The caller has gone.'));
  socket.once('close', onClose);
  return {
    signal: controller.signal,
    release: () => {
      clearTimeout(timer);
      socket.off('close', onClose);
    },
  };
}
