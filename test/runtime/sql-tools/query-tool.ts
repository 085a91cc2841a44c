import type pg from 'pg';
import type { ReadLimits, Rows } from '../../../src/contracts/bounded-read.ts';
import type { Outcome } from '../../../src/contracts/errors.ts';
import { createPool, type Pool } from '../../../src/db/connection/pool.ts';
import { parseQuery } from '../../../src/db/query-analysis/parse.ts';
import { readBound } from '../../../src/db/sql-tools/bounded-read.ts';

const LIMITS: ReadLimits = { rows: 100, bytes: 60_000, cost: 1e7, timeoutMs: 5_000 };

export type QueryTool = {
  pool: Pool;
  /** Runs a query as sql_query does. */
  ask(query: string, spec?: Spec): Promise<Outcome<Rows>>;
  /** Runs a query without the parser, as a query that deceived it would run. */
  queryWithoutParser(query: string, spec?: Spec): Promise<Outcome<Rows>>;
};

export type Spec = Partial<ReadLimits> & { tenant?: string; schemas?: string[] | null };

/** Opens a database with a worker's login, by default for the tenant `default`. */
export async function openQueryTool(url: string, owner: pg.Pool): Promise<QueryTool> {
  const pool = createPool({ url, applicationName: 'howdah-queries', role: 'howdah_worker' });
  const { rows } = await owner.query(
    `select id, howdah.uuid_v7() as run from howdah.tenants where slug = 'default'`,
  );
  const request = (query: string, spec: Spec) => {
    const { tenant = rows[0].id, schemas = ['shop'], ...limits } = spec;
    return {
      boundTo: { tenantId: tenant, executionId: rows[0].run },
      query,
      schemas,
      limits: { ...LIMITS, ...limits },
      signal: new AbortController().signal,
    };
  };
  return {
    pool,
    async ask(query, spec = {}) {
      const sqlRequest = request(query, spec);
      const parsed = await parseQuery(query, sqlRequest.schemas);
      return parsed.ok ? readBound(pool, sqlRequest, parsed.value, () => {}) : parsed;
    },
    queryWithoutParser: (query, spec = {}) =>
      readBound(pool, request(query, spec), { text: query, calls: [], tables: [] }, () => {}),
  };
}
