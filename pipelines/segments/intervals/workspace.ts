import type { Session } from '../../../data/owner/session.ts';
import { sqlTime, type Span } from './span.ts';

/** Temporary tables of one reading connection, which `end` drops. */
export class Workspace {
  readonly session: Session;
  readonly span: Span;
  readonly #tables: string[] = [];

  constructor(session: Session, span: Span) {
    this.session = session;
    this.span = span;
  }

  get from(): string {
    return sqlTime(this.span.from);
  }

  get until(): string {
    return sqlTime(this.span.until);
  }

  /** Facts of this time and later are left out. */
  get factsUntil(): string {
    return sqlTime(this.span.factsUntil ?? this.span.until);
  }

  /** Makes a table of what `sql` selects, and answers its name. */
  async keep(what: string, sql: string): Promise<string> {
    const name = this.name(what);
    await this.session.run(`create or replace temp table ${name} as ${sql}`);
    return name;
  }

  /** A name that is dropped at the end. */
  name(what: string): string {
    const name = `temp.interval_${what}_${this.#tables.length}`;
    this.#tables.push(name);
    return name;
  }

  async end(): Promise<void> {
    for (const table of this.#tables) await this.session.run(`drop table if exists ${table}`);
  }
}
