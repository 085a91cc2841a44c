import type { Pool } from '../connection/pool.ts';

/** Creates the queries of metrics. */
export function figuresOn(pool: Pool) {
  return {
    async figures() {
      const { rows } = await pool.query<{
        name: string;
        labels: Record<string, string>;
        value: number;
      }>('select name, labels, value from howdah_private.metrics()');
      return rows;
    },
    /** Returns prices per million tokens, by model. A price that nobody has set is null. */
    async prices(modelIds: readonly string[]) {
      const { rows } = await pool.query<{
        id: string;
        input: number | null;
        output: number | null;
        cacheRead: number | null;
        cacheWrite: number | null;
      }>(
        `select id, input_price::float8 as input, output_price::float8 as output,
           cached_input_price::float8 as "cacheRead", cache_write_price::float8 as "cacheWrite"
         from howdah_private.token_prices($1)`,
        [modelIds],
      );
      return new Map(rows.map(({ id, ...price }) => [id, price]));
    },
  };
}
