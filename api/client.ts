import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { errorCodes, MallardError, type ErrorCode } from '../data/errors.ts';
import type { App } from './context.ts';
import type { Problem } from './plugins/problems.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type QueryValue = string | number | boolean | undefined;

export interface RequestOptions {
  /** Left out where undefined. */
  query?: Record<string, QueryValue>;
  /** A stream or bytes go as they are (name their type in `headers`); everything else as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | number | undefined>;
  body: Readable;
}

/** The API as a program calls it. Every method throws the `MallardError` of the problem it was answered with. */
export interface ApiClient {
  /** The answer's JSON; undefined where it has no body. */
  request<T = unknown>(method: Method, path: string, options?: RequestOptions): Promise<T>;
  /** The answer as it comes, for results that are not JSON or too large to hold. */
  stream(method: Method, path: string, options?: RequestOptions): Promise<Answer>;
}

interface Transported {
  method: Method;
  path: string;
  headers: Record<string, string>;
  body: string | Buffer | Readable | undefined;
  signal: AbortSignal | undefined;
}
type Transport = (request: Transported) => Promise<Answer>;

/**
 * Calls a server. Over node:http, not `fetch`: fetch gives up on an answer that takes more than 300 s to begin (a build of
 * a large base) and offers no way to say otherwise.
 */
export function httpClient(options: { url: string; token?: string | undefined }): ApiClient {
  const base = new URL(options.url);
  const request = base.protocol === 'https:' ? httpsRequest : httpRequest;
  return clientOver(
    options.token,
    (sent) =>
      new Promise((resolve, reject) => {
        const url = new URL(sent.path, base);
        const call = request(
          url,
          { method: sent.method, headers: sent.headers, ...(sent.signal ? { signal: sent.signal } : {}) },
          (answer) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer }),
        );
        call.once('error', (cause: NodeJS.ErrnoException) => {
          if (cause.name === 'AbortError') return reject(cause);
          return reject(unreachable(base, cause));
        });
        if (sent.body instanceof Readable) {
          sent.body.once('error', (error) => call.destroy(error));
          sent.body.pipe(call);
        } else call.end(sent.body);
      }),
  );
}

/** Calls the app in this process, through the same handlers, with no socket. */
export function inProcessClient(app: App, token?: string): ApiClient {
  return clientOver(token, async (sent) => {
    const answer = await app.inject({
      method: sent.method,
      url: sent.path,
      headers: sent.headers,
      ...(sent.body === undefined ? {} : { payload: sent.body }),
      ...(sent.signal ? { signal: sent.signal } : {}),
      payloadAsStream: true,
    });
    return { status: answer.statusCode, headers: answer.headers, body: answer.stream() };
  });
}

function clientOver(token: string | undefined, transport: Transport): ApiClient {
  async function stream(method: Method, path: string, options: RequestOptions = {}): Promise<Answer> {
    const { body, type } = encodeBody(options.body);
    const answer = await transport({
      method,
      path: withQuery(path, options.query),
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(type === undefined ? {} : { 'content-type': type }),
        ...lowerCased(options.headers),
      },
      body,
      signal: options.signal,
    });
    if (answer.status >= 400) throw await errorOf(answer);
    return answer;
  }
  return {
    stream,
    request: async <T>(method: Method, path: string, options: RequestOptions = {}) => {
      const answer = await stream(method, path, options);
      const bytes = await buffer(answer.body);
      return (bytes.length === 0 ? undefined : JSON.parse(bytes.toString())) as T;
    },
  };
}

function encodeBody(body: unknown): { body: string | Buffer | Readable | undefined; type?: string } {
  if (body === undefined) return { body: undefined };
  if (body instanceof Readable || Buffer.isBuffer(body)) return { body, type: 'application/octet-stream' };
  return { body: JSON.stringify(body), type: 'application/json' };
}

function withQuery(path: string, query: Record<string, QueryValue> = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) parameters.set(name, String(value));
  return parameters.size === 0 ? path : `${path}?${parameters.toString()}`;
}

function lowerCased(headers: Record<string, string> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

/** The error the server threw, rebuilt from its problem+json. */
async function errorOf(answer: Answer): Promise<MallardError> {
  const text = (await buffer(answer.body)).toString();
  const problem = parseProblem(text);
  if (!problem) {
    return new MallardError('internal', `The server answered ${answer.status}: ${text.slice(0, 300)}.`, {
      fields: { status: answer.status },
    });
  }
  // The remedy is part of the detail already; it must not be said twice.
  const what = problem.detail.endsWith(problem.remedy)
    ? problem.detail.slice(0, -problem.remedy.length).trimEnd()
    : problem.detail;
  return new MallardError(problem.code, what, {
    remedy: problem.code === 'internal' ? `${problem.remedy} (${problem.request_id})` : problem.remedy,
    fields: problem.fields ?? {},
  });
}

function parseProblem(text: string): Problem | undefined {
  try {
    const problem = JSON.parse(text) as Partial<Problem>;
    const isOurs =
      typeof problem.code === 'string' && Object.hasOwn(errorCodes, problem.code satisfies ErrorCode);
    return isOurs && typeof problem.detail === 'string' && typeof problem.remedy === 'string'
      ? (problem as Problem)
      : undefined;
  } catch {
    return undefined;
  }
}

function unreachable(base: URL, cause: Error): MallardError {
  return new MallardError('internal', `The server at ${base.origin} does not answer (${cause.message}).`, {
    remedy: 'Start it with `mallard serve`, or correct the URL.',
    cause,
  });
}
