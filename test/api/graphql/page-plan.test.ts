import { expect, test } from 'vitest';
import { openRequests } from '../../../src/api/pools.ts';
import { inTransaction } from '../../../src/db/connection/pool.ts';
import { all, makeAgent, one, takeRole } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';

const db = testDatabase();

type Plan = { 'Node Type': string; Plans?: Plan[] };
const nodesOf = (plan: Plan): string[] => [
  plan['Node Type'],
  ...(plan.Plans ?? []).flatMap(nodesOf),
];

test('a page of runs is read in index order, even without statistics', async () => {
  const agent = await makeAgent(db.pool);
  await db.pool.query(
    `insert into howdah.executions (agent_id, input, run_at)
     select $1, 'x', now() + interval '1 day' from generate_series(1, 5000)`,
    [agent],
  );
  const { tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant');
  const requests = openRequests({ url: db.url }, 1);
  try {
    const [plan] = await inTransaction(requests, async (client) => {
      await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant, 'howdah.role': 'owner' });
      return all(
        client,
        `explain (format json) select e.id, e.input, a.name
         from howdah.executions as e left join howdah.agents as a on a.id = e.agent_id
         order by e.id desc limit 20`,
      );
    });
    const nodes = nodesOf(plan?.['QUERY PLAN'][0].Plan);
    expect(nodes).toContain('Index Scan');
    expect(nodes).not.toContain('Sort');
  } finally {
    await requests.end();
  }
});
