import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { connect } from '../../../src/client/connect.ts';
import type { StreamEvent } from '../../../src/contracts/runs/stream-event.ts';
import { inTransaction } from '../../../src/db/connection/pool.ts';
import { insertRun, makeAgent } from '../../runtime/arrange.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestApi } from '../harness.ts';

// The stream of a tree with 2,000 child runs, which commit in batches while the stream is read.

const CHILDREN = 2_000;
const BATCHES = 4;
const PER_BATCH = CHILDREN / BATCHES;
const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

/**
 * Commits the steps of a batch as workers do: the followed run starts the children, each child
 * answers, and the followed run gets the results. $1 is the followed run, $2 its last step, $3 the
 * number of children, $4 an agent.
 */
const BATCH = `
  with child as (
    select howdah.uuid_v7() as id, n, clock_timestamp() as at from generate_series(1, $3::int) as n
  ), row as (
    select c.id, c.n, e.tenant_id, c.at, e.agent_version_id, e.agent_id, e.created_at as top_at
    from child as c cross join howdah.executions as e where e.id = $1
  ), step as (
    insert into howdah.steps (execution_id, seq, tenant_id, kind, name, call_id, output, started_at, finished_at)
    select s.execution_id, s.seq, r.tenant_id, s.kind::howdah.step_kind, 'part', s.call_id, s.output, s.at, s.at
    from row as r cross join lateral (values
      ($1::uuid, $2::int + r.n, 'child_started', 'c' || $2::int + r.n, jsonb_build_object('execution_id', r.id), r.at),
      (r.id, 1, 'model', null, '{}', r.at + interval '1 ms'),
      (r.id, 2, 'output', null, null, r.at + interval '2 ms'),
      ($1::uuid, $2::int + $3::int + r.n, 'child', 'c' || $2::int + r.n,
        jsonb_build_object('execution_id', r.id, 'status', 'completed', 'output', 'Done.'), now() + interval '1 s')
    ) as s (execution_id, seq, kind, call_id, output, at)
  ), ended as (
    insert into howdah.executions (id, tenant_id, agent_id, agent_version_id, parent_execution_id,
      root_execution_id, depth, ancestors, status, stop_reason, input, output, step_count, model_count,
      max_steps, max_seconds, run_at, started_at, completed_at, created_by, trust)
    select r.id, r.tenant_id, r.agent_id, r.agent_version_id, $1, $1, 1, array[$1::uuid], 'completed',
      'final_answer', 'part', 'Done.', 2, 1, 50, 600, r.at, r.at, r.at + interval '3 ms', 'test', 'external'
    from row as r
  )
  update howdah.executions as e set step_count = $2::int + 2 * $3::int where e.id = $1`;

const commit = (text: string, values: unknown[]) =>
  inTransaction(db.pool, async (client) => {
    await client.query('set local session_replication_role = replica');
    await client.query(text, values);
    await client.query('select howdah_private.announce(array[$1::uuid])', [values[0]]);
  });

/** Ends the followed run after its last step, $2. */
const END = `
  with step as (
    insert into howdah.steps (execution_id, seq, tenant_id, kind)
    select e.id, $2::int + 1, e.tenant_id, 'output' from howdah.executions as e where e.id = $1
  )
  update howdah.executions as e
  set status = 'completed', stop_reason = 'final_answer', output = 'Done.', step_count = $2::int + 1,
    started_at = e.created_at, completed_at = clock_timestamp()
  where e.id = $1`;

test('a stream of 2,000 child runs that is cut three times has each step once, in order', async () => {
  const run = await insertRun(db.pool, await makeAgent(db.pool, { script: [{ content: 'x' }] }));
  const last = 4 * PER_BATCH * BATCHES - 2 * CHILDREN;
  let batch = 0;
  const commitNext = () => {
    const done = 2 * PER_BATCH * batch;
    batch += 1;
    return batch <= BATCHES ? commit(BATCH, [run, done, PER_BATCH]) : commit(END, [run, last]);
  };
  await commitNext();
  const events: StreamEvent[] = [];
  for (const cut of [1_100, 5_003, 9_500, Infinity]) {
    const after = events.at(-1)?.id;
    for await (const event of connect(api.url).stream(run, {
      tree: true,
      ...(after && { after }),
    })) {
      events.push(event);
      if (events.length === cut) break;
      // the next batch commits while events of the last one are being sent
      if (events.length === batch * 5 * PER_BATCH - 1_000) await commitNext();
      if (batch === BATCHES && events.length === 10_000) await commitNext();
    }
  }
  const { rows: steps } = await db.pool.query<{ id: string; seq: number }>(
    `select s.execution_id as id, s.seq from howdah.steps as s
     join howdah.executions as e on e.id = s.execution_id
     where e.root_execution_id = $1 and s.kind <> 'output'`, // an output has no event of its own
    [run],
  );
  const rows = new Map<string, string>();
  for (const { id = '', event, data } of events) {
    const row = id.split('.')[0] ?? '';
    if (event !== 'complete') rows.set(row, `${data.execution_id} ${data.seq}`);
  }
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
  expect([...rows.values()].sort()).toEqual(steps.map(({ id, seq }) => `${id} ${seq}`).sort());
  // the same order as for a reader without disconnections
  const { rows: ordered } = await db.pool.query(
    `select case r.position when 0 then r.top_seq::text else r.top_seq || '-' || r.position end as at
     from howdah_private.tree_rows_after(array[$1::uuid], array[0], array[-1], null, 20000) as r`,
    [run],
  );
  const seen = new Set(events.map(({ id }) => id?.split('.')[0]));
  expect([...seen]).toEqual(ordered.map(({ at }) => at).filter((at) => seen.has(at)));
  const ends = events.filter(({ event }) => event === 'complete');
  expect(ends).toHaveLength(CHILDREN + 1);
  // each child run comes after its start and before its result
  const open = new Set<string>();
  for (const { event, data } of events) {
    if (event === 'started') open.add(String(data.child_execution_id));
    else if (data.execution_id !== run) expect(open).toContain(data.execution_id);
    else if (event === 'observation')
      open.delete((data.output as { execution_id: string }).execution_id);
  }
  expect(open.size).toBe(0);
}, 60_000);
