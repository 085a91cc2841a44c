import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  all,
  asRole,
  brokenRules,
  claim,
  commit,
  committed,
  type Db,
  failed,
  finish,
  isBlocked,
  makeAgent,
  makeModel,
  makeRun,
  makeSession,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  openSession,
  refusal,
  retainBatch,
  rolledBack,
  setRetention,
  spawn,
  takeRole,
  type User,
} from '../support.ts';

const db = testDatabase({ violates: true }); // writes runs and steps by hand
let worker: string;
let agent: string;

beforeAll(async () => {
  worker = await makeWorker(db.pool);
  agent = await makeAgent(db.pool);
});

const pidOf = (client: unknown) => (client as { processID: number }).processID;

/** Creates a user whose name is not a part of any other text. */
function makePerson(columns: Record<string, unknown> = {}): Promise<User> {
  const username = `person-${randomUUID()}`;
  return makeUser(db.pool, { username, email: `${username}@example.com`, ...columns });
}

/**
 * Creates a conversation of two turns with every kind of data that a run can leave behind. Each
 * text contains the canary.
 */
async function makeConversation(user: User, canary: string): Promise<Talk> {
  const sing = { said: canary, [canary]: [canary] };
  const session = await makeSession(db.pool, { user_id: user.id, title: canary, state: sing });
  await db.pool.query('insert into howdah.todos (session_id, title, note) values ($1, $2, $2)', [
    session,
    canary,
  ]);
  const columns = { agent_id: agent, session_id: session, user_id: user.id, input: canary };
  const run = await makeRun(db.pool, {
    ...columns,
    input_data: JSON.stringify(sing),
    input_parts: JSON.stringify([{ type: 'text', text: canary }]),
    metadata: sing,
    idempotency_key: canary,
    callback_url: `https://example.com/told?about=${canary.replaceAll(' ', '-')}`,
  });
  await db.pool.query(
    `insert into howdah_private.request_keys (tenant_id, caller, key, digest)
     select tenant_id, id::text, $2, 'x' from howdah.users where id = $1`,
    [user.id, canary],
  );
  const child = await work(run, canary, sing);
  await ask(user, run, canary);
  await db.pool.query(
    `insert into howdah.feedback_entries (execution_id, score, comment, created_by) values ($1, 1, $2, $3)`,
    [run, canary, user.username],
  );
  const lost = await makeRun(db.pool, columns);
  const error = {
    code: 'provider',
    message: canary,
    retryable: false,
    cause: { reason: 'ENOTFOUND', body: canary },
  };
  await finish(db.pool, worker, lost, { ...failed, error });
  await db.pool.query(
    `insert into howdah.api_keys (user_id, name, prefix, hash, created_by)
     values ($1::uuid, $2, 'hwd_' || right($1::text, 12), sha256('x'), $3)`,
    [user.id, canary, user.username],
  );
  await db.pool.query(
    `insert into howdah.resources (name, type, bytes, metadata, execution_id) values ($1::text, 'text/plain', convert_to($1::text, 'UTF8'), $2, $3)`,
    [canary, sing, run],
  );
  return { session, run, child, lost };
}
type Talk = { session: string; run: string; child: string; lost: string };

/** Commits the steps of a run that calls a sub-agent and a tool, and answers. Returns the child. */
async function work(run: string, canary: string, sing: object): Promise<string> {
  const [claimed] = await claim(db.pool, worker, [run]);
  const fence = claimed?.fence;
  const calls = ['a', 'b'].map((id) => ({ id, name: 'look_up', arguments: JSON.stringify(sing) }));
  const callMessage = { role: 'assistant', content: canary, tool_calls: calls };
  const step = {
    kind: 'model',
    name: 'default',
    tokens_in: 10,
    output: sing,
    messages: [callMessage],
  };
  await commit(db.pool, worker, [{ id: run, fence, after: 0, steps: [step] }]);
  const child = await spawn(db.pool, worker, { id: run, fence, after: 1 }, agent);
  await finish(db.pool, worker, child);
  const taken = await one(db.pool, 'select * from howdah_private.take_inbox($1, $2, $3, 2)', [
    worker,
    run,
    fence,
  ]);
  const toolMessage = {
    role: 'tool',
    content: canary,
    tool_call_id: 'b',
    parts: [{ type: 'text', text: canary }],
  };
  const called = {
    kind: 'tool',
    name: 'look_up',
    call_id: 'b',
    effect: 'once',
    input: sing,
    output: sing,
  };
  const [result] = await commit(db.pool, worker, [
    {
      id: run,
      fence,
      after: taken.step_count,
      steps: [
        { ...called, messages: [{ ...toolMessage, tool_call_id: 'a' }, toolMessage] },
        { kind: 'output', output: canary },
      ],
      to: {
        status: 'completed',
        stop_reason: 'final_answer',
        output: canary,
        output_data: sing,
        finish_reason: 'stop',
        metrics: { note: canary },
      },
    },
  ]);
  if (result?.outcome !== 'committed') throw new Error(`the run could not end: ${result?.outcome}`);
  return child;
}

async function ask(user: User, run: string, canary: string): Promise<void> {
  await db.pool.query(
    `insert into howdah.questions (execution_id, root_execution_id, kind, prompt, tool_call, options, answer, answer_data, default_answer,
       answered_by, answered_at, status, call_id)
     select id, root_execution_id, 'question', $2, jsonb_build_object('id', 'a', 'name', 'look_up', 'arguments', $2::text),
       jsonb_build_array($2::text), $2, to_jsonb($2::text), $2, $3, now(), 'answered', 'b'
     from howdah.executions where id = $1`,
    [run, canary, user.username],
  );
}

/** Returns every row of every table that contains the text. */
async function traces(db: Db, text: string): Promise<string[]> {
  const tables = await all(
    db,
    `select format('%I.%I', n.nspname, c.relname) as name from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
     where n.nspname in ('howdah', 'howdah_private', 'graphile_worker') and c.relkind in ('r', 'p') and not c.relispartition order by 1`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await all(
      db,
      `select 1 from ${name} as t
       where strpos(t::text, $1) > 0 or strpos(t::text, encode(convert_to($1, 'UTF8'), 'hex')) > 0`,
      [text],
    );
    found.push(...rows.map(() => name));
  }
  return found;
}

const erase = (db: Db, id: string, mode = 'anonymise', cancel = false) =>
  one(db, 'select howdah.erase_user($1, $2, $3) as done', [id, mode, cancel]);

const whole = (db: Db, user: string) =>
  all(db, 'select howdah.export_user_data($1)::text as line', [user]);

