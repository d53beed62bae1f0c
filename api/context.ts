import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { Mallard } from '../pipelines/context.ts';
import type { Access, Actor } from './access/roles.ts';
import type { TokenStore } from './access/tokens.ts';

/** Fastify with TypeBox: handlers get the types of their schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** Starts a job of the timetable now. Present where a scheduler runs in this process. */
export type TriggerJob = (job: string) => Promise<void>;

/** Closes the file, compacts it and opens it again, soon. Present where a server runs that can. */
export type RequestCompaction = () => void;

/** What every route may use. */
export interface RouteContext {
  mallard: Mallard;
  tokens: TokenStore;
  /** The environment, for secrets (webhook keys); never the whole of it to a client. */
  env: Readonly<Record<string, string | undefined>>;
  triggerJob: TriggerJob | undefined;
  requestCompaction: RequestCompaction | undefined;
}

/** One resource: registers its routes on `app`. */
export type Routes = (app: App, context: RouteContext) => void;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route. Left out: admins only. */
    access?: Access;
    /** `false`: a POST that reads, or that keeps a ledger of its own; not in the audit log. */
    audit?: boolean;
  }
  interface FastifyRequest {
    /** Who calls. Undefined on public routes. */
    actor: Actor | undefined;
  }
}
