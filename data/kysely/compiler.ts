import { PostgresQueryCompiler, type JSONReferenceNode } from 'kysely';

/** DuckDB's SQL is PostgreSQL's where Kysely is concerned ("identifier", $1), but for one precedence. */
export class DuckDBQueryCompiler extends PostgresQueryCompiler {
  /** In parentheses: `a and j->>'k' = 'x'` reads as `(a and j) ->> ('k' = 'x')`, the arrow being a lambda's, too. */
  protected override visitJSONReference(node: JSONReferenceNode): void {
    this.append('(');
    super.visitJSONReference(node);
    this.append(')');
  }
}
