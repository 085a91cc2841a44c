import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  all,
  answer,
  brokenRules,
  claim,
  commit,
  completed,
  failed,
  finish,
  isBlocked,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeTool,
  makeWorker,
  one,
  openSession,
  refusal,
  retainBatch,
  rolledBack,
  spawn,
  tablesWith,
} from '../support.ts';

// Tests a tenant with `keep_contents_days = 0`. Contents are erased shortly after the end of a run.

const SAID = 'a canary sings';

const db = testDatabase({ violates: true }); // writes runs and steps by hand
let worker: string;
let agent: string;

beforeAll(async () => {
  agent = await makeAgent(db.pool);
  await db.pool.query('insert into howdah.retention_policies (keep_contents_days) values (0)');
});
beforeEach(async () => {
  worker = await makeWorker(db.pool); // a real worker would find it dead
  await erase(); // erases runs of earlier tests
});

/**
 * Erases the contents of ended runs, as workers do each second, without the grace of 30 seconds.
 */
const erase = (grace = '0 seconds') =>
  one(db.pool, 'select howdah_private.erase_ended(100, $1) as examined', [grace]);

const inputOf = async (id: string) =>
  (await one(db.pool, 'select input from howdah.executions where id = $1', [id])).input;

/** Moves the last activity of the session into the past. */
const ageSession = (session: string, minutes: number) =>
  db.pool.query(
    `update howdah.sessions set last_activity_at = now() - make_interval(mins => $2) where id = $1`,
    [session, minutes],
  );

/** Makes the postponed erasures due now instead of in a minute. */
const makeErasuresDue = () =>
  db.pool.query(
    `update howdah_private.due_work set due_at = now() - interval '1 second' where kind = 'erase_run'`,
  );

/**
 * Makes a run with data, metadata, a key, a call, a child and an answered question. Returns it
 * while it is running.
 */
async function startRunWithContents(columns: Record<string, unknown> = {}) {
  const data = JSON.stringify({ said: SAID });
  const id = await makeRun(db.pool, {
    agent_id: agent,
    input: SAID,
    input_data: data,
    metadata: data,
    ...columns,
  });
  const [claimed] = await claim(db.pool, worker, [id]);
  const fence = claimed?.fence;
  const calls = ['a', 'b'].map((call) => ({ id: call, name: 'look_up', arguments: data }));
  const said = { ...answer, messages: [{ role: 'assistant', content: SAID, tool_calls: calls }] };
  await commit(db.pool, worker, [{ id, fence, after: 0, steps: [said] }]);
  const child = await spawn(db.pool, worker, { id, fence, after: 1 }, agent);
  await finish(db.pool, worker, child, { ...completed, output: SAID });
  const { step_count } = await one(
    db.pool,
    'select * from howdah_private.take_inbox($1, $2, $3, 2)',
    [worker, id, fence],
  );
  await db.pool.query(
    `insert into howdah.questions (execution_id, root_execution_id, kind, prompt, answer, answered_by, answered_at, status, call_id)
     values ($1, $1, 'question', $2, $2, 'ada', now(), 'answered', 'b')`,
    [id, SAID],
  );
  const end = async () => {
    const toolMessages = ['a', 'b'].map((call) => ({
      role: 'tool',
      content: SAID,
      tool_call_id: call,
    }));
    const steps = [
      {
        kind: 'tool',
        name: 'look_up',
        call_id: 'b',
        input: data,
        output: data,
        messages: toolMessages,
      },
      { kind: 'output', output: SAID },
    ];
    const to = { ...completed, output: SAID, output_data: { said: SAID } };
    await commit(db.pool, worker, [{ id, fence, after: step_count, steps, to }]);
  };
  return { id, child, end };
}

