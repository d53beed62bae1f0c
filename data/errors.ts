/**
 * Every error a user can meet, once: its code, HTTP status, title and remedy.
 * `test/data/errors.test.ts` keeps this table and api/ERRORS.md equal.
 */
export const errorCodes = {
  bad_request: {
    status: 400,
    title: 'The request is not valid',
    remedy: 'Correct the named fields and send it again.',
  },
  bad_usage: { status: 400, title: 'The command is not valid', remedy: 'See `mallard --help`.' },
  unauthorized: {
    status: 401,
    title: 'No valid token',
    remedy: 'Send `Authorization: Bearer <token>`; make one with `mallard tokens create`.',
  },
  forbidden: {
    status: 403,
    title: 'Not allowed for this role',
    remedy: 'Use a token whose role may do this.',
  },
  signature_invalid: {
    status: 403,
    title: 'The webhook signature does not verify',
    remedy: 'Check the verification key, and that no proxy rewrites the body.',
  },
  not_found: { status: 404, title: 'Not found', remedy: 'List what exists, and check the id.' },
  conflict: {
    status: 409,
    title: 'The state does not allow this',
    remedy: 'Read the current state and decide again.',
  },
  file_owned: {
    status: 409,
    title: 'Another process owns the warehouse',
    remedy: 'Use its URL, or stop it first.',
  },
  payload_too_large: { status: 413, title: 'Too large', remedy: 'Send it in smaller parts.' },
  unsupported_media_type: {
    status: 415,
    title: 'This format is not read here',
    remedy: 'Send CSV, NDJSON or Parquet.',
  },
  purpose_missing: {
    status: 422,
    title: 'Consent without a purpose',
    remedy: 'Say what for: `purpose`, such as marketing or analytics.',
  },
  link_expired: {
    status: 410,
    title: 'The link has expired',
    remedy: 'Ask for a new one where you signed up.',
  },
  contract_violated: {
    status: 422,
    title: 'The file does not fit the table',
    remedy: 'Map its columns with --columns core_name=file_name,…',
  },
  model_invalid: {
    status: 422,
    title: 'The Malloy text does not compile',
    remedy: 'Correct it at the place shown.',
  },
  criteria_invalid: {
    status: 422,
    title: 'The criteria are not valid',
    remedy: 'Correct the criteria at the path shown.',
  },
  dimension_refused: {
    status: 422,
    title: 'The metric cannot honestly be sliced so',
    remedy: 'Slice it by one of the dimensions named.',
  },
  query_refused: {
    status: 422,
    title: 'The query is not allowed here',
    remedy: 'Queries over HTTP may only read models and tables.',
  },
  query_timeout: {
    status: 408,
    title: 'The query ran too long',
    remedy: 'Narrow it, or raise the time limit.',
  },
  template_invalid: {
    status: 422,
    title: 'The template does not render',
    remedy: 'Correct it at the place shown.',
  },
  provider_failed: { status: 502, title: 'The provider refused', remedy: 'Read its answer, then try again.' },
  storage_failed: {
    status: 507,
    title: 'The disk refused',
    remedy: 'Check that the project folder is writable and has space.',
  },
  configuration_missing: {
    status: 500,
    title: 'A setting is missing',
    remedy: 'Set one of the places named.',
  },
  migration_failed: {
    status: 500,
    title: 'The warehouse could not be brought up to date',
    remedy:
      'Nothing of the failed step was kept: use the version of Mallard that wrote the file, or report this with the message.',
  },
  shutting_down: { status: 503, title: 'The server is stopping', remedy: 'Try again when it is back.' },
  internal: {
    status: 500,
    title: 'Something failed inside',
    remedy: 'The log has the details under this id.',
  },
} as const satisfies Record<string, { status: number; title: string; remedy: string }>;

export type ErrorCode = keyof typeof errorCodes;

/** An error with a code of `errorCodes`, fields a program can read, and a message that ends with the remedy. */
export class MallardError extends Error {
  readonly code: ErrorCode;
  readonly fields: Record<string, unknown>;
  readonly remedy: string;

  /**
   * @param what what failed and where, one sentence
   * @param options `fields` for programs; `remedy` replaces the code's general one
   */
  constructor(
    code: ErrorCode,
    what: string,
    options: { fields?: Record<string, unknown>; remedy?: string; cause?: unknown } = {},
  ) {
    const remedy = options.remedy ?? errorCodes[code].remedy;
    super(`${what} ${remedy}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'MallardError';
    this.code = code;
    this.fields = options.fields ?? {};
    this.remedy = remedy;
  }

  get status(): number {
    return errorCodes[this.code].status;
  }
}

/** The message of whatever was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
