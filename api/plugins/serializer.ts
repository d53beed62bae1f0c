import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { MallardError } from '../../data/errors.ts';
import type { App } from '../context.ts';

/**
 * JSON as we promise it: a bigint is written with its digits where a JavaScript number holds it, else as text.
 * Fastify's own serializer would drop in silence what a schema does not name; here the schema is documentation, and with
 * `checked` (the tests) an answer that does not keep to it is an error.
 */
export function serializeAnswers(app: App, checked: boolean): void {
  app.setSerializerCompiler(({ schema, method, url, httpStatus }) => {
    if (!checked || !isSuccess(httpStatus)) return stringify;
    const check = Compile(schema as unknown as TSchema);
    return (answer: unknown) => {
      const text = stringify(answer);
      const [first] = check.Errors(JSON.parse(text));
      if (first) {
        throw new MallardError(
          'internal',
          `${method} ${url} answers against its schema: ${first.instancePath} ${first.message}: ${text.slice(0, 400)}.`,
        );
      }
      return text;
    };
  });
}

function isSuccess(httpStatus: string | undefined): boolean {
  return httpStatus === undefined || httpStatus.startsWith('2');
}

export function stringify(answer: unknown): string {
  return JSON.stringify(answer, (_key, value: unknown) => {
    if (typeof value !== 'bigint') return value;
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : String(value);
  });
}