describe.each(['anonymise', 'delete'])('erasing a user (%s)', (mode) => {
  test('removes all their content, keeps totals and constraints, and leaves other users alone', async () => {
    const [ada, bob] = [await makePerson(), await makePerson()];
    const [hers, his] = [`canary-of-${ada.username}`, `canary-of-${bob.username}`];
    const talks = { ada: await makeConversation(ada, hers), bob: await makeConversation(bob, his) };
    const before = { ada: await traces(db.pool, hers), bob: await whole(db.pool, bob.id) };
    expect(new Set(before.ada)).toEqual(
      new Set([
        'howdah.api_keys',
        'howdah.executions',
        'howdah_private.run_callbacks',
        'howdah.feedback_entries',
        'howdah_private.message_log',
        'howdah.questions',
        'howdah.resources',
        'howdah.sessions',
        'howdah.steps',
        'howdah.todos',
        'howdah.webhook_deliveries',
        'howdah_private.idempotency_keys',
        'howdah_private.request_keys',
        'howdah_private.run_tags',
      ]),
    );
    const sums =
      'select sum(tokens_in)::int as tokens, sum(step_count)::int as steps, count(*)::int as runs from howdah.executions where id = any ($1)';
    const ids = [talks.ada.run, talks.ada.child, talks.ada.lost];
    const used = await one(db.pool, sums, [ids]);
    expect(used).toMatchObject({ tokens: 30, runs: 3 });

    const { done } = await erase(db.pool, ada.id, mode);
    expect(done).toMatchObject({
      user_id: ada.id,
      mode,
      executions: 3,
      questions: 1,
      resources: 1,
      sessions: 1,
      todos: 1,
      api_keys: 1,
      searches: 0,
      connected_accounts: 0,
      files: [],
    });
    expect(done.steps).toBe(used.steps);
    expect(await traces(db.pool, hers)).toEqual([]);
    expect(await traces(db.pool, `${ada.username}@`)).toEqual([]);
    expect(await traces(db.pool, ada.username)).toEqual([]);
    expect(await whole(db.pool, bob.id)).toEqual(before.bob);
    expect(await all(db.pool, 'select * from howdah.violations')).toEqual([]);
    expect(await brokenRules(db.pool)).toEqual([]);
    const rest = await one(db.pool, sums, [ids]);
    const users = await all(
      db.pool,
      'select username, email, is_active from howdah.users where id = $1',
      [ada.id],
    );
    if (mode === 'delete') {
      expect(rest).toEqual({ tokens: null, steps: null, runs: 0 });
      expect(users).toEqual([]);
      return;
    }
    expect(rest).toEqual(used);
    expect(users).toEqual([{ username: `erased-${ada.id}`, email: null, is_active: false }]);
    const { error, input, contents_erased_at } = await one(
      db.pool,
      'select * from howdah.executions where id = $1',
      [talks.ada.lost],
    );
    expect({ error, input }).toEqual({
      input: '[erased]',
      error: {
        code: 'provider',
        message: '[erased]',
        retryable: false,
        cause: { reason: 'ENOTFOUND' },
      },
    });
    expect(contents_erased_at).toBeInstanceOf(Date);
    const [call] = await all(
      db.pool,
      `select tool_calls, content from howdah.messages where execution_id = $1 and tool_calls is not null`,
      [talks.ada.run],
    );
    expect(call).toEqual({
      content: '[erased]',
      tool_calls: ['a', 'b'].map((id) => ({ id, name: 'look_up', arguments: '{}' })),
    });
    const effects = await all(
      db.pool,
      'select state, arguments, result from howdah.effects where execution_id = $1',
      [talks.ada.run],
    );
    expect(effects).toEqual([{ state: 'done', arguments: '[erased]', result: '[erased]' }]);
    for (const again of ['retry_execution', 'fork_execution']) {
      expect(
        await refusal(db.pool.query(`select howdah.${again}($1)`, [talks.ada.lost])),
      ).toMatchObject({ code: 'HWCNF' });
    }
  });

  test('removes their answers to questions in runs of others, including in the log', async () => {
    const [ada, bob] = [await makePerson(), await makePerson()];
    const { run } = await makeConversation(bob, `words of ${bob.username}`);
    await ask(ada, run, `answer of ${ada.username}`);
    await erase(db.pool, ada.id, mode);
    expect(await traces(db.pool, ada.username)).not.toContain('howdah.steps');
    const [question] = await all(
      db.pool,
      `select answer, answered_by from howdah.questions where execution_id = $1 and answered_by like 'erased-%'`,
      [run],
    );
    expect(question).toEqual({ answer: '[erased]', answered_by: `erased-${ada.id}` });
    const toolMessages = await all(
      db.pool,
      `select content from howdah.messages where execution_id = $1 and role = 'tool' order by seq`,
      [run],
    );
    expect(toolMessages.map(({ content }) => content)).toEqual([
      `words of ${bob.username}`,
      '[erased]',
    ]);
    expect(await brokenRules(db.pool)).toEqual([]);
  });

  test('is rejected while a run is live, unless it is cancelled', async () => {
    const ada = await makePerson();
    const session = await makeSession(db.pool, { user_id: ada.id });
    const columns = { agent_id: agent, user_id: ada.id, session_id: session };
    const runs = [await makeRun(db.pool, columns), await makeRun(db.pool, columns)];
    await claim(db.pool, worker, runs.slice(0, 1));
    const refused = await refusal(erase(db.pool, ada.id, mode));
    expect(refused.code).toBe('HWCNF');
    expect(refused.fields).toEqual({ execution_id: runs[0], live: 2 });
    await erase(db.pool, ada.id, mode, true);
    const noted = await all(
      db.pool,
      `select action, object, count(*)::int as times, max(detail ->> 'mode') as mode from howdah.audit_log
       where object_id = any ($1) and action in ('cancel', 'erase') group by 1, 2 order by 1`,
      [[...runs, ada.id]],
    );
    expect(noted).toEqual([
      { action: 'cancel', object: 'executions', times: 2, mode: null },
      { action: 'erase', object: 'users', times: 1, mode },
    ]);
    const rest = await all(
      db.pool,
      'select status, input from howdah.executions where id = any ($1)',
      [runs],
    );
    expect(rest).toEqual(
      mode === 'delete' ? [] : Array(2).fill({ status: 'cancelled', input: '[erased]' }),
    );
    expect(await all(db.pool, 'select * from howdah.violations')).toEqual([]);
  });
});

test('an erasure waits for a run that is being inserted, then finds it live', async () => {
  const ada = await makePerson();
  const inserting = await openSession(db.url);
  const erasing = await openSession(db.url);
  await inserting.query('begin');
  const run = await makeRun(inserting, { agent_id: agent, user_id: ada.id });
  const refused = refusal(erase(erasing, ada.id, 'delete'));
  await isBlocked(db.pool, erasing);
  await inserting.query('commit');
  expect(await refused).toMatchObject({ code: 'HWCNF', message: expect.stringContaining(run) });
  await Promise.all([inserting.end(), erasing.end()]);
  await db.pool.query('select howdah.cancel_execution($1)', [run]);
});

test('an erasure waits for a retry that has the session lock, without locking its run', async () => {
  const ada = await makePerson();
  const session_id = await makeSession(db.pool, { user_id: ada.id });
  const run = await makeRun(db.pool, { agent_id: agent, session_id, user_id: ada.id });
  await db.pool.query('select howdah.cancel_execution($1)', [run]);
  const retrying = await openSession(db.url);
  const erasing = await openSession(db.url);
  await retrying.query('begin');
  await retrying.query('select from howdah.sessions where id = $1 for no key update', [session_id]);
  const refused = refusal(erase(erasing, ada.id, 'delete')).catch((error) => error);
  await isBlocked(db.pool, erasing);
  await retrying.query('select howdah.retry_execution($1)', [run]).finally(async () => {
    await retrying.query('commit');
    await refused;
    await Promise.all([retrying.end(), erasing.end()]);
  });
  expect(await refused).toMatchObject({ code: 'HWCNF', message: expect.stringContaining(run) });
  await db.pool.query('select howdah.cancel_execution($1)', [run]);
});

test('a run inserted before the locks is locked too, so it cannot be retried', async () => {
  const ada = await makePerson();
  const [holding, inserting, erasing, retrying] = [
    await openSession(db.url),
    await openSession(db.url),
    await openSession(db.url),
    await openSession(db.url),
  ];
  const first = await makeRun(db.pool, { agent_id: agent, user_id: ada.id });
  await db.pool.query('select howdah.cancel_execution($1)', [first]);
  await db.pool.query(
    `insert into howdah.feedback_entries (execution_id, score, comment, created_by) values ($1, 1, 'nice', $2)`,
    [first, ada.username],
  );
  await holding.query('begin');
  await holding.query('select from howdah.feedback_entries where execution_id = $1 for update', [
    first,
  ]);
  await inserting.query('begin');
  const run = await makeRun(inserting, { agent_id: agent, user_id: ada.id });
  await inserting.query('select howdah.cancel_execution($1)', [run]);
  const erased = erase(erasing, ada.id, 'anonymise');
  await isBlocked(db.pool, erasing);
  await inserting.query('commit');
  await eventually(
    db.pool,
    'the erasure has all locks',
    'select where $1::int = any (pg_blocking_pids($2))',
    [pidOf(holding), pidOf(erasing)],
  );
  const retried = refusal(retrying.query('select howdah.retry_execution($1)', [run])).catch(
    (error) => error,
  );
  await Promise.race([retried, isBlocked(db.pool, retrying)]);
  await holding.query('rollback');
  await erased;
  expect(await retried).toMatchObject({ code: 'HWCNF' });
  expect(
    await one(db.pool, 'select status, input from howdah.executions where id = $1', [run]),
  ).toEqual({ status: 'cancelled', input: '[erased]' });
  await Promise.all([holding, inserting, erasing, retrying].map((session) => session.end()));
});

