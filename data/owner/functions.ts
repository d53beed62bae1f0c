import { DuckDBScalarFunction, VARCHAR, type DuckDBConnection } from '@duckdb/node-api';
import { emailKey, emailKeyFunction } from '../address.ts';

/**
 * Functions of ours that SQL may call, on every connection of the instance. DuckDB calls them in chunks on this process's
 * main thread while its own waits: for the few values that SQL cannot do alone, not for whole tables.
 */
export function registerFunctions(connection: DuckDBConnection): void {
  connection.registerScalarFunction(
    DuckDBScalarFunction.create({
      name: emailKeyFunction,
      parameterTypes: [VARCHAR],
      returnType: VARCHAR,
      mainFunction: (_info, input, output) => {
        const values = input.getColumnVector(0);
        for (let row = 0; row < input.rowCount; row += 1) {
          const value = values.getItem(row);
          output.setItem(row, typeof value === 'string' ? emailKey(value) : null);
        }
        output.flush();
      },
    }),
  );
}