test('keeps contents for 30 seconds after a run ends, then erases the whole tree', async () => {
  const { id, child, end } = await startRunWithContents({ idempotency_key: 'order 4711' });
  await erase();
  expect(await inputOf(child)).toBe('Find out.'); // the tree has not ended
  await end();
  await erase('30 seconds');
  const { output } = await one(db.pool, 'select output from howdah.executions where id = $1', [id]);
  expect(output).toBe(SAID);

  await erase();
  expect(await tablesWith(db.pool, SAID)).toEqual([]);
  expect(await inputOf(child)).toBe('[erased]');
  const run = await one(db.pool, 'select * from howdah.executions where id = $1', [id]);
  expect(run).toMatchObject({ status: 'completed', output: '[erased]', metadata: {} });
  expect(run).toMatchObject({ tokens_in: '10', message_count: 4 });
  expect(await all(db.pool, 'select * from howdah.violations')).toEqual([]);
  expect(await brokenRules(db.pool)).toEqual([]);
  const { faults } = await one(
    db.pool,
    `select count(*)::int as faults from howdah_private.due_work where kind = 'erase_run' and id = $1`,
    [id],
  );
  expect(faults).toBe(0);
  expect(
    await one(db.pool, `select howdah.export_run($1) ->> 'contents' as contents`, [id]),
  ).toEqual({ contents: 'erased' }); // a replay rejects such an export
  // The same request again creates no second run.
  const again = await one(
    db.pool,
    `select id from howdah.run((select name from howdah.agents where id = $1), 'again', idempotency_key => 'order 4711')`,
    [agent],
  );
  expect(again.id).toBe(id);
});

test('an erased run cannot be retried or forked; one retried in time keeps its contents', async () => {
  const [gone, retried] = [await makeRun(db.pool), await makeRun(db.pool)];
  for (const id of [gone, retried]) await finish(db.pool, worker, id, failed);
  const retrying = await openSession(db.url);
  await retrying.query('begin');
  await retrying.query('select howdah.retry_execution($1)', [retried]);
  await erase(); // does not wait for the lock
  await retrying.query('commit');
  await retrying.end();
  await makeErasuresDue();
  await erase();
  for (const again of ['retry_execution', 'fork_execution']) {
    expect(await refusal(db.pool.query(`select howdah.${again}($1)`, [gone]))).toMatchObject({
      code: 'HWCNF',
      message: expect.stringContaining('erased'),
    });
  }
  expect(await inputOf(retried)).toBe('Where is A-1001?');
  await finish(db.pool, worker, retried);
  await erase();
  expect(await inputOf(retried)).toBe('[erased]');
});

