import { expect, test } from 'vitest';
import type { StampedRules } from '../../../src/db/runs/call-rules.ts';
import type { ClaimedRun } from '../../../src/db/runs/runs.ts';
import { CallRulesCache } from '../../../src/runtime/scheduling/call-rules-cache.ts';
import { testDatabase } from '../../support/database.ts';

const database = testDatabase();

/**
 * Returns a cache whose rules contain the stamp at which they were loaded, and the requested runs.
 */
function createCache(shared = true) {
  const world = { stamp: 1, requestedRuns: [] as string[] };
  const cache = new CallRulesCache(async (ids) => {
    world.requestedRuns.push(...ids);
    const rules = {
      approved: [],
      asked: [`at ${world.stamp}`],
      withdrawn: {},
      decided: {},
      approved_for: {},
    };
    return ids.map((): StampedRules => ({ rules, stamp: world.stamp, is_shared: shared }));
  });
  const run = (execution_id: string, other: Partial<ClaimedRun> = {}) =>
    cache.of({ execution_id, shared_rules_key: 'version user', ...other } as ClaimedRun);
  return { world, run };
}

test('reuses call rules while the stamp is unchanged', async () => {
  const { world, run } = createCache();
  const rulesOf = run('a');
  await rulesOf(1);
  await rulesOf(1);
  expect(world.requestedRuns).toEqual(['a']);
  world.stamp = 2;
  expect((await rulesOf(2)).asked).toEqual(['at 2']);
  expect((await rulesOf(2)).asked).toEqual(['at 2']);
  expect(world.requestedRuns).toEqual(['a', 'a']);
});

test('a run without a stamp queries its rules each time', async () => {
  const { world, run } = createCache();
  const rulesOf = run('a');
  await rulesOf(1);
  await rulesOf(null);
  expect(world.requestedRuns).toEqual(['a', 'a']);
});

test('similar runs share cached rules; other versions, users and child runs do not', async () => {
  const { world, run } = createCache();
  await run('first')(1);
  await run('alike')(1);
  await run('newer')(2);
  await run('other user', { shared_rules_key: 'version other' })(1);
  await run('child', { shared_rules_key: null })(1);
  await run('its sibling', { shared_rules_key: null })(1);
  expect(world.requestedRuns).toEqual(['first', 'newer', 'other user', 'child', 'its sibling']);
});

test('an approval for one run is not reused for another', async () => {
  const { world, run } = createCache(false);
  const rulesOf = run('first');
  await rulesOf(1);
  await rulesOf(1);
  await run('alike')(1);
  expect(world.requestedRuns).toEqual(['first', 'alike']);
});

test('every table that call rules depend on is audited, so changes raise the stamp', async () => {
  const { rows } = await database.pool.query(`
    with recursive called (oid) as (
      select 'howdah_private.call_rules_of(uuid[])'::regprocedure::oid
      union
      select p.oid from called as c
      join pg_catalog.pg_proc as b on b.oid = c.oid
      join pg_catalog.pg_proc as p on p.pronamespace = 'howdah_private'::regnamespace
        and b.prosrc ~ ('howdah_private\\.' || p.proname || '\\(')
    )
    select r.relname,
      (select count(*)::int from pg_catalog.pg_trigger as t
       where t.tgrelid = r.oid and t.tgname like '\\_950\\_audit\\_%' and t.tgenabled = 'O') as audited
    from pg_catalog.pg_class as r
    where r.relnamespace = 'howdah'::regnamespace and r.relkind in ('r', 'p') and exists (
      select from called as c join pg_catalog.pg_proc as b on b.oid = c.oid
      where b.prosrc ~ ('howdah\\.' || r.relname || '\\M')
    )
    order by 1`);
  // a run and its version never change; everything else can
  expect(rows).toEqual([
    { relname: 'agent_servers', audited: 3 },
    { relname: 'agent_tools', audited: 3 },
    { relname: 'agent_versions', audited: 0 },
    { relname: 'agents', audited: 3 },
    { relname: 'approvals', audited: 3 },
    { relname: 'executions', audited: 0 },
    { relname: 'grants', audited: 3 },
    { relname: 'mcp_servers', audited: 3 },
    { relname: 'mcp_tools', audited: 3 },
    { relname: 'tool_policies', audited: 3 },
    { relname: 'tools', audited: 3 },
    { relname: 'users', audited: 3 },
    { relname: 'workflows', audited: 3 },
  ]);
});
