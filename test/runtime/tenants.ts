import pg from 'pg';
import type { TestDatabase } from '../support/database.ts';
import { makeAgent } from './arrange.ts';

export type Tenant = {
  name: string;
  /** Connections of the owner of the database that act for this tenant. */
  pool: pg.Pool;
  /** Calls the model of OPENAI_BASE_URL. */
  agent: string;
  /** Inserts this number of runs at once, with the tenant's name as input. */
  insert(count: number): Promise<string[]>;
};

/** Makes a tenant with an agent of its own. */
export async function makeTenant(
  database: TestDatabase,
  name: string,
  tools: string[] = [],
): Promise<Tenant> {
  const { rows } = await database.pool.query(
    'insert into howdah.tenants (slug, name) values ($1, $1) returning id',
    [name],
  );
  const pool = new pg.Pool({
    connectionString: database.url,
    options: `-c howdah.tenant_id=${rows[0].id}`,
    max: 2,
  });
  pool.on('error', () => {});
  const agent = await makeAgent(pool, { models: [{ provider: 'openai' }], tools, max_steps: 1000 });
  return {
    name,
    pool,
    agent,
    async insert(count) {
      const runs = await pool.query(
        `insert into howdah.executions (agent_id, input)
         select $1, $2 from generate_series(1, $3) returning id`,
        [agent, name, count],
      );
      return runs.rows.map(({ id }) => id);
    },
  };
}