describe('session contents', () => {
  test('are stored until the session has been silent for the configured time', async () => {
    const session = await makeSession(db.pool, {
      ...{ title: SAID, state: { said: SAID }, chat_key: `/${SAID}` },
    });
    const columns = { agent_id: agent, session_id: session, input: SAID };
    await finish(db.pool, worker, await makeRun(db.pool, columns));
    await erase();
    const next = await makeRun(db.pool, columns);
    const historyOf = async (id: string) =>
      (
        await one(
          db.pool,
          `select howdah.export_run($1) -> 'history' -> 0 ->> 'content' as first`,
          [id],
        )
      ).first;
    expect(await historyOf(next)).toBe(SAID);
    await ageSession(session, 61);
    await makeErasuresDue();
    await erase();
    expect(await historyOf(next)).toBe(SAID); // a run of the session is live
    await finish(db.pool, worker, next);
    await ageSession(session, 59);
    await makeErasuresDue();
    await erase();
    expect(await inputOf(next)).toBe(SAID);
    await ageSession(session, 61);
    await makeErasuresDue();
    await erase();
    expect(await tablesWith(db.pool, SAID)).toEqual([]);
    expect(
      await one(db.pool, 'select title, state, chat_key from howdah.sessions where id = $1', [
        session,
      ]),
    ).toEqual({ title: '[erased]', state: {}, chat_key: null });
    // The session may continue, without its previous messages.
    expect(await historyOf(await makeRun(db.pool, columns))).toBeNull();
    await db.pool.query(
      'select howdah.cancel_execution(live_execution_id) from howdah.sessions where id = $1',
      [session],
    );
    await ageSession(session, 61);
    await erase();
    expect(await all(db.pool, 'select * from howdah.violations')).toEqual([]);
  });

  test('are checked once for each due run', async () => {
    const session_id = await makeSession(db.pool);
    const { end } = await startRunWithContents({ session_id });
    await end();
    await rolledBack(db.pool, async (client) => {
      await client.query(`set local track_functions = 'all'`);
      const result = await one(client, 'select howdah_private.erase_ended(100, $1) as examined', [
        '0 seconds',
      ]);
      expect(result).toEqual({ examined: 1 });
      expect(
        await one(
          client,
          `select pg_stat_get_xact_function_calls(
             'howdah_private.contents_needed_until(howdah.executions)'::regprocedure)::int as calls`,
        ),
      ).toEqual({ calls: 1 });
    });
    await ageSession(session_id, 61);
    await erase();
  });

  test('are not erased while a run is being inserted', async () => {
    const session = await makeSession(db.pool);
    const columns = { agent_id: agent, session_id: session, input: 'before' };
    const first = await makeRun(db.pool, columns);
    await finish(db.pool, worker, first);
    await ageSession(session, 61);
    const writing = await openSession(db.url);
    await writing.query('begin');
    const second = await makeRun(writing, columns);
    await erase();
    await writing.query('commit');
    await writing.end();
    await makeErasuresDue();
    await erase();
    expect(await inputOf(first)).toBe('before');
    await db.pool.query('select howdah.cancel_execution($1)', [second]);
  });

  test('a run inserted during the erasure waits, then starts without the old history', async () => {
    const session = await makeSession(db.pool);
    const columns = { agent_id: agent, session_id: session, input: 'before' };
    await finish(db.pool, worker, await makeRun(db.pool, columns));
    await ageSession(session, 61);
    const [erasing, writing] = [await openSession(db.url), await openSession(db.url)];
    await erasing.query('begin');
    await erasing.query(`select howdah_private.erase_ended(100, '0 seconds')`);
    const written = makeRun(writing, columns);
    await isBlocked(db.pool, writing);
    await erasing.query('commit');
    const next = await written;
    await Promise.all([erasing.end(), writing.end()]);
    const [exportedRun] = await all(
      db.pool,
      `select howdah.export_run($1) -> 'history' as history`,
      [next],
    );
    expect(exportedRun).toEqual({ history: [] });
    await db.pool.query('select howdah.cancel_execution($1)', [next]);
  });
});

test('a run with an open effect question keeps its contents', async () => {
  const charge = await makeTool(db.pool, { name: 'charge', effect: 'once' });
  const agent_id = await makeAgent(db.pool);
  await db.pool.query('insert into howdah.agent_tools (agent_id, tool_id) values ($1, $2)', [
    agent_id,
    charge,
  ]);
  const id = await makeRun(db.pool, { agent_id });
  const [claimed] = await claim(db.pool, worker, [id]);
  const called = { kind: 'tool_started', name: 'charge', call_id: 'c', effect: 'once', input: {} };
  await commit(db.pool, worker, [{ id, fence: claimed?.fence, after: 0, steps: [answer, called] }]);
  await db.pool.query('select howdah.cancel_execution($1)', [id]);
  await erase();
  expect(await inputOf(id)).toBe('Where is A-1001?');
  const [question] = await all(
    db.pool,
    `select id from howdah.questions where execution_id = $1 and status = 'open'`,
    [id],
  );
  await db.pool.query(`select howdah.answer_question($1, 'done')`, [question?.id]);
  await makeErasuresDue();
  await erase();
  expect(await inputOf(id)).toBe('[erased]');
});

