import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Cost,
  claimStatements,
  measureCosts,
} from '../../../deploy/rehearsals/support/claim-costs.ts';
import { testDatabase } from '../../support/database.ts';
import { makeAgent, makeRun, makeTenant, makeWorker } from '../support.ts';

const SHORT = 400;
const LONG = 16_000;

/** Checks that the cost of claiming does not depend on the length of one tenant's queue. */
describe('claiming with a long queue', () => {
  const db = testDatabase();
  let session: pg.Client;
  let busy: { id: string; agent: string };

  beforeAll(async () => {
    await makeWorker(db.pool);
    const ids = [await makeTenant(db.pool), await makeTenant(db.pool)].toSorted();
    const [id, other] = ids as [string, string];
    busy = { id, agent: await makeAgent(db.pool, { tenant_id: id }) };
    const agent_id = await makeAgent(db.pool, { tenant_id: other });
    await makeRun(db.pool, { tenant_id: other, agent_id });
    session = await connected();
  });
  afterAll(async () => {
    await session?.end();
  });

  const connected = async () => {
    const client = new pg.Client({ connectionString: db.url });
    await client.connect();
    return client;
  };
  /** Queues so many runs that are due, and as many that are due tomorrow. */
  const queue = (count: number) =>
    db.pool.query(
      `insert into howdah.executions (tenant_id, agent_id, input, run_at)
       select $1, $2, 'x', now() + n * interval '1 day'
       from generate_series(1, $3) cross join generate_series(0, 1) as n`,
      [busy.id, busy.agent, count],
    );
  const costs = async (client: pg.Client) =>
    measureCosts(client, await claimStatements(client, busy.id));

  test('reads no more pages than with a short queue, whenever the query was planned', async () => {
    await queue(SHORT);
    const short = new Map((await costs(session)).map(({ call, pages }) => [call, pages]));
    await queue(LONG - SHORT);
    const found: Record<string, Cost[]> = { 'while it was short': await costs(session) };
    const fresh = await connected();
    try {
      found['anew, before it was counted'] = await costs(fresh);
      await db.pool.query('analyze howdah.executions, graphile_worker._private_jobs');
      found['after it was counted'] = await costs(fresh);
    } finally {
      await fresh.end();
    }
    const dearer = Object.entries(found).flatMap(([planned, all]) =>
      all
        .filter(({ call, pages }) => pages > (short.get(call) ?? 0) * 1.5 + 60)
        .map((cost) => ({ planned, ...cost, whenShort: short.get(cost.call) })),
    );
    expect(dearer).toEqual([]);
    const scans = Object.values(found).flatMap((all) =>
      all.flatMap((cost) => cost.sequentialScans),
    );
    expect(scans).toEqual([]);
  });
});