type PausedScene = { bob: { id: string }; run: string; questions: Record<string, string> };
/** Creates a paused run of another user with open questions. Returns their ids by call. */
async function makePausedRun(): Promise<PausedScene> {
  const bob = await makePerson();
  const run = await makeRun(db.pool, { agent_id: agent, user_id: bob.id });
  await db.pool.query('select howdah.pause_execution($1)', [run]);
  const rows = await all(
    db.pool,
    `insert into howdah.questions (execution_id, root_execution_id, kind, prompt, call_id, tool_call)
     select $1, $1, q.kind::howdah.question_kind, 'Which one?', q.call,
       case when q.kind = 'approval' then '{"id": "a", "name": "pay", "arguments": "{}"}'::jsonb end
     from (values ('question', 'q'), ('approval', 'a'), ('approval', 'r')) as q (kind, call)
     returning id, call_id`,
    [run],
  );
  return { bob, run, questions: Object.fromEntries(rows.map((row) => [row.call_id, row.id])) };
}

/** Runs `work` as a user, in a transaction that commits. */
const actAs = <T>(user: { id: string }, work: (client: Db) => Promise<T>) =>
  committed(db.pool, async (client) => {
    const { tenant } = await one(client, 'select howdah.current_tenant() as tenant');
    await takeRole(client, 'howdah_app', {
      'howdah.tenant_id': tenant,
      'howdah.user_id': user.id,
    });
    return work(client);
  });

/** Answers questions as a user. */
const answerAs = (user: { id: string }, answers: [id: string, text: string, data?: object][]) =>
  actAs(user, async (client) => {
    for (const [id, text, data] of answers) {
      await client.query('select howdah.answer_question($1, $2, $3)', [id, text, data ?? null]);
    }
  });

test('answers waiting in the inbox of another run are erased', async () => {
  const ada = await makePerson({ role: 'admin' });
  const { run, questions } = await makePausedRun();
  const canary = `reply of ${ada.username}`;
  await answerAs(ada, [
    [questions.q as string, canary],
    [questions.a as string, 'approve', { amount: 7 }],
    [questions.r as string, 'reject', { reason: canary }],
  ]);
  expect(await traces(db.pool, canary)).toContain('howdah_private.inbox');
  await erase(db.pool, ada.id);
  expect(await traces(db.pool, canary)).toEqual([]);
  expect(new Set(await traces(db.pool, ada.username))).toEqual(new Set(['howdah.audit_log']));
  await db.pool.query('select howdah.resume_execution($1)', [run]);
  await claim(db.pool, worker, [run]);
  const steps = await all(
    db.pool,
    `select call_id, output - 'question_id' as output from howdah.steps
     where execution_id = $1 and kind = 'answer' order by seq`,
    [run],
  );
  const left = { status: 'answered', by: `erased-${ada.id}`, data: null };
  expect(steps).toEqual([
    { call_id: 'q', output: { ...left, kind: 'question', answer: '[erased]' } },
    { call_id: 'a', output: { ...left, kind: 'approval', answer: 'approve', data: { amount: 7 } } },
    { call_id: 'r', output: { ...left, kind: 'approval', answer: 'reject' } },
  ]);
  await db.pool.query('select howdah.cancel_execution($1)', [run]);
});

test('an erasure adds no tool call to a question without one', async () => {
  const { bob, run } = await makePausedRun();
  await erase(db.pool, bob.id, 'anonymise', true);
  const calls = await all(
    db.pool,
    'select call_id, tool_call from howdah.questions where execution_id = $1 order by call_id',
    [run],
  );
  const tool_call = { id: 'a', name: 'pay', arguments: '{}' };
  expect(calls).toEqual([
    { call_id: 'a', tool_call },
    { call_id: 'q', tool_call: null },
    { call_id: 'r', tool_call },
  ]);
});

test('answers being moved from an inbox to the log are erased there', async () => {
  const ada = await makePerson({ role: 'admin' });
  const { run, questions } = await makePausedRun();
  const canary = `reply of ${ada.username}`;
  await answerAs(ada, [[questions.q as string, canary]]);
  await db.pool.query('select howdah.resume_execution($1)', [run]);
  const [claiming, erasing] = [await openSession(db.url), await openSession(db.url)];
  await claiming.query('begin');
  await claim(claiming, worker, [run]);
  const erased = erase(erasing, ada.id);
  await Promise.race([erased, isBlocked(db.pool, erasing)]);
  await claiming.query('commit');
  await erased;
  expect(await traces(db.pool, canary)).toEqual([]);
  expect(new Set(await traces(db.pool, ada.username))).toEqual(new Set(['howdah.audit_log']));
  await Promise.all([claiming.end(), erasing.end()]);
  await db.pool.query('select howdah.cancel_execution($1)', [run]);
});