test('a pending completion hook still receives the original contents', async () => {
  await db.pool.query(
    `create schema shop;
     create table shop.ended (id text, said text);
     grant usage on schema shop to howdah_app; grant insert on shop.ended to howdah_app;
     create function shop.on_end(event jsonb) returns void language sql as
       $$ insert into shop.ended values (event ->> 'execution_id', event -> 'metadata' ->> 'said') $$`,
  );
  const agent_id = await makeAgent(db.pool);
  await db.pool.query(
    `insert into howdah.hooks (event, function, agent_id) values ('execution_complete', 'shop.on_end', $1)`,
    [agent_id],
  );
  const id = await makeRun(db.pool, { agent_id, metadata: { said: SAID } });
  await db.pool.query('select howdah.cancel_execution($1)', [id]);
  await erase();
  expect(await inputOf(id)).toBe('Where is A-1001?');
  const running = await startTestWorker(db.url);
  await eventually(db.pool, 'the hook is told', 'select from shop.ended where id = $1', [id]);
  await running.stop(0);
  await makeErasuresDue();
  await erase();
  expect(await inputOf(id)).toBe('[erased]');
  expect(await all(db.pool, 'select * from shop.ended')).toEqual([{ id, said: SAID }]);
});

test('one worker at a time erases; concurrent calls return at once', async () => {
  const id = await makeRun(db.pool, { agent_id: agent });
  await finish(db.pool, worker, id);
  const other = await openSession(db.url);
  await other.query('begin');
  await other.query(`select howdah_private.erase_ended(100, '0 seconds')`);
  expect(await erase()).toEqual({ examined: 0 });
  await other.query('rollback');
  await other.end();
  expect(await inputOf(id)).toBe('Where is A-1001?');
  expect(await erase()).toEqual({ examined: 1 });
  expect(await inputOf(id)).toBe('[erased]');
});

test('a worker erases by itself, after waiting clients can read the output', async () => {
  const id = await makeRun(db.pool, { agent_id: agent });
  const running = await startTestWorker(db.url);
  await eventually(
    db.pool,
    'the run has ended',
    'select from howdah.executions where id = $1 and completed_at is not null',
    [id],
  );
  expect(await inputOf(id)).toBe('Where is A-1001?');
  await db.pool.query(
    `update howdah.executions set completed_at = completed_at - interval '31 seconds' where id = $1`,
    [id],
  );
  await db.pool.query(
    `update howdah_private.background_tasks set reached_at = now() - interval '1 minute'
     where name = 'erasures'`,
  );
  await eventually(
    db.pool,
    'it is erased',
    'select from howdah.executions where id = $1 and contents_erased_at is not null',
    [id],
  );
  await running.stop(0);
});

test('the nightly job finds runs that ended before the policy or were missed', async () => {
  const tenant_id = await makeTenant(db.pool);
  const agent_id = await makeAgent(db.pool, { tenant_id });
  const ids: string[] = [];
  for (const hours of [1, 30, 2000]) {
    const { id } = await one(
      db.pool,
      `insert into howdah.executions (tenant_id, agent_id, agent_version_id, input, output, status, stop_reason, completed_at,
         max_steps, max_seconds, created_by, root_execution_id, id)
       select a.tenant_id, a.id, a.current_version_id, 'old', 'old', 'completed', 'final_answer',
         now() - make_interval(hours => $2), 50, 600, 'history', i.id, i.id
       from howdah.agents as a, (select howdah.uuid_v7() as id) as i where a.id = $1 returning id`,
      [agent_id, hours],
    );
    ids.push(id);
  }
  const erased = async () =>
    (
      await one(
        db.pool,
        `select count(*)::int as n from howdah.executions where id = any ($1) and input = '[erased]'`,
        [ids],
      )
    ).n;
  await db.pool.query(
    'insert into howdah.retention_policies (tenant_id, keep_contents_days) values ($1, 0)',
    [tenant_id],
  );
  await erase();
  expect(await erased()).toBe(0);
  const calls: number[] = [];
  for (let n = 1; n > 0; calls.push(n)) {
    n = await retainBatch(db.pool, 2);
  }
  expect(calls).toEqual([2, 1, 0]);
  await erase();
  expect(await erased()).toBe(3);
  expect(await retainBatch(db.pool, 2)).toBe(0);
});

