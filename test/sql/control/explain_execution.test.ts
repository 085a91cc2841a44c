import { beforeAll, beforeEach, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { makeQuestion } from '../open-questions.ts';
import {
  asRole,
  claim,
  commit,
  failed,
  finish,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeTool,
  makeWorker,
  one,
  refusal,
  spawn,
} from '../support.ts';

const db = testDatabase();
let agent: string;
let worker: string;

beforeAll(async () => {
  agent = await makeAgent(db.pool, { name: 'desk' });
});
beforeEach(async () => {
  await db.pool.query('delete from howdah.limits');
  await db.pool.query(
    `select howdah.cancel_execution(id) from howdah.executions where completed_at is null and parent_execution_id is null`,
  );
  await db.pool.query('delete from howdah_private.workers');
  worker = await makeWorker(db.pool);
  await setHeartbeats('1 day');
});

/**
 * Sets the last heartbeat of all workers, relative to now. Workers of these tests are only rows.
 */
const setHeartbeats = (later: string) =>
  db.pool.query(
    'update howdah_private.workers set heartbeat_at = clock_timestamp() + $1::interval',
    [later],
  );
const explain = async (id: string) =>
  (await one(db.pool, 'select howdah.explain_execution($1) as explanation', [id])).explanation;
const taken = async (columns: Record<string, unknown> = {}) => {
  const id = await makeRun(db.pool, { agent_id: agent, ...columns });
  const [run] = await claim(db.pool, worker, [id]);
  return { id, fence: run?.fence as number, after: run?.step_count as number };
};
const steps = [{ kind: 'model', name: 'fast', tokens_in: 1, tokens_out: 1 }];

test('explains a scheduled run with its start time', async () => {
  const id = await makeRun(db.pool, { agent_id: agent, run_at: '2100-01-01 12:00:00+00' });
  expect(await explain(id)).toMatchObject({
    execution_id: id,
    status: 'queued',
    reason: 'scheduled',
    summary: 'the run starts at 2100-01-01 12:00:00 UTC',
    blocked_by: [],
    next: [],
  });
});

test('explains a debounced run with its key and the time its input was replaced', async () => {
  const keys = { debounce_key: "Anna's order", debounce_ms: 3_600_000 };
  const id = await makeRun(db.pool, { agent_id: agent, ...keys });
  const blocker = { kind: 'debounce_key', id: null, name: "Anna's order" };
  expect(await explain(id)).toMatchObject({
    reason: 'scheduled',
    summary: expect.stringContaining('the debounce key "Anna\'s order"'),
    blocked_by: [{ ...blocker, detail: 'waits for 3600000 ms without another insert' }],
  });
  expect(await makeRun(db.pool, { agent_id: agent, ...keys })).toBe(id);
  expect((await explain(id)).blocked_by[0].detail).toContain('last replaced at 20');
});

test('explains a due run with its queue position, or reports that no worker is running', async () => {
  const first = await makeRun(db.pool, { agent_id: agent, run_at: '2020-01-01' });
  const second = await makeRun(db.pool, { agent_id: agent, run_at: '2020-01-02' });
  const urgent = await makeRun(db.pool, { agent_id: agent, run_at: '2020-01-03', priority: -1 });
  const before = async (id: string) => (await explain(id)).summary.split('; ')[1];
  expect(await before(urgent)).toBe('0 due runs of its tenant are ahead of it');
  expect(await before(first)).toBe('1 due run of its tenant is ahead of it');
  expect(await before(second)).toBe('2 due runs of its tenant are ahead of it');
  expect(await explain(second)).toMatchObject({ reason: 'in_queue', blocked_by: [], next: [] });
  await setHeartbeats('-1 day');
  expect(await explain(second)).toMatchObject({
    reason: 'no_worker',
    next: [{ action: 'start_worker', id: null }],
  });
});

test('explains a running run with its last step, and reports a lost worker', async () => {
  const run = await taken();
  expect(await explain(run.id)).toMatchObject({
    reason: 'at_work',
    summary: 'a worker executes the run',
  });
  await commit(db.pool, worker, [{ ...run, steps }]);
  expect((await explain(run.id)).summary).toMatch(
    /^a worker executes the run; its last step was 1, model fast, at /,
  );
  await db.pool.query('select howdah.pause_execution($1)', [run.id]);
  expect((await explain(run.id)).summary).toContain('it pauses once');
  await setHeartbeats('-1 day');
  expect(await explain(run.id)).toMatchObject({
    reason: 'worker_lost',
    blocked_by: [{ kind: 'worker', id: worker }],
    next: [{ action: 'start_worker' }],
  });
  await db.pool.query('select howdah.resume_execution($1)', [run.id]);
});

test('explains a run waiting for a child with the deepest run that blocks it', async () => {
  const root = await taken();
  const middle = await spawn(db.pool, worker, root, agent);
  const waits = { status: 'waiting', waiting_for: 'child' };
  await commit(db.pool, worker, [{ ...root, after: 1, steps, to: waits }]);
  const [second] = await claim(db.pool, worker, [middle]);
  const held = { id: middle, fence: second?.fence as number, after: 0 };
  const bottom = await spawn(db.pool, worker, held, agent);
  await commit(db.pool, worker, [{ ...held, after: 1, steps, to: waits }]);
  expect(await explain(root.id)).toMatchObject({
    status: 'waiting',
    reason: 'child',
    summary: 'the run waits for a child run',
    blocked_by: [{ kind: 'execution', id: bottom, name: 'desk', detail: 'queued' }],
    next: [{ action: 'explain_execution', id: bottom }],
  });
});

test('explains a run waiting for a person with the question and how to answer', async () => {
  const question = await makeQuestion(db.pool, {
    columns: { required_role: 'admin', expires_in_ms: 3_600_000 },
  });
  expect(await explain(question.execution)).toMatchObject({
    reason: 'question',
    summary: 'the run waits for a person: Which one?',
    blocked_by: [
      {
        kind: 'question',
        id: question.id,
        name: 'question',
        detail: expect.stringMatching(
          /^Which one\? \(requires the role admin\); expires at .* UTC$/,
        ),
      },
    ],
    next: [{ action: 'answer_question', id: question.id }],
  });
  const approval = await makeQuestion(db.pool, { kind: 'approval' });
  expect((await explain(approval.execution)).next).toEqual([
    { action: 'approve', id: approval.id },
  ]);
});

test('explains a retrying run with the time of the next attempt and the error', async () => {
  const run = await taken();
  const error = { code: 'overloaded', message: 'come back later', retryable: true };
  await commit(db.pool, worker, [
    {
      ...run,
      steps: [
        {
          kind: 'retry',
          name: 'fast',
          input: { attempt: 3, elapsed_ms: 7_000, retry_for: 600 },
          error,
        },
      ],
      to: { status: 'waiting', waiting_for: 'timer', delay_ms: 3_600_000 },
    },
  ]);
  expect(await explain(run.id)).toMatchObject({
    reason: 'timer',
    summary: expect.stringMatching(
      /^the run waits for the model fast, which failed 3 times \(overloaded\); the next attempt is at [-0-9]{10} [:0-9]{8} UTC; the run fails if no call has succeeded by [-0-9]{10} [:0-9]{8} UTC$/,
    ),
    blocked_by: [{ kind: 'model', name: 'fast', detail: 'overloaded: come back later' }],
  });
});

test('explains a queued turn with the turn before it', async () => {
  const session = await makeSession(db.pool);
  const first = await makeRun(db.pool, { agent_id: agent, session_id: session });
  const second = await makeRun(db.pool, { agent_id: agent, session_id: session });
  expect(await explain(second)).toMatchObject({
    reason: 'turn',
    blocked_by: [{ kind: 'execution', id: first }],
    next: [{ action: 'explain_execution', id: first }],
  });
});

test('explains a parked run with the limit and its figures', async () => {
  const limit = await one(
    db.pool,
    `insert into howdah.limits (scope, subject_id, metric, max_value) values ('agent', $1, 'running_runs', 1) returning id`,
    [agent],
  );
  await taken();
  const { id } = await taken();
  expect(await explain(id)).toMatchObject({
    status: 'waiting',
    reason: 'limit',
    summary: 'at most 1 run of the agent desk may run at once, and this limit is reached',
    blocked_by: [{ kind: 'limit', id: limit.id }],
  });
  await db.pool.query('delete from howdah.limits');
  const quota = await one(
    db.pool,
    `insert into howdah.limits (metric, max_value) values ('tokens', 0) returning id`,
  );
  const other = await taken();
  expect(await explain(other.id)).toMatchObject({
    reason: 'limit',
    summary: expect.stringMatching(/^the limit of tokens of the tenant is reached: \d+ of 0$/),
    blocked_by: [{ kind: 'limit', id: quota.id }],
  });
});

test('explains a run parked by a call limit, without figures for installation limits', async () => {
  const tool = await makeTool(db.pool, { name: 'stamp', kind: 'custom' });
  const explainWith = async (column: string, values: unknown[], explained: typeof explain) => {
    const limit = await one(
      db.pool,
      `insert into howdah.limits (scope, ${column}, metric, max_value) values ('tool', $1, 'running_calls', 1) returning id`,
      values,
    );
    const [first, second] = [await taken(), await taken()];
    for (const { id, fence } of [first, second]) {
      await db.pool.query(
        'select howdah_private.begin_call($1, $2, $3, $4, $5, null, null, true)',
        [worker, id, fence, tool, 'stamp'],
      );
    }
    const { id, fence } = second;
    const to = { status: 'waiting', waiting_for: 'quota' };
    await commit(db.pool, worker, [{ id, fence, after: 0, steps: [], to, more: true }]);
    const found = await explained(id);
    await db.pool.query('delete from howdah.limits');
    return { limit: limit.id, found };
  };
  const own = await explainWith('subject_id', [tool], explain);
  expect(own.found).toMatchObject({
    status: 'waiting',
    reason: 'limit',
    summary: 'calls of the tool stamp are limited to 1 at once, and this limit is reached',
    blocked_by: [{ kind: 'limit', id: own.limit }],
  });
  const { tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant');
  const system = await explainWith('key', ['stamp'], async (id) => {
    let found: unknown;
    await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, async (client) => {
      found = (await one(client, 'select howdah.explain_execution($1) as explanation', [id]))
        .explanation;
    });
    return found;
  });
  expect(system.found).toMatchObject({
    summary: 'a limit of the whole installation is reached',
    blocked_by: [{ kind: 'limit', id: null, name: 'system' }],
  });
});

test('explains a paused run with how to resume it', async () => {
  const id = await makeRun(db.pool, { agent_id: agent, run_at: '2100-01-01' });
  await db.pool.query('select howdah.pause_execution($1)', [id]);
  expect(await explain(id)).toMatchObject({
    reason: 'paused',
    next: [{ action: 'resume_execution', id }],
  });
});

test('explains an ended run with its outcome and whether a retry is possible', async () => {
  const id = await makeRun(db.pool, { agent_id: agent });
  await finish(db.pool, worker, id);
  const { completed_at } = await one(
    db.pool,
    'select to_json(completed_at) as completed_at from howdah.executions where id = $1',
    [id],
  );
  expect(await explain(id)).toEqual({
    execution_id: id,
    status: 'completed',
    since: completed_at,
    reason: 'completed',
    summary: 'the run completed with its final answer',
    blocked_by: [],
    next: [],
  });
  const other = await makeRun(db.pool, { agent_id: agent });
  await finish(db.pool, worker, other, failed);
  expect(await explain(other)).toMatchObject({
    reason: 'error',
    summary: 'the run failed (error): the model server said no',
    blocked_by: [
      { kind: 'error', id: null, name: failed.error.code, detail: 'the model server said no' },
    ],
    next: [{ action: 'retry_execution', id: other }],
  });
  const tired = await makeRun(db.pool, { agent_id: agent });
  await finish(db.pool, worker, tired, { ...failed, stop_reason: 'max_steps' });
  expect((await explain(tired)).summary).toMatch(
    /^the run failed \(max_steps\): .*; its limit is \d+ model calls$/,
  );
});

test('reveals nothing about a run of another tenant', async () => {
  const tenant_id = await makeTenant(db.pool);
  const theirs = await makeRun(db.pool, {
    tenant_id,
    agent_id: await makeAgent(db.pool, { tenant_id }),
  });
  const mine = await makeRun(db.pool, { agent_id: agent, run_at: '2100-01-01' });
  const own = (await one(db.pool, 'select howdah.current_tenant() as id')).id;
  await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': own }, async (client) => {
    expect(
      (await one(client, 'select howdah.explain_execution($1) as explanation', [mine])).explanation
        .reason,
    ).toBe('scheduled');
    const refused = await refusal(client.query('select howdah.explain_execution($1)', [theirs]));
    expect(refused).toMatchObject({ code: 'HWNTF', fields: { execution_id: theirs } });
  });
});
