import type { DuckDBConnection } from '@duckdb/node-api';
import { MallardError } from '../errors.ts';

/** Who may use a connection now: statements one after the other, none while a stream is open on it. */
interface Turns {
  tail: Promise<unknown>;
  streaming: boolean;
}

/** By connection, not by driver: several Kysely objects may stand on one. */
const turnsByConnection = new WeakMap<DuckDBConnection, Turns>();

/**
 * Runs `statement` alone on its connection, in order of arrival.
 *
 * While a stream is open there it throws instead of waiting: DuckDB would end the stream after its first rows without an
 * error, and waiting would never end where the loop over the stream is what sends the statement.
 */
export async function inTurn<T>(connection: DuckDBConnection, statement: () => Promise<T>): Promise<T> {
  const turns = turnsOf(connection);
  const turn = turns.tail.then(() => {
    if (turns.streaming) throw streamOpenError();
    return statement();
  });
  turns.tail = turn.catch(() => undefined);
  return turn;
}

/** Takes the connection for a stream, when its turn comes; answers what gives it back. */
export async function takeForStream(connection: DuckDBConnection): Promise<() => void> {
  const turns = turnsOf(connection);
  await inTurn(connection, () => {
    turns.streaming = true;
    return Promise.resolve();
  });
  return () => {
    turns.streaming = false;
  };
}

function turnsOf(connection: DuckDBConnection): Turns {
  let turns = turnsByConnection.get(connection);
  if (!turns) {
    turns = { tail: Promise.resolve(), streaming: false };
    turnsByConnection.set(connection, turns);
  }
  return turns;
}

function streamOpenError(): MallardError {
  return new MallardError('internal', 'A statement was sent on the connection of an open stream.', {
    remedy: 'Read the stream to its end, leave its loop, or send the statement on another connection.',
  });
}