test('an error in one run does not block the others, and its erasure is retried', async () => {
  const [broken, whole] = [await startRunWithContents(), await startRunWithContents()];
  await broken.end();
  await whole.end();
  await db.pool.query(
    `insert into howdah.feedback_entries (execution_id, score, comment, created_by)
     values ($1, 1, 'nice', 'ada')`,
    [broken.id],
  );
  await db.pool.query(
    `create function public.fail() returns trigger language plpgsql as
       'begin raise exception ''this run is broken''; end';
     create trigger fail before update on howdah.feedback_entries
       for each row execute function public.fail()`,
  );
  await erase();
  await db.pool.query('drop function public.fail cascade');
  expect([await inputOf(broken.id), await inputOf(whole.id)]).toEqual([SAID, '[erased]']);
  const due = `select due_at > now() + interval '50 seconds' as is_late, last_error
    from howdah_private.due_work where kind = 'erase_run' and id = $1`;
  const last_error = 'this run is broken';
  expect(await one(db.pool, due, [broken.id])).toEqual({ is_late: true, last_error });
  const job = `select done > 0 as has_done, failing::int, last_error
    from howdah.batch_jobs where name = 'erase_run'`;
  expect(await one(db.pool, job)).toEqual({ has_done: true, failing: 1, last_error });
  await db.pool.query(`update howdah_private.due_work set due_at = now() where kind = 'erase_run'`);
  await erase();
  expect(await inputOf(broken.id)).toBe('[erased]');
});

test('a full disk during one-by-one erasure postpones no run', async () => {
  const run = await startRunWithContents();
  await run.end();
  await db.pool.query(
    `insert into howdah.feedback_entries (execution_id, score, comment, created_by)
     values ($1, 1, 'nice', 'ada')`,
    [run.id],
  );
  // A sequence also counts attempts that are rolled back. The first attempt handles all runs at
  // once.
  await db.pool.query(
    `create sequence public.attempts;
     create function public.fail() returns trigger language plpgsql security definer as $$ begin
       if nextval('public.attempts') = 1 then raise exception 'this run is broken'; end if;
       raise exception using errcode = 'disk_full', message = 'no space left on device';
     end $$;
     create trigger fail before update on howdah.feedback_entries
       for each row execute function public.fail()`,
  );
  expect(await refusal(erase())).toMatchObject({ code: '53100' });
  await db.pool.query('drop function public.fail cascade; drop sequence public.attempts');
  await erase();
  expect(await inputOf(run.id)).toBe('[erased]');
});

test('tenants that keep contents, or begin to keep them, are not erased', async () => {
  const others = await makeTenant(db.pool);
  const agent_id = await makeAgent(db.pool, { tenant_id: others });
  const theirs = await makeRun(db.pool, { tenant_id: others, agent_id });
  await finish(db.pool, worker, theirs);
  const mine = await makeRun(db.pool, { agent_id: agent });
  await finish(db.pool, worker, mine);
  await db.pool.query(
    `insert into howdah_private.due_work (kind, id, tenant_id) values ('erase_run', $1, $2)`,
    [theirs, others],
  );
  await db.pool.query(
    'update howdah.retention_policies set keep_contents_days = 1 where tenant_id = howdah.current_tenant()',
  );
  await erase();
  expect([await inputOf(theirs), await inputOf(mine)]).toEqual(Array(2).fill('Where is A-1001?'));
  expect(
    await all(
      db.pool,
      `select from howdah_private.due_work where kind = 'erase_run' and id = any ($1)`,
      [[theirs, mine]],
    ),
  ).toEqual([]);
  await db.pool.query(
    'update howdah.retention_policies set keep_contents_days = 0 where tenant_id = howdah.current_tenant()',
  );
});
