import { beforeAll, describe, expect, test } from 'vitest';
import { commitParameters } from '../../../src/db/runs/commit-query.ts';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  claim,
  commit,
  commitAsIs,
  completed,
  failed,
  isBlocked,
  jobsOf,
  makeAgent,
  makeModel,
  makeRun,
  makeWorker,
  one,
  openSession,
  refusal,
  runRow,
  testClient,
} from '../support.ts';

describe('commit_steps', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
  });

  const started = async (columns: Record<string, unknown> = {}): Promise<string> => {
    const id = await makeRun(db.pool, { agent_id: agent, ...columns });
    await claim(db.pool, worker, [id]);
    return id;
  };
  test('has the parameters that workers pass, in their order', async () => {
    const { names } = await one(
      db.pool,
      `select p.proargnames[:p.pronargs] as names from pg_proc as p where p.proname = 'commit_steps'`,
    );
    expect(Object.keys(commitParameters(worker, []))).toEqual(names);
  });

  const stepsOf = (id: string) =>
    all(db.pool, 'select * from howdah.steps where execution_id = $1 order by seq', [id]);
  const messagesOf = (id: string) =>
    all(db.pool, 'select * from howdah.messages where execution_id = $1 order by seq', [id]);

  test('writes steps and messages in order and without gaps', async () => {
    const id = await started();
    const calls = [{ id: 'c1', name: 'status', arguments: {} }];
    const steps = [
      { kind: 'model', messages: [{ role: 'assistant', content: null, tool_calls: calls }] },
      {
        kind: 'tool',
        name: 'status',
        input: { id: 1 },
        output: 'shipped',
        started_at: '2026-01-01T00:00:00Z',
        messages: [{ role: 'tool', content: 'shipped', tool_call_id: 'c1' }],
      },
    ];
    const first = await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps }]);
    expect(first).toEqual([
      {
        execution_id: id,
        outcome: 'committed',
        status: 'running',
        step_count: 2,
        exhausted: null,
        active_ms_left: expect.any(String),
        watched: false,
        has_inbox: false,
        is_pause_requested: false,
        over_quota: false,
        are_calls_limited: false,
        rules_stamp: expect.stringMatching(/^[1-9]/),
      },
    ]);
    await commit(db.pool, worker, [{ id, fence: 1, after: 2, steps: [answer] }]);
    expect(await stepsOf(id)).toMatchObject([
      { seq: 1, kind: 'model', worker, input: null, output: null, error: null },
      {
        seq: 2,
        kind: 'tool',
        name: 'status',
        input: { id: 1 },
        output: 'shipped',
        started_at: new Date('2026-01-01T00:00:00Z'),
      },
      { seq: 3, kind: 'model', tokens_in: 10, tokens_out: 5 },
    ]);
    expect(await messagesOf(id)).toMatchObject([
      { seq: 1, step_seq: null, role: 'user', trust: 'user' },
      {
        seq: 2,
        step_seq: 1,
        role: 'assistant',
        tool_calls: calls,
        trust: 'internal',
        agent_id: agent,
      },
      { seq: 3, step_seq: 2, role: 'tool', content: 'shipped', trust: 'external' },
      { seq: 4, step_seq: 3, role: 'assistant', tokens_in: 10, tokens_out: 5 },
    ]);
    expect(await runRow(db.pool, id)).toMatchObject({
      step_count: 3,
      model_count: 2,
      message_count: 4,
      tokens_in: '10',
      tokens_out: '5',
      crashes_without_progress: 0,
    });
  });

  test('numbers the messages of several steps in their order', async () => {
    const id = await started();
    const said = (...contents: string[]) => contents.map((content) => ({ role: 'user', content }));
    const steps = [
      { kind: 'guard', messages: said('a', 'b') },
      { kind: 'timer' },
      { kind: 'timer', messages: null },
      { kind: 'guard', messages: said('c') },
      { kind: 'guard', messages: said('d', 'e') },
    ];
    await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps }]);
    const messages = (await messagesOf(id)).map((row) => [
      row.seq,
      row.step_seq,
      row.content,
      row.parent_seq,
    ]);
    expect(messages.slice(1)).toEqual([
      [2, 1, 'a', 1],
      [3, 1, 'b', 2],
      [4, 4, 'c', 3],
      [5, 5, 'd', 4],
      [6, 5, 'e', 5],
    ]);
    expect(await runRow(db.pool, id)).toMatchObject({ step_count: 5, message_count: 6 });
  });

  test('stores JSON null in a step as SQL null, also for values that serialize to null', async () => {
    const id = await started();
    const error = { toJSON: () => null };
    const step = { kind: 'tool', name: 'x', input: null, output: Number.NaN, error };
    await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [step] }]);
    expect(
      await one(
        db.pool,
        `select input is null as input, output is null as output, error is null as error
         from howdah.steps where execution_id = $1`,
        [id],
      ),
    ).toEqual({ input: true, output: true, error: true });
  });

  test('commits many runs in one call', async () => {
    const ids = await Promise.all(Array.from({ length: 30 }, () => started()));
    const results = await commit(
      db.pool,
      worker,
      ids.map((id) => ({ id, fence: 1, after: 0, steps: [answer, answer] })),
    );
    expect(results).toHaveLength(30);
    expect(new Set(results.map((row) => row.outcome))).toEqual(new Set(['committed']));
    expect(new Set(results.map((row) => row.execution_id))).toEqual(new Set(ids));
    expect(new Set(results.map((row) => row.step_count))).toEqual(new Set([2]));
  });

  test('skips only the rows whose fence, owner or position is wrong', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => started()));
    const [good, oldFence, moved, taken, gone] = ids as [string, string, string, string, string];
    await db.pool.query('select howdah_private.release_executions($1, $2, false)', [
      worker,
      [taken],
    ]);
    const other = await makeWorker(db.pool);
    await claim(db.pool, other, [taken]);
    await db.pool.query('select howdah.cancel_execution($1)', [gone]);
    const missingId = '019a0000-0000-7000-8000-000000000001';
    const row = (id: string, fence = 1, after = 0) => ({ id, fence, after, steps: [answer] });
    const results = await commit(db.pool, worker, [
      row(good),
      row(oldFence, 0),
      row(moved, 1, 4),
      row(taken),
      row(taken, 3),
      row(gone),
      row(missingId),
    ]);
    const outcomes = results.map((result) => [result.execution_id, result.outcome]);
    expect(outcomes.sort()).toEqual(
      [
        [good, 'committed'],
        [oldFence, 'stale'],
        [moved, 'stale'],
        [taken, 'stale'],
        [taken, 'stale'],
        [gone, 'stale'],
        [missingId, 'stale'],
      ].sort(),
    );
    for (const id of [oldFence, moved, taken, gone]) {
      expect(await stepsOf(id)).toEqual([]);
      expect(await runRow(db.pool, id)).toMatchObject({ step_count: 0, tokens_in: '0' });
    }
    expect(await stepsOf(good)).toHaveLength(1);
  });

  test('returns committed again for a repeated commit and writes nothing', async () => {
    const id = await started();
    const row = { id, fence: 1, after: 0, steps: [answer, answer] };
    const first = await commit(db.pool, worker, [row]);
    const again = await commit(db.pool, worker, [row]);
    expect(again).toEqual([{ ...first[0], active_ms_left: expect.any(String) }]);
    expect(await stepsOf(id)).toHaveLength(2);
    expect(await runRow(db.pool, id)).toMatchObject({
      step_count: 2,
      model_count: 2,
      tokens_in: '20',
    });
  });

  test('returns stale for a status change without a step when the run has no head', async () => {
    const id = await started();
    await db.pool.query('delete from howdah_private.run_heads where execution_id = $1', [id]);
    const to = { status: 'waiting', waiting_for: 'timer', delay_ms: 1000 };
    const row = { id, fence: 1, after: 0, steps: [], to };
    expect(await commit(db.pool, worker, [row])).toMatchObject([{ outcome: 'stale' }]);
    expect(await runRow(db.pool, id)).toMatchObject({ status: 'running' });
    await db.pool.query('select howdah_private.release_executions($1, $2, false)', [worker, [id]]);
  });

  test('returns committed again for a repeated commit that ended the run', async () => {
    const id = await started();
    const steps = [answer, { kind: 'output', output: completed.output }];
    const row = { id, fence: 1, after: 0, steps, to: completed };
    await commit(db.pool, worker, [row]);
    expect(await commit(db.pool, worker, [row])).toMatchObject([
      { outcome: 'committed', status: 'completed', step_count: 2 },
    ]);
    expect(await stepsOf(id)).toHaveLength(2);
  });

  test('returns committed for a repeat while the first call is still in flight', async () => {
    const id = await started();
    const row = { id, fence: 1, after: 0, steps: [answer, answer] };
    const [lost, retry] = [await testClient(db.pool), await testClient(db.pool)];
    await lost.query('begin');
    await commit(lost, worker, [row]);
    const again = commit(retry, worker, [row]);
    await isBlocked(db.pool, retry);
    await lost.query('commit');
    expect(await again).toMatchObject([{ outcome: 'committed', step_count: 2 }]);
    expect(await stepsOf(id)).toHaveLength(2);
    expect(await runRow(db.pool, id)).toMatchObject({ step_count: 2, tokens_in: '20' });
  });

  test('preserves every character of texts and documents, in arrays of both', async () => {
    const texts = [
      'NULL',
      '',
      '{a,b}',
      '"',
      '\\',
      '\\"',
      "it's",
      ' , ',
      'a\nb\tc',
      '😀',
      '{"a":[1]}',
    ];
    const ids = await Promise.all(texts.map(() => started()));
    await commit(
      db.pool,
      worker,
      ids.map((id, index) => {
        const text = texts[index];
        const messages = [
          { role: 'tool', content: text, tool_call_id: `call ${text}`, parts: [{ text }] },
          { role: 'assistant', content: null, tool_calls: [{ id: text }] },
        ];
        const step = { kind: 'tool', name: text, call_id: text, input: { [`${text}`]: text } };
        return { id, fence: 1, after: 0, steps: [{ ...step, output: text, messages }] };
      }),
    );
    for (const [index, id] of ids.entries()) {
      const text = texts[index];
      expect(await stepsOf(id)).toMatchObject([
        { name: text, call_id: text, input: { [`${text}`]: text }, output: text },
      ]);
      expect((await messagesOf(id)).slice(1)).toMatchObject([
        { content: text, tool_call_id: `call ${text}`, parts: [{ text }] },
        { content: null, tool_calls: [{ id: text }] },
      ]);
    }
  });

  test('updates only the head of a plain run, and the row when the status changes', async () => {
    const [stays, ends] = [await started(), await started()];
    const steps = [{ kind: 'guard', name: 'bench' }];
    const rows = () =>
      all(
        db.pool,
        `select e.step_count, e.status, h.step_count as head from howdah.executions as e
         left join howdah_private.run_heads as h on h.execution_id = e.id
         where e.id = any ($1) order by e.id`,
        [[stays, ends]],
      );
    const plain = [stays, ends].map((id) => ({ id, fence: 1, after: 0, steps }));
    await commitAsIs(db.pool, worker, plain);
    expect(await rows()).toEqual([
      { step_count: 0, status: 'running', head: 1 },
      { step_count: 0, status: 'running', head: 1 },
    ]);
    await commitAsIs(db.pool, worker, [
      { id: stays, fence: 1, after: 1, steps },
      {
        ...{ id: ends, fence: 1, after: 1, to: completed },
        steps: [{ kind: 'output', output: completed.output }],
      },
    ]);
    expect(await rows()).toEqual([
      { step_count: 0, status: 'running', head: 2 },
      { step_count: 2, status: 'completed', head: null },
    ]);
  });

  test('locks heads in the order of ids, whatever their order in the table', async () => {
    const ids: string[] = [];
    for (let run = 0; run < 3; run++) ids.push(await makeRun(db.pool, { agent_id: agent }));
    for (const id of ids.toReversed()) await claim(db.pool, worker, [id]);
    const [other, committer] = [await openSession(db.url), await openSession(db.url)];
    const heads = 'from howdah_private.run_heads where execution_id = any ($1)';
    await other.query('begin');
    await other.query(`select ${heads} for update`, [ids.slice(0, 1)]);
    const commits = ids.map((id) => ({ id, fence: 1, after: 0, steps: [answer] }));
    const committing = commit(committer, worker, commits);
    await isBlocked(db.pool, committer);
    const free = `select execution_id ${heads} for update skip locked`;
    expect(await all(db.pool, free, [ids.slice(1)])).toHaveLength(2);
    await other.query('commit');
    expect(await committing).toHaveLength(3);
    await other.end();
    await committer.end();
  });

  test('counts tokens and prices them when the step commits', async () => {
    const model = await makeModel(db.pool, { input_price: 2.5, output_price: 10 });
    const free = await makeModel(db.pool, { model: 'unpriced' });
    const id = await started();
    const step = (model_id: string | null, tokens_in?: number, tokens_out?: number) => ({
      kind: 'model',
      model_id,
      tokens_in,
      tokens_out,
    });
    await commit(db.pool, worker, [
      { id, fence: 1, after: 0, steps: [step(model, 1000, 200), step(free, 7, 8)] },
    ]);
    await db.pool.query('update howdah.models set input_price = 5 where id = $1', [model]);
    await commit(db.pool, worker, [
      { id, fence: 1, after: 2, steps: [step(model, 1000, 0), step(null, 1, 1), step(model)] },
    ]);
    expect((await stepsOf(id)).map((row) => row.cost)).toEqual(['0.0045', '0', '0.005', '0', '0']);
    expect(await runRow(db.pool, id)).toMatchObject({
      tokens_in: '2008',
      tokens_out: '209',
      cost: '0.0095',
    });
  });

  test.each([
    ['max_steps', { max_steps: 1 }],
    ['max_tokens', { max_tokens: 15 }],
    ['max_cost', { max_cost: 0.00001 }],
  ])('reports that %s is exhausted', async (reason, limits) => {
    const model = await makeModel(db.pool, { input_price: 1, output_price: 1 });
    const id = await started(limits);
    const tool = { kind: 'tool', name: 'x' };
    expect(
      await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [tool] }]),
    ).toMatchObject([{ exhausted: null }]);
    expect(
      await commit(db.pool, worker, [
        { id, fence: 1, after: 1, steps: [{ ...answer, model_id: model }] },
      ]),
    ).toMatchObject([{ outcome: 'committed', exhausted: reason }]);
  });

  test('reports max_time as exhausted, counting active time only', async () => {
    const id = await started({ max_seconds: 60 });
    await db.pool.query(
      `update howdah.executions set active_since = active_since - interval '61 seconds' where id = $1`,
      [id],
    );
    const [result] = await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [answer] }]);
    expect(result).toMatchObject({ exhausted: 'max_time' });
    expect(Number(result?.active_ms_left)).toBeLessThan(0);
  });

  test('does not count the time a run waits as active', async () => {
    const id = await started({ max_seconds: 6_000 });
    await db.pool.query(
      `update howdah.executions set active_since = active_since - interval '2000 seconds' where id = $1`,
      [id],
    );
    const to = { status: 'waiting', waiting_for: 'timer', delay_ms: 0 };
    await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [], to }]);
    const parked = await runRow(db.pool, id);
    expect(Number(parked.active_ms)).toBeGreaterThanOrEqual(2_000_000);
    expect(Number(parked.active_ms)).toBeLessThan(3_000_000);
    expect(parked.active_since).toBeNull();
    const [run] = await claim(db.pool, worker, [id]);
    expect(Number(run?.active_ms_left)).toBeGreaterThan(3_000_000);
    expect(Number(run?.active_ms_left)).toBeLessThanOrEqual(4_000_000);
  });

  test('ends a run as completed with its output', async () => {
    const id = await started();
    const to = { ...completed, output_data: { eta: 2 } };
    const steps = [answer, { kind: 'output', output: completed.output }];
    expect(await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps, to }])).toMatchObject([
      { status: 'completed' },
    ]);
    expect(await runRow(db.pool, id)).toMatchObject({
      status: 'completed',
      stop_reason: 'final_answer',
      output: 'It is on its way.',
      output_data: { eta: 2 },
      error: null,
      completed_at: expect.any(Date),
      owner_worker: null,
      active_since: null,
    });
  });

  test('ends a run as failed with its error', async () => {
    const id = await started();
    const steps = [{ kind: 'error', error: failed.error }];
    await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps, to: failed }]);
    expect(await runRow(db.pool, id)).toMatchObject({
      status: 'failed',
      stop_reason: 'error',
      error: failed.error,
      output: null,
      completed_at: expect.any(Date),
    });
  });

  test('parks a run until a time and schedules its wake-up', async () => {
    const id = await started();
    await db.pool.query('select graphile_worker.remove_job($1)', [id]);
    const to = { status: 'waiting', waiting_for: 'timer', delay_ms: 3_600_000 };
    await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [answer], to }]);
    const run = await runRow(db.pool, id);
    expect(run).toMatchObject({ status: 'waiting', waiting_for: 'timer', owner_worker: null });
    const jobs = await jobsOf(db.pool, id);
    expect(jobs).toEqual([
      { priority: 0, run_at: run.wake_at, payload: { id }, is_available: true },
    ]);
    const ms = run.wake_at.getTime() - run.updated_at.getTime();
    expect(Math.abs(ms - 3_600_000)).toBeLessThan(5_000);
  });

  test('a commit without a timer changes no job', async () => {
    const id = await started();
    await db.pool.query('select graphile_worker.remove_job($1)', [id]);
    await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [answer] }]);
    expect(await jobsOf(db.pool, id)).toEqual([]);
  });

  test('rejects the whole call when one row cannot be stored', async () => {
    const [good, bad] = [await started(), await started()];
    const rows = (step: Record<string, unknown>) => [
      { id: good, fence: 1, after: 0, steps: [answer] },
      { id: bad, fence: 1, after: 0, steps: [step] },
    ];
    expect(await refusal(commit(db.pool, worker, rows({ kind: 'dance' })))).toMatchObject({
      code: '22P02',
    });
    const mute = { kind: 'tool', messages: [{ content: 'x' }] };
    expect(await refusal(commit(db.pool, worker, rows(mute)))).toMatchObject({ code: '23502' });
    for (const id of [good, bad]) {
      expect(await stepsOf(id)).toEqual([]);
      expect(await runRow(db.pool, id)).toMatchObject({ step_count: 0, message_count: 1 });
    }
  });

  test.each([
    ['completed_runs_have_an_output', { status: 'completed', stop_reason: 'final_answer' }],
    ['failed_runs_have_an_error', { status: 'failed', stop_reason: 'error' }],
    ['ended_runs_say_why', { status: 'completed', output: 'x' }],
    ['waiting_runs_say_for_what', { status: 'waiting' }],
    ['timers_have_a_time', { status: 'waiting', waiting_for: 'timer' }],
  ])('rejects a status change that violates %s', async (constraint, to) => {
    const id = await started();
    expect(
      await refusal(commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [], to }])),
    ).toMatchObject({ code: '23514', constraint });
  });

  test('rejects a status transition that is not allowed', async () => {
    const id = await started();
    const to = { status: 'cancelled', stop_reason: 'cancelled' };
    expect(
      await refusal(commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [], to }])),
    ).toMatchObject({ code: '23514', constraint: 'ended_runs_say_when' });
    await db.pool.query(
      `delete from howdah.status_transitions where (from_status, to_status) = ('running', 'failed')`,
    );
    expect(
      await refusal(commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [], to: failed }])),
    ).toMatchObject({ code: 'HWCNF', fields: { to: 'failed', from: 'running' } });
    await db.pool.query(
      `insert into howdah.status_transitions values ('running', 'failed', 'an error or a limit')`,
    );
  });

  test.each([
    ['asked to pause', 'select howdah.pause_execution($1)', 'paused'],
    [
      'sent a message',
      // as wake_runs does for a running run
      `update howdah.executions set has_inbox = true where id = $1`,
      'queued',
    ],
  ])('a commit that waited for the lock sees that its run was %s', async (_, text, status) => {
    const id = await started();
    const other = await openSession(db.url);
    const committer = await openSession(db.url);
    await other.query('begin');
    await other.query(text, [id]);
    const to = { status: 'waiting', waiting_for: 'question' };
    const parking = commit(committer, worker, [{ id, fence: 1, after: 0, steps: [], to }]);
    await isBlocked(db.pool, committer);
    await other.query('commit');
    expect(await parking).toMatchObject([{ outcome: 'committed', status }]);
    await other.end();
    await committer.end();
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test.each([
    ['with steps', [answer, { kind: 'output' }]],
    ['without steps', []],
  ])('a run is not completed %s while a sender to its inbox holds its lock', async (_, steps) => {
    const id = await started();
    const other = await openSession(db.url);
    const committer = await openSession(db.url);
    await other.query('begin');
    await other.query('update howdah.executions set has_inbox = true where id = $1', [id]);
    const ending = commit(committer, worker, [{ id, fence: 1, after: 0, steps, to: completed }]);
    await isBlocked(db.pool, committer);
    await other.query('commit');
    expect(await ending).toMatchObject([{ outcome: 'inbox', status: 'running', step_count: 0 }]);
    await other.end();
    await committer.end();
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test('a run pauses only after a pause request, and otherwise continues', async () => {
    const id = await started();
    const to = { status: 'paused' };
    expect(
      await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [], to, more: true }]),
    ).toMatchObject([{ outcome: 'committed', status: 'running' }]);
    await db.pool.query('select howdah.pause_execution($1)', [id]);
    expect(
      await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps: [answer], to, more: true }]),
    ).toMatchObject([{ outcome: 'committed', status: 'paused', step_count: 1 }]);
  });
});
