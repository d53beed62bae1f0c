import { STATUS_CODES } from 'node:http';
import { Type } from 'typebox';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { errorCodes, MallardError, type ErrorCode } from '../../data/errors.ts';
import type { App } from '../context.ts';

/** RFC 9457, with our code, the remedy and the fields of the error beside the standard members. */
export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'urn:mallard:problem:<code>' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'what failed, and the remedy' }),
    instance: Type.String({ description: 'the path that was asked for' }),
    code: Type.String({ description: 'one of data/errors.ts' }),
    remedy: Type.String(),
    request_id: Type.String({ description: 'the log has the details under it' }),
    fields: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), { description: 'what a program needs to know of it' }),
    ),
  },
  { $id: 'Problem', description: 'RFC 9457 problem details' },
);

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: ErrorCode;
  remedy: string;
  request_id: string;
  fields?: Record<string, unknown>;
}

/** Answers every error, and every unknown route, as problem+json. */
export function answerProblems(app: App): void {
  app.addSchema(ProblemSchema);
  app.setErrorHandler((error: FastifyError | Error, request, reply) => {
    const known = toMallardError(error);
    if (known.code === 'internal') request.log.error({ err: error }, 'request failed');
    return sendProblem(request, reply, known);
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      request,
      reply,
      new MallardError('not_found', `There is no ${request.method} ${pathOf(request)}.`, {
        remedy: 'See /docs.',
      }),
    ),
  );
}

export function sendProblem(request: FastifyRequest, reply: FastifyReply, error: MallardError): FastifyReply {
  const problem: Problem = {
    type: `urn:mallard:problem:${error.code}`,
    title: errorCodes[error.code].title,
    status: error.status,
    detail: error.message,
    instance: pathOf(request),
    code: error.code,
    remedy: error.remedy,
    request_id: request.id,
    ...(Object.keys(error.fields).length > 0 ? { fields: error.fields } : {}),
  };
  if (error.status === 401) void reply.header('www-authenticate', 'Bearer realm="mallard"');
  return reply
    .code(error.status)
    .type('application/problem+json; charset=utf-8')
    .serializer((body: unknown) =>
      JSON.stringify(body, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)),
    )
    .send(problem);
}

/** What goes wrong before a handler is Fastify's own error; what goes wrong inside and is not ours is `internal`. */
function toMallardError(error: FastifyError | Error): MallardError {
  if (error instanceof MallardError) return error;
  if (!('code' in error)) return internal(error);
  if (error.validation) {
    const fields = error.validation.map((each) => ({
      path: `${error.validationContext ?? 'body'}${each.instancePath}`,
      message: each.message ?? 'is not valid',
    }));
    const first = fields[0];
    return new MallardError(
      'bad_request',
      `${first?.path ?? 'The request'}: ${first?.message ?? 'is not valid'}.`,
      {
        fields: { errors: fields },
      },
    );
  }
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return new MallardError('unsupported_media_type', `${error.message}.`);
  if (error.statusCode === 413) return new MallardError('payload_too_large', `${error.message}.`);
  if (error.statusCode !== undefined && error.statusCode < 500) {
    return new MallardError(
      'bad_request',
      `${STATUS_CODES[error.statusCode] ?? 'Bad Request'}: ${error.message}.`,
    );
  }
  return internal(error);
}

function internal(cause: unknown): MallardError {
  return new MallardError('internal', 'This request failed for a reason that is not its fault.', { cause });
}

/** Without the query string: it may hold what should not be repeated. */
function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? request.url;
}