describe('a write of the user in an open transaction', () => {
  /** Functions that write a text of the user into data of another user. */
  const writes: [string, (client: Db, scene: PausedScene, text: string) => Promise<unknown>][] = [
    [
      'an answer',
      (client, { questions }, text) =>
        client.query('select howdah.answer_question($1, $2)', [questions.q, text]),
    ],
    [
      'an approval',
      (client, { questions }) =>
        client.query('select howdah.approve($1, $2)', [questions.a, 'run']),
    ],
    [
      'feedback',
      (client, { run }, text) =>
        client.query('select howdah.give_feedback($1, 1, $2)', [run, text]),
    ],
    [
      'a file',
      (client, _, text) =>
        client.query(
          `insert into howdah.resources (name, type, bytes)
           values ($1, 'text/plain', convert_to($1, 'UTF8'))`,
          [text],
        ),
    ],
    [
      'mail',
      (client, _, text) =>
        client.query('insert into howdah.mail (to_agent_id, content) values ($1, $2)', [
          agent,
          text,
        ]),
    ],
    [
      'a retry',
      async (client, { run }) => {
        await db.pool.query('select howdah.cancel_execution($1)', [run]);
        await client.query('select howdah.retry_execution($1)', [run]);
      },
    ],
    ['an API key', (client) => client.query(`select howdah.create_api_key('robot')`)],
    [
      'a version of an agent',
      (client, _, text) =>
        client.query('update howdah.agents set instruction = $2 where id = $1', [
          agent,
          `${text.length} words`,
        ]),
    ],
    [
      'a version of a workflow',
      (client, { run }) =>
        client.query(
          `with chain as (
             insert into howdah.workflows (name, type) values ('chain ' || $1::text, 'chain') returning id
           )
           insert into howdah.workflow_agents (workflow_id, agent_id, sequence_order)
           select id, $2, 1 from chain`,
          [run, agent],
        ),
    ],
    [
      'a version of a prompt',
      (client, { run }) =>
        client.query(`insert into howdah.prompts (name, template) values ($1, 'Be kind.')`, [run]),
    ],
    [
      'a version of a skill',
      (client, { run }) =>
        client.query(
          `insert into howdah.skills (name, description, content)
           values ('s' || right($1::text, 12), 'Say hello', 'Hello')`,
          [run],
        ),
    ],
  ];
  test.each(writes)('is waited for and erased: %s', async (_, write) => {
    const ada = await makePerson({ role: 'admin' });
    const scene = await makePausedRun();
    const text = `words of ${ada.username}`;
    const { tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant');
    const [writing, erasing] = [await openSession(db.url), await openSession(db.url)];
    await writing.query('begin');
    await takeRole(writing, 'howdah_app', {
      'howdah.tenant_id': tenant,
      'howdah.user_id': ada.id,
    });
    await write(writing, scene, text);
    await writing.query('set constraints all immediate'); // versions of definitions
    const erased = erase(erasing, ada.id);
    await Promise.race([erased, isBlocked(db.pool, erasing)]);
    await writing.query('commit');
    await erased;
    expect(await traces(db.pool, text)).toEqual([]);
    const named = await traces(db.pool, ada.username);
    expect(named.filter((table) => table !== 'howdah.audit_log')).toEqual([]);
    await Promise.all([writing.end(), erasing.end()]);
    await db.pool.query('select howdah.cancel_execution($1)', [scene.run]);
  });
});

test('an answer that waits for an erasure is rejected', async () => {
  const ada = await makePerson({ role: 'admin' });
  const { run, questions } = await makePausedRun();
  const { tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant');
  const [answering, erasing] = [await openSession(db.url), await openSession(db.url)];
  await erasing.query('begin');
  await erase(erasing, ada.id);
  await answering.query('begin');
  await takeRole(answering, 'howdah_app', {
    'howdah.tenant_id': tenant,
    'howdah.user_id': ada.id,
  });
  const refused = refusal(
    answering.query('select howdah.answer_question($1, $2)', [questions.q, 'A-1001']),
  ).catch((error) => error);
  await Promise.race([refused, isBlocked(db.pool, answering)]);
  await erasing.query('commit');
  expect(await refused).toMatchObject({ code: 'HWDEN' });
  await Promise.all([answering.end(), erasing.end()]);
  await db.pool.query('select howdah.cancel_execution($1)', [run]);
});

test('the name of a user is removed from logs of others and their forks', async () => {
  const ada = await makePerson({ role: 'admin' });
  const { bob, run, questions } = await makePausedRun();
  const reply = `reply of ${ada.username}`;
  await answerAs(ada, [
    [questions.q as string, reply],
    [questions.a as string, 'approve', { amount: 7 }],
    [questions.r as string, 'reject'],
  ]);
  await db.pool.query('select howdah.resume_execution($1)', [run]);
  await finish(db.pool, worker, run, failed);
  await actAs(ada, (client) => client.query('select howdah.retry_execution($1)', [run]));
  await finish(db.pool, worker, run, failed);
  const { id: fork } = await actAs(ada, (client) =>
    one(client, 'select * from howdah.fork_execution($1)', [run]),
  );
  await finish(db.pool, worker, fork, failed);
  await db.pool.query('update howdah.users set role = $2 where id = $1', [bob.id, 'admin']);
  const { id: copy } = await actAs(bob, (client) =>
    one(client, 'select * from howdah.fork_execution($1)', [fork]),
  );
  await finish(db.pool, worker, copy, failed);
  expect(await traces(db.pool, ada.username)).toContain('howdah.steps');

  await erase(db.pool, ada.id);
  expect(await traces(db.pool, reply)).toEqual([]);
  expect(new Set(await traces(db.pool, ada.username))).toEqual(new Set(['howdah.audit_log']));
  const approvals = await all(
    db.pool,
    `select s.output ->> 'by' as by, s.output -> 'data' as data from howdah.steps as s
     where s.execution_id = $1 and s.kind = 'answer' and s.call_id = 'a'`,
    [run],
  );
  expect(approvals).toEqual([{ by: `erased-${ada.id}`, data: { amount: 7 } }]);
  expect(await brokenRules(db.pool)).toEqual([]);
});

describe('a fork of a run of another user', () => {
  /**
   * Functions that put a text of the user into the log of another user's run. They return the run.
   */
  const readers: [string, (ada: User, text: string) => Promise<string>][] = [
    [
      'an answer',
      async (ada, text) => {
        const { run, questions } = await makePausedRun();
        await answerAs(ada, [[questions.q as string, text]]);
        await db.pool.query('select howdah.resume_execution($1)', [run]);
        await claim(db.pool, worker, [run]); // takes the answer from the inbox
        return run;
      },
    ],
    [
      'mail',
      async (ada, text) => {
        const to_agent_id = await makeAgent(db.pool);
        const bob = await makePerson();
        const run = await makeRun(db.pool, { agent_id: to_agent_id, user_id: bob.id });
        await actAs(ada, (client) =>
          client.query('insert into howdah.mail (to_agent_id, content) values ($1, $2)', [
            to_agent_id,
            text,
          ]),
        );
        const [claimed] = await claim(db.pool, worker, [run]);
        const { value } = await one(
          db.pool,
          `select value from howdah_private.call_receive($1, 'call_1', '{}')`,
          [run],
        );
        const toolMessage = {
          role: 'tool',
          content: JSON.stringify(value),
          tool_call_id: 'call_1',
        };
        const call = { kind: 'tool', name: 'receive', call_id: 'call_1', output: value };
        const steps = [{ ...call, messages: [toolMessage] }];
        await commit(db.pool, worker, [{ id: run, fence: claimed?.fence, after: 0, steps }]);
        return run;
      },
    ],
  ];

  test.each(readers)('loses the text of the erased user: %s', async (_, read) => {
    const ada = await makePerson({ role: 'admin' });
    const text = `words of ${ada.username}`;
    const run = await read(ada, text);
    const { id: fork } = await one(db.pool, 'select * from howdah.fork_execution($1)', [run]);
    const { id: copy } = await one(db.pool, 'select * from howdah.fork_execution($1)', [fork]);
    expect(await traces(db.pool, text)).toContain('howdah.steps');
    await erase(db.pool, ada.id);
    expect(await traces(db.pool, text)).toEqual([]);
    const named = await traces(db.pool, ada.username);
    expect(named.filter((table) => table !== 'howdah.audit_log')).toEqual([]);
    await db.pool.query('select howdah.cancel_execution(id) from unnest($1::uuid[]) as r (id)', [
      [run, fork, copy],
    ]);
  });

  test.each(readers)('delays the erasure until its transaction ends: %s', async (_, read) => {
    const ada = await makePerson({ role: 'admin' });
    const text = `words of ${ada.username}`;
    const run = await read(ada, text);
    const { id: fork } = await one(db.pool, 'select * from howdah.fork_execution($1)', [run]);
    const [forking, erasing] = [await openSession(db.url), await openSession(db.url)];
    await forking.query('begin');
    const { id: copy } = await one(forking, 'select * from howdah.fork_execution($1)', [fork]);
    const erased = erase(erasing, ada.id);
    await Promise.race([erased, isBlocked(db.pool, erasing)]);
    await forking.query('commit');
    await erased;
    expect(await traces(db.pool, text)).toEqual([]);
    const named = await traces(db.pool, ada.username);
    expect(named.filter((table) => table !== 'howdah.audit_log')).toEqual([]);
    await Promise.all([forking.end(), erasing.end()]);
    await db.pool.query('select howdah.cancel_execution(id) from unnest($1::uuid[]) as r (id)', [
      [run, fork, copy],
    ]);
  });
});

test('a run that its user inserts during the erasure waits, then is rejected', async () => {
  const ada = await makePerson({ role: 'admin' });
  const [inserting, erasing] = [await openSession(db.url), await openSession(db.url)];
  await inserting.query('begin');
  const { tenant } = await one(inserting, 'select howdah.current_tenant() as tenant');
  await takeRole(inserting, 'howdah_app', {
    'howdah.tenant_id': tenant,
    'howdah.user_id': ada.id,
  });
  await erasing.query('begin');
  await erase(erasing, ada.id);
  const inserted = refusal(
    inserting.query(`insert into howdah.executions (agent_id, input) values ($1, 'x')`, [agent]),
  );
  await isBlocked(db.pool, inserting);
  await erasing.query('commit');
  expect(await inserted).toMatchObject({ code: 'HWNTF' });
  await inserting.query('rollback');
  await Promise.all([inserting.end(), erasing.end()]);
});

test.each(['retried', 'forked'])(
  'an erasure waits for an open fork of a run that the user only %s',
  async (what) => {
    const [ada, bob] = [await makePerson({ role: 'admin' }), await makePerson()];
    const run = await makeRun(db.pool, { agent_id: agent, user_id: bob.id });
    await db.pool.query('select howdah.cancel_execution($1)', [run]);
    const { id } = await actAs(ada, (client) =>
      one(
        client,
        what === 'retried'
          ? 'select * from howdah.retry_execution($1)'
          : 'select * from howdah.fork_execution($1)',
        [run],
      ),
    );
    await db.pool.query(
      `update howdah.executions set user_id = $2 where id = $1 and user_id <> $2`,
      [id, bob.id],
    );
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    const [forking, erasing] = [await openSession(db.url), await openSession(db.url)];
    await forking.query('begin');
    const { id: copy } = await one(forking, 'select * from howdah.fork_execution($1)', [id]);
    const erased = erase(erasing, ada.id);
    await Promise.race([erased, isBlocked(db.pool, erasing)]);
    await forking.query('commit');
    await erased;
    const named = await traces(db.pool, ada.username);
    expect(named.filter((table) => table !== 'howdah.audit_log')).toEqual([]);
    await Promise.all([forking.end(), erasing.end()]);
    await db.pool.query('select howdah.cancel_execution($1)', [copy]);
  },
);

test('an erasure takes no locks while waiting for a run the user inserted for another', async () => {
  const [ada, bob] = [await makePerson({ role: 'admin' }), await makePerson()];
  const session = await makeSession(db.pool, { agent_id: agent, user_id: ada.id });
  const run = await actAs(ada, (client) => makeRun(client, { agent_id: agent }));
  await db.pool.query('update howdah.executions set user_id = $2 where id = $1', [run, bob.id]);
  const [holding, erasing] = [await openSession(db.url), await openSession(db.url)];
  await holding.query('begin');
  await holding.query('select from howdah.executions where id = $1 for no key update', [run]);
  const erased = erase(erasing, ada.id);
  await isBlocked(db.pool, erasing);
  // in the order of locks: sessions after runs
  await holding.query('select from howdah.sessions where id = $1 for update', [session]);
  await holding.query('commit');
  await erased;
  expect(
    await one(db.pool, 'select created_by from howdah.executions where id = $1', [run]),
  ).toEqual({ created_by: `erased-${ada.id}` });
  await Promise.all([holding.end(), erasing.end()]);
  await db.pool.query('select howdah.cancel_execution($1)', [run]);
});

test('an erasure takes no locks while waiting for a fork of a user session', async () => {
  const [ada, bob] = [await makePerson(), await makePerson()];
  const said = `words of ${ada.username}`;
  const session = await makeSession(db.pool, { agent_id: agent, user_id: ada.id });
  const columns = { agent_id: agent, session_id: session, user_id: ada.id, input: said };
  await finish(db.pool, worker, await makeRun(db.pool, columns));
  const { id: fork, live_execution_id: first } = await one(
    db.pool,
    `select * from howdah.fork_session($1, 'And now?')`,
    [session],
  );
  await db.pool.query('update howdah.sessions set user_id = $2 where id = $1', [fork, bob.id]);
  await finish(db.pool, worker, first);
  await db.pool.query('update howdah.executions set user_id = $2 where id = $1', [first, bob.id]);
  const [holding, erasing] = [await openSession(db.url), await openSession(db.url)];
  await holding.query('begin');
  await holding.query('select from howdah.executions where id = $1 for no key update', [first]);
  const erased = erase(erasing, ada.id);
  await isBlocked(db.pool, erasing);
  // in the order of locks: sessions after runs
  await holding.query('select from howdah.sessions where id = any ($1) order by id for update', [
    [session, fork],
  ]);
  await holding.query('commit');
  await erased;
  expect(await traces(db.pool, said)).toEqual([]);
  await Promise.all([holding.end(), erasing.end()]);
});

test('deleting a run in the session of another user increments the version of that session', async () => {
  const [ada, bob] = [await makePerson(), await makePerson()];
  const session = await makeSession(db.pool, { user_id: bob.id, title: 'of bob' });
  const mine = await makeRun(db.pool, { agent_id: agent, session_id: session, user_id: bob.id });
  await finish(db.pool, worker, mine);
  const hers = await makeRun(db.pool, { agent_id: agent, session_id: session, user_id: ada.id });
  await finish(db.pool, worker, hers);
  const version = async () =>
    Number(
      (await one(db.pool, 'select howdah_private.session_version($1) as version', [session]))
        .version,
    );
  const before = await version();
  await erase(db.pool, ada.id, 'delete');
  expect(await version()).toBe(before + 1);
  expect(
    await all(db.pool, 'select id, input from howdah.executions where session_id = $1', [session]),
  ).toEqual([{ id: mine, input: 'Where is A-1001?' }]);
  expect(await one(db.pool, 'select title from howdah.sessions where id = $1', [session])).toEqual({
    title: 'of bob',
  });
});

test('session changes during the deletion of one of its runs count in its version', async () => {
  const session_id = await makeSession(db.pool);
  const run = await makeRun(db.pool, { agent_id: agent, session_id });
  await finish(db.pool, worker, run);
  await db.pool.query(
    `insert into howdah.feedback_entries (execution_id, score, created_by) values ($1, 1, 'ada')`,
    [run],
  );
  const version = async () =>
    Number((await one(db.pool, 'select howdah_private.session_version($1) as n', [session_id])).n);
  const [holder, deleter] = [await openSession(db.url), await openSession(db.url)];
  await holder.query('begin');
  await holder.query('select from howdah.feedback_entries where execution_id = $1 for update', [
    run,
  ]);
  const deleted = deleter.query('select howdah_private.delete_runs(array[$1::uuid])', [run]);
  await isBlocked(db.pool, deleter);
  await db.pool.query(
    `insert into howdah.todos (session_id, title) select $1, 'todo ' || i from generate_series(1, 5) as i`,
    [session_id],
  );
  const before = await version();
  await holder.query('rollback');
  await deleted;
  expect(await version()).toBe(before + 1);
  await holder.end();
  await deleter.end();
});

test.each(['anonymise', 'delete'])(
  'a fork of a run of the user is erased with it, whoever forked: %s',
  async (mode) => {
    const [ada, bob] = [await makePerson(), await makePerson({ role: 'admin' })];
    const input = `words of ${ada.username}`;
    const run = await makeRun(db.pool, { agent_id: agent, user_id: ada.id, input });
    await finish(db.pool, worker, run);
    const fork = async (original: string) => {
      const { id, user_id } = await committed(db.pool, async (client) => {
        const { tenant } = await one(client, 'select howdah.current_tenant() as tenant');
        const settings = { 'howdah.tenant_id': tenant, 'howdah.user_id': bob.id };
        await takeRole(client, 'howdah_app', settings);
        return one(client, 'select id, user_id from howdah.fork_execution($1)', [original]);
      });
      expect(user_id).toBe(bob.id);
      await finish(db.pool, worker, id);
      return id;
    };
    const forks = [await fork(run)];
    forks.push(await fork(forks[0] as string));
    await erase(db.pool, ada.id, mode);
    expect(await traces(db.pool, input)).toEqual([]);
    const left = await all(db.pool, 'select id from howdah.executions where id = any ($1)', [
      forks,
    ]);
    expect(left).toHaveLength(mode === 'delete' ? 0 : 2);
  },
);

test('a child of a run of another user loses its contents but stays', async () => {
  const [ada, bob] = [await makePerson(), await makePerson()];
  const parent = await makeRun(db.pool, { agent_id: agent, user_id: bob.id });
  await claim(db.pool, worker, [parent]);
  const child = await makeRun(db.pool, {
    agent_id: agent,
    user_id: ada.id,
    parent_execution_id: parent,
  });
  await finish(db.pool, worker, child);
  await erase(db.pool, ada.id, 'delete');
  expect(
    await one(db.pool, 'select input, user_id from howdah.executions where id = $1', [child]),
  ).toEqual({ input: '[erased]', user_id: null });
  expect(await all(db.pool, 'select * from howdah.violations')).toEqual([]);
  await db.pool.query('select howdah.cancel_execution($1)', [parent]);
});

test('an export contains everything, one JSON document per line', async () => {
  const ada = await makePerson();
  const canary = `song of ${ada.username}`;
  const { run, lost } = await makeConversation(ada, canary);
  const lines = (await whole(db.pool, ada.id)).map(({ line }) => JSON.parse(line));
  expect(lines.map(({ kind }) => kind)).toEqual([
    'user',
    'api_key',
    'session',
    'run',
    'run',
    'feedback',
    'resource',
  ]);
  expect(lines[0]).toMatchObject({ format: 'howdah-user', version: 1, username: ada.username });
  expect(lines[1]).toMatchObject({ name: canary });
  expect(lines[1].hash).toBeUndefined();
  expect(lines[2]).toMatchObject({ title: canary, todos: [{ title: canary, note: canary }] });
  expect(lines[3]).toMatchObject({
    execution: { id: run, input: canary },
    questions: [{ answer: canary }],
    children: [{}],
  });
  expect(lines[4]).toMatchObject({ execution: { id: lost, error: { message: canary } } });
  expect(lines[5]).toMatchObject({ score: 1, comment: canary });
  expect(lines[6]).toMatchObject({ name: canary });
  expect(JSON.stringify(lines[3].messages)).toContain(canary);
});

test('an export contains what a user has defined and may do, and erasure renames the user', async () => {
  const ada = await makePerson();
  const values = [ada.id, `x-${randomUUID()}`, await makeModel(db.pool), ada.username];
  for (const text of [
    `insert into howdah.agents (name, user_id) values ($2, $1)`,
    `insert into howdah.grants (agent_id, user_id, permission) select id, $1, 'edit' from howdah.agents where user_id = $1`,
    `insert into howdah.limits (scope, subject_id, metric, period, max_value) values ('user', $1, 'runs', 'month', 1000)`,
    `insert into howdah.schedules (name, cron, agent_id, input) select $2, '@daily', id, 'x' from howdah.agents where user_id = $1`,
    `update howdah.schedules set user_id = $1 where name = $2`,
    `insert into howdah.secrets (name, fingerprint) values ($2, '')`,
    `insert into howdah.inbound_hooks (name, verification, secret_name, agent_id) select $2, 'github', $2, id from howdah.agents where user_id = $1`,
    `update howdah.inbound_hooks set user_id = $1 where name = $2`,
    `insert into howdah.approvals (scope, tool, agent_id, created_by) select 'agent', 'x', id, $4 from howdah.agents where user_id = $1`,
    `insert into howdah.model_tests (model_id, created_by) values ($3, $4)`,
    `with made as (insert into howdah.integrations (name, resource_url) values ($2, 'https://api.example.com/') returning id)
     insert into howdah.connected_accounts (integration_id, user_id) select id, $1 from made`,
  ]) {
    const typed = text.replaceAll(/\$(\d)/g, (_, at) => `$${at}::${at % 2 ? 'uuid' : 'text'}`);
    const given = 'given as (select $1::uuid, $2::text, $3::uuid, $4::text)';
    await db.pool.query(
      typed.startsWith('with ')
        ? typed.replace('with ', `with ${given}, `)
        : `with ${given} ${typed}`,
      values,
    );
  }
  const lines = (await whole(db.pool, ada.id)).map(({ line }) => JSON.parse(line));
  expect(lines.map(({ kind }) => kind)).toEqual([
    'user',
    'agent',
    'approval',
    'connected_account',
    'grant',
    'inbound_hook',
    'limit',
    'model_test',
    'schedule',
  ]);
  expect(await traces(db.pool, ada.username)).toEqual([
    'howdah.approvals',
    'howdah.model_tests',
    'howdah.users',
  ]);
  await erase(db.pool, ada.id);
  expect(await traces(db.pool, ada.username)).toEqual([]);
});

test('a redacted export has the same structure without contents', async () => {
  const [ada, bob] = [await makePerson(), await makePerson()];
  const canary = `redacted song of ${ada.username}`;
  const { run, child } = await makeConversation(ada, canary);
  const { run: his } = await makeConversation(bob, `song of ${bob.username}`);
  await ask(ada, his, canary);
  const rows = await all(db.pool, 'select howdah.export_user_data($1, true) as line', [ada.id]);
  const lines = rows.map(({ line }) => line);
  const plain = (await whole(db.pool, ada.id)).map(({ line }) => JSON.parse(line));
  const kinds = ['user', 'api_key', 'session', 'run', 'run', 'answer', 'feedback', 'resource'];
  expect(plain.map(({ kind }) => kind)).toEqual(kinds);
  expect(lines.map(({ kind }) => kind)).toEqual(kinds);
  for (const line of lines.filter(({ kind }) => kind !== 'api_key')) {
    expect(JSON.stringify(line)).not.toContain(canary);
  }
  expect(lines[0]).toMatchObject({
    username: ada.username,
    email: '[redacted]',
    contents: 'redacted',
  });
  expect(lines[1].name).toBe(canary); // the name that a user chose
  expect(lines[2]).toMatchObject({
    title: '[redacted]',
    state: '[redacted]',
    todos: [{ status: 'open', title: '[redacted]' }],
  });
  expect(lines[3]).toMatchObject({
    contents: 'redacted',
    execution: {
      id: run,
      input: '[redacted]',
      output_data: '[redacted]',
      finish_reason: 'stop',
      metrics: '[redacted]',
      tokens_in: plain[3].execution.tokens_in,
      completed_at: plain[3].execution.completed_at,
    },
    children: [{ execution: { id: child }, contents: 'redacted' }],
  });
  const call = { id: 'a', name: 'look_up', arguments: '[redacted]' };
  expect(lines[3].messages[1]).toMatchObject({
    role: 'assistant',
    content: '[redacted]',
    tool_calls: [call, { ...call, id: 'b' }],
  });
  expect(lines[3].questions).toMatchObject([
    { status: 'answered', answered_by: ada.username, prompt: '[redacted]', tool_call: call },
  ]);
  expect(lines[4].execution.error).toEqual({
    code: 'provider',
    message: '[redacted]',
    retryable: false,
    cause: { reason: 'ENOTFOUND' },
  });
  expect(lines[5]).toMatchObject({ question_kind: 'question', answer: '[redacted]' });
  expect(lines[7]).toMatchObject({ name: '[redacted]', type: 'text/plain' });
  // The export has the same fields; only the contents differ.
  for (const [at, line] of lines.entries()) {
    const { contents: _, ...fields } = line;
    expect(Object.keys(fields).toSorted()).toEqual(Object.keys(plain[at]).toSorted());
  }
});

test('erasure handles every column that names a user', async () => {
  // What goes with the row of the user, or gets another name by a computed function, needs no care.
  const columns = await all(
    db.pool,
    `select p.object || '.' || p.name as name from howdah_private.person_columns() as p
     join howdah_private.table_rules() as r on r.object = p.object
     where (p.is_id or 'names' = any (r.by_hand)) and not exists (
       select from pg_constraint as k join pg_attribute as a on a.attrelid = k.conrelid and a.attname = p.name
       where k.conrelid = p.relation and k.contype = 'f' and k.confrelid = 'howdah.users'::regclass
         and a.attnum = any (k.conkey) and k.confdeltype in ('n', 'c'))
     order by name collate "C"`,
  );
  expect(columns.map(({ name }) => name).sort()).toEqual([
    'audit_inbox.actor', // becomes audit_log at commit
    'audit_inbox.user_id', // becomes audit_log at commit
    'audit_log.actor', // kept: docs/personal-data.md
    'audit_log.user_id', // kept: docs/personal-data.md
    'dataset_items.source_user_id', // deleted by erase_dataset_items
    'debounced_runs.caller', // deleted with the contents of its run
    'mcp_sessions.caller', // deleted by rename_user
    'questions.answered_by', // renamed by rename_user
    'questions.escalate_to', // renamed by rename_user, unless it is a role
    'request_keys.caller', // deleted by rename_user
    'resources.created_by', // deleted by erase_user_traces
    'usage_totals.user_id', // no name; merge_usage removes the ids of deleted users
    'users.username', // renamed by rename_user
  ]);
});

describe('permissions to export and erase', () => {
  const as = (role: string, tenant: string, user: string, text: string, values: unknown[]) =>
    asRole(
      db.pool,
      'howdah_app',
      { 'howdah.tenant_id': tenant, 'howdah.user_id': user, 'howdah.role': role },
      (client) => client.query(text, values),
    );
  const ERASE = 'select howdah.erase_user($1)';
  const EXPORT = 'select howdah.export_user_data($1)';

  test('users export themselves, admins export and erase all but owners, other tenants nothing', async () => {
    const { tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant');
    const [ada, bob] = [await makePerson(), await makePerson()];
    const [admin, owner] = [
      await makePerson({ role: 'admin' }),
      await makePerson({ role: 'owner' }),
    ];
    expect((await as('member', tenant, ada.id, EXPORT, [ada.id])).rowCount).toBe(1);
    expect((await as('member', tenant, ada.id, EXPORT, [null])).rowCount).toBe(1);
    expect((await as('member', tenant, '', EXPORT, [null])).rowCount).toBe(0);
    expect(await refusal(as('member', tenant, ada.id, EXPORT, [bob.id]))).toMatchObject({
      code: 'HWDEN',
    });
    expect(await refusal(as('member', tenant, ada.id, ERASE, [ada.id]))).toMatchObject({
      code: 'HWDEN',
    });
    expect((await as('admin', tenant, admin.id, EXPORT, [bob.id])).rowCount).toBe(1);
    expect((await as('admin', tenant, admin.id, ERASE, [bob.id])).rowCount).toBe(1);
    expect(await refusal(as('admin', tenant, admin.id, ERASE, [owner.id]))).toMatchObject({
      code: 'HWDEN',
    });
    const other = await makeTenant(db.pool);
    const outsider = await makePerson({ role: 'owner', tenant_id: other });
    for (const text of [ERASE, EXPORT]) {
      expect(await refusal(as('owner', other, outsider.id, text, [ada.id]))).toMatchObject({
        code: 'HWNTF',
      });
    }
  });

  test('no role can change the log otherwise, not even the engine or owner', async () => {
    const { run } = await makeConversation(await makePerson(), 'a song of nobody');
    for (const role of ['howdah_engine', 'howdah_owner', 'howdah_app']) {
      const refused = await refusal(
        asRole(db.pool, role, {}, (client) =>
          client.query(`update howdah.steps set output = null where execution_id = $1`, [run]),
        ),
      );
      expect(refused.code).toMatch(/^(HWDEN|42501)$/);
      if (role === 'howdah_app') {
        expect(
          await refusal(
            asRole(db.pool, role, {}, (client) =>
              client.query('select howdah_private.erase_log($1, true)', [[run]]),
            ),
          ),
        ).toMatchObject({ code: '42501' });
      }
    }
  });
});

/** Creates a run for each number of days ago. */
async function makeHistory(tenant_id: string, days: number[]): Promise<void> {
  const id = await makeAgent(db.pool, { tenant_id });
  await db.pool.query(
    `insert into howdah.executions (tenant_id, agent_id, agent_version_id, input, output, status, stop_reason, completed_at,
       max_steps, max_seconds, created_by, root_execution_id, id)
     select a.tenant_id, a.id, a.current_version_id, 'song ' || i.days, 'song', 'completed', 'final_answer',
       now() - make_interval(days => i.days), 50, 600, 'history', i.id, i.id
     from howdah.agents as a, (select d as days, howdah.uuid_v7() as id from unnest($2::int[]) as d) as i where a.id = $1`,
    [id, days],
  );
}

describe('retention', () => {
  /** Runs all passes of one night. Returns the number of rows of each pass. */
  async function retainAll(batch: number): Promise<number[]> {
    const passes: number[] = [];
    for (;;) {
      const n = await retainBatch(db.pool, batch);
      passes.push(n);
      if (n === 0) return passes;
    }
  }
  const keep = (tenant: string, contents: number | null, runs: number | null = null) =>
    setRetention(db.pool, tenant, { keep_contents_days: contents, keep_runs_days: runs });
  /** Returns the inputs of the runs of a tenant, the newest first. */
  const inputsOf = async (tenant: string) =>
    (
      await all(
        db.pool,
        'select input from howdah.executions where tenant_id = $1 order by completed_at desc',
        [tenant],
      )
    ).map(({ input }) => input);

  test('erases contents and deletes runs in batches when they expire', async () => {
    const tenant = await makeTenant(db.pool);
    await makeHistory(tenant, [1, 9, 11, 12, 13, 99, 101, 200]);
    await keep(tenant, 10, 100);
    expect(await retainAll(3)).toEqual([2, 3, 1, 0]); // deletes, then erases
    expect(await inputsOf(tenant)).toEqual(['song 1', 'song 9', ...Array(4).fill('[erased]')]);
  });

  test.each([
    ['erases', 10, null, ['[erased]', '[erased]', '[erased]']],
    ['deletes', null, 10, []],
  ] as const)('%s locked runs later', async (_, contents, runs, left) => {
    const tenant = await makeTenant(db.pool);
    await makeHistory(tenant, [20, 30, 40]);
    await keep(tenant, contents, runs);
    await rolledBack(db.pool, async (holder) => {
      await holder.query(
        `select from howdah.executions where tenant_id = $1 and input in ('song 30', 'song 40')
         for no key update`,
        [tenant],
      );
      expect(await retainAll(1)).toEqual([1, 0]);
    });
    expect(await retainAll(1)).toEqual([1, 1, 0]);
    expect(await inputsOf(tenant)).toEqual(left);
  });

  test('finds older history that is inserted later', async () => {
    const tenant = await makeTenant(db.pool);
    await makeHistory(tenant, [11]);
    await keep(tenant, 10, 100);
    expect(await retainAll(9)).toEqual([1, 0]);
    await makeHistory(tenant, [50, 150]);
    expect(await retainAll(9)).toEqual([1, 1, 0]);
    expect(await inputsOf(tenant)).toEqual(['[erased]', '[erased]']);
  });

  test('finds runs that an earlier policy left', async () => {
    const tenant = await makeTenant(db.pool);
    await makeHistory(tenant, [5, 20]);
    await keep(tenant, 0);
    expect(await retainAll(9)).toEqual([2, 0]); // queued for erasure
    await keep(tenant, 10);
    await db.pool.query('select howdah_private.erase_due(9)'); // no longer due
    expect(await retainAll(9)).toEqual([1, 0]);
    expect(await inputsOf(tenant)).toEqual(['song 5', '[erased]']);
    await keep(tenant, 4);
    expect(await retainAll(9)).toEqual([1, 0]);
    await makeHistory(tenant, [2]);
    await keep(tenant, 0);
    expect(await retainAll(9)).toEqual([1, 0]);
    await keep(tenant, null);
    await db.pool.query('select howdah_private.erase_due(9)');
    await keep(tenant, 0);
    expect(await retainAll(9)).toEqual([1, 0]); // queued again
    await db.pool.query('select howdah_private.erase_due(9)');
    expect(await inputsOf(tenant)).toEqual(Array(3).fill('[erased]'));
  });

  test('skips a session while one of its runs is live', async () => {
    const tenant_id = await makeTenant(db.pool);
    const agent_id = await makeAgent(db.pool, { tenant_id });
    const session = await makeSession(db.pool, { tenant_id });
    const worker = await makeWorker(db.pool);
    const [first, second] = [
      await makeRun(db.pool, { tenant_id, agent_id, session_id: session }),
      await makeRun(db.pool, { tenant_id, agent_id, session_id: session }),
    ];
    await finish(db.pool, worker, first);
    await db.pool.query(`update howdah.sessions set state = '{"cart": 1}' where id = $1`, [
      session,
    ]);
    await db.pool.query(
      `update howdah.sessions set last_activity_at = now() - interval '20 days' where id = $1`,
      [session],
    );
    await keep(tenant_id, 10);
    await rolledBack(db.pool, async (client) => {
      await client.query('set local session_replication_role = replica'); // the end is in the log
      await client.query(
        `update howdah.executions set completed_at = now() - interval '20 days' where id = $1`,
        [first],
      );
      await client.query('set local session_replication_role = origin');
      await retainBatch(client, 10);
      expect(
        await one(client, 'select state, live_execution_id from howdah.sessions where id = $1', [
          session,
        ]),
      ).toEqual({ state: { cart: 1 }, live_execution_id: second });
    });
    await db.pool.query('select howdah.cancel_execution($1)', [second]);
    await db.pool.query('delete from howdah.retention_policies where tenant_id = $1', [tenant_id]);
  });

  /**
   * Creates a session that has been silent for so many days, with a title, a state, a todo and a
   * file.
   */
  async function makeSilentSession(tenant_id: string, days: number): Promise<string> {
    const session = await makeSession(db.pool, { tenant_id, title: 'song', state: { cart: 1 } });
    await db.pool.query(
      `insert into howdah.todos (tenant_id, session_id, title, note) values ($1, $2, 'song', 'song')`,
      [tenant_id, session],
    );
    await writeFile(session);
    await age(session, days, days);
    return session;
  }
  const writeFile = (session: string) =>
    db.pool.query(
      `insert into howdah.resources (tenant_id, session_id, name, type, bytes)
       select s.tenant_id, s.id, 'song', 'text/plain', 'song' from howdah.sessions as s
       where s.id = $1`,
      [session],
    );
  /** Sets the age of a session's last activity, and that of its contents, in days. */
  const age = (session: string, days: number, daysOfContents: number) =>
    committed(db.pool, async (client) => {
      // triggers must not set the times
      await client.query('set local session_replication_role = replica');
      const to = (table: string, column: string, key: string, ago: number) =>
        client.query(
          `update howdah.${table} set ${column} = now() - make_interval(days => $2)
           where ${key} = $1`,
          [session, ago],
        );
      await to('sessions', 'last_activity_at', 'id', days);
      await to('todos', 'updated_at', 'session_id', daysOfContents);
      await to('resources', 'created_at', 'session_id', daysOfContents);
    });
  /** Returns the texts that are left in a session, or undefined if it is deleted. */
  const contentsOf = async (session: string) =>
    (
      await all(
        db.pool,
        `select s.title, s.state,
           array(select t.title || coalesce(t.note, '') from howdah.todos as t
             where t.session_id = s.id order by t.position) as todos,
           (select count(*)::int from howdah.resources as r where r.session_id = s.id) as files
         from howdah.sessions as s where s.id = $1`,
        [session],
      )
    )[0];
  const ERASED = { title: '[erased]', state: {}, todos: ['[erased]'], files: 0 };

  test.each([
    [10, null, ERASED],
    [0, null, ERASED],
    [null, 10, undefined],
  ])('removes an expired session without runs (%s, %s)', async (contents, runs, left) => {
    const tenant = await makeTenant(db.pool);
    const [old, recent] = [await makeSilentSession(tenant, 11), await makeSilentSession(tenant, 0)];
    await keep(tenant, contents, runs);
    expect(await retainAll(9)).toEqual([1, 0]);
    expect(await contentsOf(old)).toEqual(left);
    expect(await contentsOf(recent)).toMatchObject({ title: 'song', files: 1 });
  });

  test('deletes an expired session without runs when months are dropped', async () => {
    const tenant = await makeTenant(db.pool);
    const [old, recent] = [await makeSilentSession(tenant, 11), await makeSilentSession(tenant, 0)];
    await db.pool.query(
      `insert into howdah.retention_policies (tenant_id, keep_runs_days, is_by_month)
       values ($1, 10, true)`,
      [tenant],
    );
    expect(await retainAll(9)).toEqual([1, 0]);
    expect(await contentsOf(old)).toBeUndefined();
    expect(await contentsOf(recent)).toMatchObject({ title: 'song', files: 1 });
  });

  test('removes a session that was active after its runs', async () => {
    const tenant_id = await makeTenant(db.pool);
    const session = await makeSilentSession(tenant_id, 5);
    await makeHistory(tenant_id, [11]);
    await committed(db.pool, async (client) => {
      await client.query('set local session_replication_role = replica'); // as after its end
      await client.query(
        'update howdah.executions set session_id = $2, turn = 1 where tenant_id = $1',
        [tenant_id, session],
      );
    });
    await keep(tenant_id, 10);
    expect(await retainAll(9)).toEqual([1, 0]); // the run
    await age(session, 11, 5);
    expect(await retainAll(9)).toEqual([0]); // the todo and the file are younger
    expect(await contentsOf(session)).toMatchObject({ title: 'song', files: 1 });
    await age(session, 11, 11);
    expect(await retainAll(9)).toEqual([1, 0]);
    expect(await contentsOf(session)).toEqual(ERASED);
    await keep(tenant_id, 10, 12);
    expect(await retainAll(9)).toEqual([0]); // the run is younger
    await keep(tenant_id, 10, 11);
    expect(await retainAll(9)).toEqual([1, 1, 0]); // the run, then the session
    expect(await contentsOf(session)).toBeUndefined();
  });

  test.each([
    ['todo', `insert into howdah.todos (session_id, title) values ($1, 'song')`],
    ['todo that is edited later', `update howdah.todos set title = 'song' where session_id = $1`],
    ['file', undefined],
    ['state', `update howdah.sessions set state = '{"cart": 2}' where id = $1`],
    ['title', `update howdah.sessions set title = 'song' where id = $1`],
  ])('erases content added to an erased session: a %s', async (_, text) => {
    const { tenant_id } = await one(db.pool, 'select howdah.current_tenant() as tenant_id');
    const session = await makeSilentSession(tenant_id, 11);
    await keep(tenant_id, 10);
    expect(await retainAll(9)).toContain(1);
    expect(await contentsOf(session)).toEqual(ERASED);
    if (text === undefined) await writeFile(session);
    else await db.pool.query(text, [session]);
    const added = await contentsOf(session);
    expect(added).not.toEqual(ERASED);
    await retainAll(9);
    expect(await contentsOf(session)).toEqual(added);
    await age(session, 11, 11);
    await retainAll(9);
    const left = await contentsOf(session);
    expect({ ...left, todos: [...new Set(left?.todos)] }).toEqual(ERASED);
    await db.pool.query('delete from howdah.retention_policies where tenant_id = $1', [tenant_id]);
  });

  test('runs as a background task of workers, and affects no other tenant', async () => {
    const [mine, others] = [await makeTenant(db.pool), await makeTenant(db.pool)];
    for (const tenant_id of [mine, others]) await makeHistory(tenant_id, [50]);
    await keep(mine, null, 7);
    await db.pool.query(`select graphile_worker.add_job('retention')`);
    const running = await startTestWorker(db.url);
    const left = 'select tenant_id from howdah.executions where tenant_id = any ($1)';
    await eventually(
      db.pool,
      'the old run is deleted',
      `select from (${left}) as e having count(*) = 1`,
      [[mine, others]],
    );
    await running.stop(0);
    expect(await all(db.pool, left, [[mine, others]])).toEqual([{ tenant_id: others }]);
  });

  test('can be configured only by the owner', async () => {
    const { tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant');
    const set = (role: string) =>
      rolledBack(db.pool, async (client) => {
        await client.query(
          `select set_config('howdah.tenant_id', $1, true), set_config('howdah.role', $2, true)`,
          [tenant, role],
        );
        await client.query('set local role howdah_app');
        await client.query(
          'insert into howdah.retention_policies (keep_contents_days) values (30)',
        );
      });
    await set('owner');
    expect(await refusal(set('admin'))).toMatchObject({ code: 'HWDEN' });
  });
});
