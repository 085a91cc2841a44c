import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { secretRowsOn } from '../../../src/db/access/secrets.ts';
import { createContentCipher } from '../../../src/secrets/contents.ts';
import { testDatabase } from '../../support/database.ts';
import { encryptRuns } from '../../support/work/encrypt-runs.ts';
import { TEST_MASTER_KEYS } from '../../support/worker.ts';
import {
  all,
  answer,
  asRole,
  brokenRules,
  claim,
  claimOnce,
  commit,
  committed,
  completed,
  failed,
  finish,
  isBlocked,
  jobsOf,
  makeAgent,
  makeRun,
  makeSession,
  makeUser,
  makeWorker,
  one,
  openSession,
  refusal,
  rolledBack,
  spawn,
  tablesWith,
  testClient,
} from '../support.ts';

// Tests how SQL handles the encrypted contents of ended runs.

const SAID = 'a canary sings';
const SEALED = /^howdah\.sealed\.v2\./;

const db = testDatabase({ violates: true }); // writes runs and steps by hand
let worker: string;
let agent: string;

beforeAll(async () => {
  agent = await makeAgent(db.pool);
  await db.pool.query('insert into howdah.retention_policies (encrypt_contents) values (true)');
});
beforeEach(async () => {
  worker = await makeWorker(db.pool);
});

/**
 * Encrypts and decrypts all due contents, as a worker does, without the grace period of 5 seconds.
 */
async function encrypt() {
  await db.pool.query(`select howdah_private.enqueue_encryptions('0 seconds')`);
  await db.pool.query(`update howdah_private.due_work set due_at = now() where kind = 'encrypt_run' and id in (
       select id from howdah_private.due_work for update skip locked)`);
  const errors: unknown[] = [];
  const cipher = createContentCipher(secretRowsOn(db.pool), TEST_MASTER_KEYS);
  await encryptRuns(db.pool, cipher, (error) => errors.push(error));
  expect(errors).toEqual([]);
}

const run = (id: string) => one(db.pool, 'select * from howdah.executions where id = $1', [id]);
const queued = (id: string) =>
  all(db.pool, `select * from howdah_private.due_work where kind = 'encrypt_run' and id = $1`, [
    id,
  ]);
const messagesOf = (id: string) =>
  all(db.pool, 'select * from howdah.messages where execution_id = $1 order by seq', [id]);
const annotationsOf = async (id: string) =>
  (
    await all(
      db.pool,
      'select annotations from howdah.steps where execution_id = $1 and annotations is not null',
      [id],
    )
  ).map(({ annotations }) => annotations);
const violations = () => all(db.pool, `select * from howdah.violations where rule <> 'dead_owner'`);

const said = (content: string) => ({
  ...answer,
  messages: [{ role: 'assistant', content }],
});

/** Creates an ended run with a model answer. */
async function makeEndedRun(columns: Record<string, unknown> = {}, to: object = completed) {
  const id = await makeRun(db.pool, { agent_id: agent, input: SAID, ...columns });
  const [claimed] = await claim(db.pool, worker, [id]);
  const steps = [said(SAID), ...(to === completed ? [{ kind: 'output', output: SAID }] : [])];
  await commit(db.pool, worker, [
    { id, fence: claimed?.fence ?? 0, after: 0, steps, to: { ...to, output: SAID } },
  ]);
  return id;
}

const fork = (id: string, values: Record<string, unknown> = {}) => {
  const names = Object.keys(values);
  const list = names.map((name, index) => `, ${name} => $${index + 2}`).join('');
  return one(db.pool, `select * from howdah.fork_execution($1${list})`, [
    id,
    ...Object.values(values),
  ]);
};

test('leaves no text of an ended tree in any table, and no violation', async () => {
  const data = JSON.stringify({ said: SAID });
  const history = [
    { role: 'user', content: SAID, parts: [{ type: 'text', text: SAID }] },
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'h', name: 'look_up', arguments: data }],
    },
    { role: 'tool', content: SAID, tool_call_id: 'h' },
  ];
  const id = await makeRun(db.pool, {
    agent_id: agent,
    input: SAID,
    input_data: data,
    input_parts: JSON.stringify([{ type: 'text', text: SAID }]),
    history: JSON.stringify(history),
  });
  const [claimed] = await claim(db.pool, worker, [id]);
  const fence = claimed?.fence ?? 0;
  const calls = ['a', 'b'].map((call) => ({ id: call, name: 'look_up', arguments: data }));
  const thought = {
    ...answer,
    messages: [{ role: 'assistant', content: SAID, tool_calls: calls }],
  };
  await commit(db.pool, worker, [{ id, fence, after: 0, steps: [thought] }]);
  const child = await spawn(db.pool, worker, { id, fence, after: 1 }, agent);
  await finish(db.pool, worker, child, { ...completed, output: SAID });
  const { step_count } = await one(
    db.pool,
    'select * from howdah_private.take_inbox($1, $2, $3, 2)',
    [worker, id, fence],
  );
  await db.pool.query(
    `insert into howdah.questions (execution_id, root_execution_id, kind, prompt, options, tool_call, answer, answered_by, answered_at, status, call_id)
     values ($1, $1, 'question', $2, to_jsonb(array[$2]), jsonb_build_object('id', 'b', 'name', 'look_up', 'arguments', $2::text), $2, 'ada', now(), 'answered', 'b')`,
    [id, SAID],
  );
  await db.pool.query('select howdah.give_feedback($1, 1, $2)', [id, SAID]);
  const result = ['a', 'b'].map((call) => ({
    role: 'tool',
    content: SAID,
    tool_call_id: call,
  }));
  const tool = { kind: 'tool', name: 'look_up', call_id: 'b', input: data, output: data };
  const cached_from = { execution_id: child, seq: 1 };
  const steps = [
    { ...tool, messages: result, annotations: { said: SAID, cached_from } },
    { kind: 'output', output: SAID },
  ];
  const to = { ...completed, output: SAID, output_data: { said: SAID } };
  await commit(db.pool, worker, [{ id, fence, after: step_count, steps, to }]);

  await encrypt();
  expect(await tablesWith(db.pool, SAID)).toEqual([]);
  expect(await violations()).toEqual([]);
  expect(await brokenRules(db.pool)).toEqual([]);
  const row = await run(id);
  expect(row).toMatchObject({ output: expect.stringMatching(SEALED), status: 'completed' });
  expect(row.history).toMatchObject([
    { role: 'user', parts: [{ sealed_list: expect.stringMatching(SEALED) }] },
    { role: 'assistant', tool_calls: [{ id: 'h', name: 'look_up' }] },
    { role: 'tool', tool_call_id: 'h' },
  ]);
  expect((await run(child)).contents_encrypted_at).not.toBeNull();
  expect(await annotationsOf(id)).toMatchObject([{ cached_from }]);

  // A later comment is encrypted too.
  await db.pool.query('select howdah.give_feedback($1, 0, $2)', [id, SAID]);
  expect(await tablesWith(db.pool, SAID)).toEqual(['howdah.feedback_entries']);
  await encrypt();
  expect(await tablesWith(db.pool, SAID)).toEqual([]);
  expect(await queued(id)).toEqual([]);

  const { document } = await one(db.pool, 'select howdah.export_run($1, true) as document', [id]);
  expect(JSON.stringify(document)).not.toContain('howdah.sealed');
  expect(document.messages[0].content).toBe('[redacted]');
  // Erasure clears the mark of encrypted contents.
  await db.pool.query('select howdah_private.erase_runs($1)', [[id, child]]);
  expect(await run(id)).toMatchObject({
    output: '[erased]',
    contents_encrypted_at: null,
    contents_key_id: null,
  });
  // That the answer was cached stays readable in both, so the rollup counts it at any time.
  expect(await annotationsOf(id)).toEqual([{ cached_from }]);
});

describe('a fork of an encrypted run', () => {
  const parts = [{ type: 'text', text: SAID }];
  const history = [{ role: 'user', content: SAID }];

  test('is decrypted before it is claimed', async () => {
    const original = await makeEndedRun({
      input_data: { said: SAID },
      input_parts: JSON.stringify(parts),
      history: JSON.stringify(history),
    });
    await encrypt();
    const { id } = await fork(original, { seq: 1, input: 'And then?' });
    expect(await run(id)).toMatchObject({
      status: 'queued',
      input: expect.stringMatching(SEALED),
      contents_encrypted_at: expect.any(Date),
      contents_key_id: expect.any(String),
    });
    expect(await queued(id)).toMatchObject([{ payload: { sources: [original] } }]);
    expect(await claimOnce(db.pool, worker, [id])).toEqual([]);
    expect(await violations()).toEqual([]);
    const { explained } = await one(db.pool, 'select howdah.explain_execution($1) as explained', [
      id,
    ]);
    expect(explained.summary).toMatch(/encrypted/);

    await encrypt();
    expect(await run(id)).toMatchObject({
      ...{ input: SAID, input_data: { said: SAID }, input_parts: parts, history },
      ...{ contents_encrypted_at: null, contents_key_id: null, wake_at: null },
    });
    expect((await messagesOf(id)).map((message) => message.content)).toEqual([
      expect.stringContaining(SAID),
      SAID,
      'And then?',
    ]);
    expect(await queued(id)).toEqual([]);
    expect(await jobsOf(db.pool, id)).toHaveLength(1);
    expect((await run(original)).input).toMatch(SEALED); // stays encrypted
    await finish(db.pool, worker, id);
  });

  test('of a fork that waits for its decryption reads the first original', async () => {
    const original = await makeEndedRun();
    await encrypt();
    const { id } = await fork(original);
    const { id: second } = await fork(id);
    await encrypt();
    expect(await run(second)).toMatchObject({ input: SAID, contents_encrypted_at: null });
  });

  test('with new contents only starts at once', async () => {
    const original = await makeEndedRun();
    await encrypt();
    const { id } = await fork(original, { seq: 0, input: 'Another task' });
    expect(await run(id)).toMatchObject({ input: 'Another task', contents_encrypted_at: null });
    expect(await queued(id)).toEqual([]);
    expect(await claim(db.pool, worker, [id])).toHaveLength(1);
  });

  test('takes other data as a whole, and no changes of what SQL cannot read', async () => {
    const original = await makeEndedRun({ input_data: { order: 1 } });
    await encrypt();
    const refused = await refusal(fork(original, { changes: { order: 2 } }));
    expect(refused).toMatchObject({ code: 'HWCNF', fields: { field: 'changes' } });
    expect(refused.hint).toMatch(/complete input_data/);
    const { id } = await fork(original, { input_data: { order: 2 } });
    await encrypt();
    expect(await run(id)).toMatchObject({ input: SAID, input_data: { order: 2 } });
  });

  test('refuses a ciphertext as a new text', async () => {
    const original = await makeEndedRun();
    await encrypt();
    const { output } = await run(original);
    expect(await refusal(fork(original, { input: output }))).toMatchObject({
      code: 'HWINV',
      fields: { field: 'input' },
    });
  });

  test('of a run that never began gets its first message when it is decrypted', async () => {
    const id = await makeRun(db.pool, { agent_id: agent, input: SAID, input_data: { a: 1 } });
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    await encrypt();
    const steps = (await run(id)).step_count;
    const { id: copy } = await fork(id, { seq: steps });
    await encrypt();
    const [message] = await messagesOf(copy);
    if (steps > 0) expect(message?.content).toBe(`${SAID}\n\n{\n    "a": 1\n}`);
    expect(await run(copy)).toMatchObject({ input: SAID, contents_encrypted_at: null });
  });

  test('is encrypted again when it is cancelled before its decryption', async () => {
    const original = await makeEndedRun();
    await encrypt();
    const { id } = await fork(original);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    await encrypt();
    const { input, contents_encrypted_at } = await run(id);
    expect(contents_encrypted_at).not.toBeNull();
    expect(input).toContain(id); // under its own id
  });

  test('keeps the data key of its copies from removal', async () => {
    const original = await makeEndedRun();
    await encrypt();
    const { id } = await fork(original);
    await rolledBack(db.pool, async (client) => {
      await client.query('update howdah_private.data_keys set is_current = false');
      const { tenant_id, contents_key_id } = await run(id);
      await client.query(
        'update howdah.executions set contents_key_id = null where contents_key_id = $1',
        [contents_key_id],
      );
      const { dropped } = await one(
        client,
        'select howdah_private.drop_unused_data_keys($1) as dropped',
        [tenant_id],
      );
      expect(dropped).toBe(0);
    });
    await encrypt();
  });
});

test('a filter and a size limit check what is new, not what is copied', async () => {
  const original = await makeEndedRun({
    history: JSON.stringify([{ role: 'user', content: SAID }]),
  });
  await encrypt();
  await db.pool.query(
    `insert into howdah.output_filters (name, pattern, places, action) values ('all', '[A-Za-z0-9_-]{10,}', '{input}', 'redact')`,
  );
  try {
    const { id } = await fork(original, { seq: 1, input: 'password1234' });
    await encrypt();
    const row = await run(id);
    expect(row).toMatchObject({ input: SAID, history: [{ role: 'user', content: SAID }] });
    expect((await messagesOf(id)).at(-1)?.content).toBe('[all withheld]');
  } finally {
    await db.pool.query(`delete from howdah.output_filters where name = 'all'`);
  }
});

describe('a conversation with encrypted turns', () => {
  const send = async (session: string, columns: Record<string, unknown> = {}) =>
    makeEndedRun({ session_id: session, ...columns });

  test('can be forked, and its history is decrypted before the fork is claimed', async () => {
    const session = await makeSession(db.pool, { agent_id: agent });
    const parts = [{ type: 'text', text: SAID }];
    const first = await send(session, { input_parts: JSON.stringify(parts) });
    await send(session, { input: 'again' });
    await encrypt();
    const forked = await one(db.pool, 'select * from howdah.fork_session($1, $2)', [
      session,
      'Go on',
    ]);
    const id = forked.live_execution_id;
    expect(await run(id)).toMatchObject({ contents_encrypted_at: expect.any(Date) });
    const [due] = await queued(id);
    expect(due?.payload.sources).toContain(first);
    expect(await claimOnce(db.pool, worker, [id])).toEqual([]);
    await encrypt();
    const row = await run(id);
    expect(row.contents_encrypted_at).toBeNull();
    expect(
      row.history.map(({ role, content }: { role: string; content: string }) => [role, content]),
    ).toEqual([
      ['user', SAID],
      ['assistant', SAID],
      ['user', 'again'],
      ['assistant', SAID],
    ]);
    await finish(db.pool, worker, id);
  });

  test('gives a fork no reasoning and no file of an encrypted turn', async () => {
    const session = await makeSession(db.pool, { agent_id: agent });
    const id = await makeRun(db.pool, { agent_id: agent, session_id: session, input: SAID });
    const [claimed] = await claim(db.pool, worker, [id]);
    const parts = [
      { type: 'reasoning', text: SAID },
      { type: 'text', text: SAID },
      { type: 'resource', resource_id: '00000000-0000-7000-8000-000000000000' },
    ];
    const message = { role: 'assistant', content: SAID, parts };
    const steps = [
      { ...answer, messages: [message] },
      { kind: 'output', output: SAID },
    ];
    await commit(db.pool, worker, [
      { id, fence: claimed?.fence ?? 0, after: 0, steps, to: { ...completed, output: SAID } },
    ]);
    const forkSession = async () => {
      const forked = await one(db.pool, 'select * from howdah.fork_session($1, $2)', [
        session,
        'Go on',
      ]);
      return forked.live_execution_id;
    };
    const plain = await forkSession();
    await encrypt();
    const copy = await forkSession();
    expect((await run(copy)).contents_encrypted_at).not.toBeNull();
    await encrypt();
    const { history } = await run(copy);
    expect(history).toEqual((await run(plain)).history);
    expect(history[1].parts).toEqual([
      { type: 'text', text: SAID },
      { type: 'text', text: '[file]' },
    ]);
  });

  test('gives a fork its summary in the form that models receive', async () => {
    const session = await makeSession(db.pool, { agent_id: agent });
    await send(session);
    const id = await makeRun(db.pool, { agent_id: agent, session_id: session, input: 'and?' });
    const [claimed] = await claim(db.pool, worker, [id]);
    const summary = { role: 'user', content: SAID, covers_from_seq: 0, covers_to_seq: 0 };
    const steps = [
      { ...answer, messages: [summary, { role: 'assistant', content: 'yes' }] },
      { kind: 'output', output: 'yes' },
    ];
    await commit(db.pool, worker, [
      { id, fence: claimed?.fence ?? 0, after: 0, steps, to: { ...completed, output: 'yes' } },
    ]);
    const historyOfFork = async () => {
      const forked = await one(db.pool, 'select * from howdah.fork_session($1, $2)', [
        session,
        'Go on',
      ]);
      await encrypt();
      return (await run(forked.live_execution_id)).history;
    };
    const plain = await historyOfFork();
    expect((await run(id)).contents_encrypted_at).not.toBeNull();
    expect(await historyOfFork()).toEqual(plain);
    expect(plain[0].content).toBe(`Summary of the conversation so far:\n${SAID}`);
  });

  test('can be restarted from a turn in a chat', async () => {
    const session = await makeSession(db.pool, { agent_id: agent });
    await send(session);
    const parts = JSON.stringify([{ type: 'text', text: SAID }]);
    const second = await send(session, { input_parts: parts });
    await encrypt();
    const { id } = await one(
      db.pool,
      `select howdah_private.restart_chat('chat', $1, null, null) as id`,
      [second],
    );
    await encrypt();
    expect(await run(id)).toMatchObject({
      ...{ input: SAID, input_parts: JSON.parse(parts), contents_encrypted_at: null },
      history: [
        { role: 'user', content: SAID },
        { role: 'assistant', content: SAID },
      ],
    });
  });

  test('keeps the history of its first turn for the next one', async () => {
    const session = await makeSession(db.pool, { agent_id: agent });
    await send(session, { history: JSON.stringify([{ role: 'user', content: SAID }]) });
    await encrypt();
    const { history } = await one(
      db.pool,
      'select howdah_private.session_history(tenant_id, id, 2) as history from howdah.sessions where id = $1',
      [session],
    );
    expect(history).toMatchObject([{ role: 'user' }, { role: 'user' }, { role: 'assistant' }]);
  });

  test('can be continued without a session', async () => {
    const previous = await makeEndedRun();
    await encrypt();
    const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [agent]);
    const begin = (history: unknown) =>
      one(
        db.pool,
        'select howdah_private.begin_conversation($1, $2, null, $3, null, null, $4, false, false, null) as id',
        [name, 'And?', JSON.stringify(history), previous],
      );
    const { id } = await begin([{ role: 'user', content: 'more' }]);
    expect(await queued(id)).toMatchObject([{ payload: { sources: [previous] } }]);
    await encrypt();
    expect((await run(id)).history).toMatchObject([
      { role: 'user', content: SAID },
      { role: 'assistant', content: SAID },
      { role: 'user', content: 'more' },
    ]);
    const { output } = await run(previous);
    const forged = output.replace(/.{8}$/, 'AAAAAAAA');
    expect(await refusal(begin([{ role: 'user', content: forged }]))).toMatchObject({
      code: 'HWCNF',
      fields: { execution_id: previous },
    });
  });

  test('can be continued by a debounced run, which takes the id of an earlier one', async () => {
    const original = await makeEndedRun();
    await encrypt();
    const insert = (input: string) =>
      one(
        db.pool,
        `insert into howdah.executions (agent_id, input, debounce_key, debounce_ms)
         values ($1, $2, $3, 1) returning *`,
        [agent, input, original],
      );
    const copied = (await run(original)).input;
    const first = await insert('First.');
    const second = await insert(copied);
    expect(second).toMatchObject({ id: first.id, input: copied });
    expect(await queued(first.id)).toMatchObject([{ payload: { sources: [original] } }]);
    expect(await violations()).toEqual([]);
    const third = await insert(copied);
    expect(third.id).toBe(first.id);
    await encrypt();
    expect(await run(first.id)).toMatchObject({ input: SAID, contents_encrypted_at: null });
    await insert(copied);
    await insert('Last.');
    expect(await queued(first.id)).toEqual([]);
    await finish(db.pool, worker, first.id);
  });

  test('is continued only by who may see it', async () => {
    const hidden = await makeAgent(db.pool, { is_restricted: true });
    const [seen, secret] = [await makeEndedRun(), await makeEndedRun({ agent_id: hidden })];
    await encrypt();
    const user = await makeUser(db.pool, { role: 'member' });
    const settings = { 'howdah.tenant_id': user.tenant_id, 'howdah.user_id': user.id };
    await asRole(db.pool, 'howdah_app', settings, async (client) => {
      const insert = async (source: string) => {
        const [, said] = await messagesOf(source);
        return client.query(
          'insert into howdah.executions (agent_id, input, history) values ($1, $2, $3) returning id, contents_encrypted_at',
          [agent, 'And?', JSON.stringify([{ role: 'assistant', content: said?.content }])],
        );
      };
      const { rows } = await insert(seen);
      expect(rows[0].contents_encrypted_at).not.toBeNull();
      const { rows: typed } = await insert(secret); // plain text of any kind
      expect(typed[0].contents_encrypted_at).toBeNull();
    });
  });

  test('hides its texts from the search, which counts them', async () => {
    const session = await makeSession(db.pool, { agent_id: agent });
    await send(session);
    await encrypt();
    const id = await makeRun(db.pool, { agent_id: agent, session_id: session, input: 'now' });
    const { found } = await one(
      db.pool,
      `select howdah_private.call_search_messages($1, '{"query": "canary sings howdah sealed v2"}') as found`,
      [id],
    );
    expect(found).toEqual({ messages: [], encrypted: 1 });
    await finish(db.pool, worker, id);
  });
});

test('a retry is decrypted with its tree before it is claimed', async () => {
  const id = await makeEndedRun({}, failed);
  await encrypt();
  await db.pool.query('select howdah.retry_execution($1)', [id]);
  expect(await claimOnce(db.pool, worker, [id])).toEqual([]);
  await encrypt();
  expect(await run(id)).toMatchObject({ input: SAID, contents_encrypted_at: null, wake_at: null });
  await finish(db.pool, worker, id);
  await encrypt();
  expect(await run(id)).toMatchObject({ input: expect.stringMatching(SEALED) });
});

test('the root of a large tree is encrypted first and decrypted last', async () => {
  const id = await makeRun(db.pool, { agent_id: agent, input: SAID });
  const [claimed] = await claim(db.pool, worker, [id]);
  const fence = claimed?.fence ?? 0;
  const child = await spawn(db.pool, worker, { id, fence, after: 0 }, agent);
  await finish(db.pool, worker, child, { ...completed, output: SAID });
  const { step_count } = await one(
    db.pool,
    'select * from howdah_private.take_inbox($1, $2, $3, 1)',
    [worker, id, fence],
  );
  await commit(db.pool, worker, [{ id, fence, after: step_count, steps: [], to: failed }]);
  /**
   * Returns the runs that a transaction takes when there is room for one, or the rest when these
   * runs are locked.
   */
  const takenRuns = (locked: string[] = []) =>
    rolledBack(db.pool, async (client) => {
      const other = await testClient(db.pool);
      await other.query('begin');
      await other.query('select from howdah.executions where id = any ($1) for update', [locked]);
      const room = locked.length === 0 ? 1 : 200;
      const tasks = await all(client, 'select * from howdah_private.take_encryptions(50, $1)', [
        room,
      ]);
      await other.query('rollback');
      return tasks.find((task) => task.root_execution_id === id);
    });
  await db.pool.query(`select howdah_private.enqueue_encryptions('0 seconds')`);
  expect(await takenRuns()).toMatchObject({ runs: [id], is_last: false });
  await encrypt();
  await db.pool.query('select howdah.retry_execution($1)', [id]);
  expect(await takenRuns()).toMatchObject({ runs: [child], is_last: false });
  expect(await takenRuns([child])).toMatchObject({ runs: [], is_last: false });
  await encrypt();
  expect(await run(child)).toMatchObject({ output: SAID, contents_encrypted_at: null });
  expect(await run(id)).toMatchObject({ input: SAID, contents_encrypted_at: null });
  await finish(db.pool, worker, id);
});

test('a live run is decrypted before what a policy made due', async () => {
  const [original, others] = [
    await makeEndedRun({}, failed),
    [await makeEndedRun(), await makeEndedRun()],
  ];
  await encrypt();
  await rolledBack(db.pool, async (client) => {
    const take = async () =>
      (await all(client, 'select * from howdah_private.take_encryptions(1, 200)')).map(
        (task) => task.root_execution_id,
      );
    await client.query('update howdah.retention_policies set encrypt_contents = false');
    const waiting = await all(
      client,
      `select from howdah_private.due_work where kind = 'encrypt_run'`,
    );
    expect(waiting.length).toBeGreaterThan(others.length);
    await client.query('select howdah.retry_execution($1)', [original]);
    expect(await take()).toEqual([original]);
    const { id } = await one(client, 'select * from howdah.fork_execution($1)', [others[0]]);
    await client.query(
      `delete from howdah_private.due_work where kind = 'encrypt_run' and id = $1`,
      [original],
    );
    expect(await take()).toEqual([id]);
  });
});

test('a transaction takes few runs if they have many steps', async () => {
  const ids = [await makeEndedRun(), await makeEndedRun()];
  await rolledBack(db.pool, async (client) => {
    await client.query('set local session_replication_role = replica');
    await client.query('update howdah.executions set step_count = 10000 where id = any ($1)', [
      ids,
    ]);
    await client.query(`delete from howdah_private.due_work where kind = 'encrypt_run'`);
    await client.query(`select howdah_private.enqueue_encryptions('0 seconds')`);
    const tasks = await all(client, 'select * from howdah_private.take_encryptions(50, 200)');
    expect(tasks.filter(({ runs }) => ids.includes(runs[0])).length).toBe(1);
  });
  await encrypt();
});

test('decisions of workflows keep the names of members', async () => {
  const { rows } = await db.pool.query(
    `select howdah_private.visible_decision('route', 'route', $1) as route, howdah_private.visible_decision('plan', 'plan.2', $2) as plan`,
    [
      {
        ...{ method: 'llm', reason: SAID, candidates: [{ member: 'ann' }] },
        chosen: [{ member: 'ann', confidence: 0.9, reason: SAID }],
      },
      { plan: 2, steps: [[{ member: 'ann', task: SAID }], [{ member: 'bob', task: SAID }]] },
    ],
  );
  expect(rows).toEqual([
    {
      route: {
        ...{ method: 'llm', reason: '[encrypted]', candidates: [{ member: 'ann' }] },
        chosen: [{ member: 'ann', confidence: 0.9 }],
      },
      plan: {
        plan: 2,
        steps: [[{ member: 'ann', task: '[encrypted]' }], [{ member: 'bob', task: '[encrypted]' }]],
      },
    },
  ]);
});

test('two encrypted runs are not said to differ', async () => {
  const [a, b] = [await makeEndedRun(), await makeEndedRun()];
  await encrypt();
  const compare = async (one_: string, other: string) =>
    (await one(db.pool, 'select howdah.compare_executions($1, $2) as compared', [one_, other]))
      .compared;
  expect(await compare(a, b)).toMatchObject({
    ...{ is_same: null, began: [], ended: [] },
    steps: { same: 2, changed: 0, changes: [] },
    a: { is_encrypted: true },
  });
  const c = await makeEndedRun({}, failed);
  expect(await compare(a, c)).toMatchObject({ is_same: false });
});

test('an erased user is renamed in what is decrypted, too', async () => {
  const user = await makeUser(db.pool, { role: 'admin' });
  const id = await makeEndedRun({}, failed);
  await committed(db.pool, async (client) => {
    await client.query(`select set_config('howdah.user_id', $1, true)`, [user.id]);
    await client.query('select howdah.retry_execution($1)', [id]);
  });
  await finish(db.pool, worker, id);
  await encrypt();
  const retry = () =>
    one(db.pool, `select input from howdah.steps where execution_id = $1 and kind = 'retry'`, [id]);
  expect((await retry()).input).toMatchObject({
    by: user.username,
    sealed: expect.stringMatching(SEALED),
  });
  await db.pool.query('select howdah.erase_user($1)', [user.id]);
  const cipher = createContentCipher(secretRowsOn(db.pool), TEST_MASTER_KEYS);
  const opened = await cipher.decrypt(
    await retry(),
    async (texts) => new Set(texts.map(({ text }) => text)),
  );
  expect(opened.input).not.toHaveProperty('sealed');
  expect(opened.input).toMatchObject({ by: `erased-${user.id}`, stop_reason: 'error' });
});

test('a lost connection delays a decryption by a second, and other errors by a minute', async () => {
  const cipher = createContentCipher(secretRowsOn(db.pool), TEST_MASTER_KEYS);
  const delays: number[] = [];
  for (const code of ['57P01', '40P01', 'HWINV']) {
    const id = await makeEndedRun();
    await db.pool.query(`select howdah_private.enqueue_encryptions('0 seconds')`);
    const error = Object.assign(new Error('lost'), { code });
    const failing = { ...cipher, open: () => Promise.reject(error) };
    const errors: unknown[] = [];
    await encryptRuns(db.pool, failing, (one) => errors.push(one));
    expect(errors).toEqual([error]);
    const { delay } = await one(
      db.pool,
      `select extract(epoch from due_at - now())::int as delay from howdah_private.due_work
       where kind = 'encrypt_run' and id = $1`,
      [id],
    );
    delays.push(delay);
    await encrypt();
  }
  expect(delays).toEqual([expect.closeTo(1, -1), expect.closeTo(1, -1), expect.closeTo(60, -1)]);
});

test('no role rewrites a run that is not in the queue, not even a worker', async () => {
  const id = await makeEndedRun();
  const text = `select howdah_private.write_run_contents('messages',
    jsonb_build_array(jsonb_build_object('execution_id', $1::uuid, 'seq', 1, 'texts', '{"content": "forged"}'::jsonb)))`;
  expect(
    await refusal(asRole(db.pool, 'howdah_worker', {}, (client) => client.query(text, [id]))),
  ).toMatchObject({ code: 'HWDEN', message: expect.stringContaining(id) });
  expect((await messagesOf(id))[0]?.content).not.toBe('forged');
});

describe('at the same time as an encryption', () => {
  const WRITE = `
    select howdah_private.write_run_contents('executions', jsonb_build_array(jsonb_build_object('execution_id', $1::uuid,
      'texts', '{}', 'documents', '{}', 'key_id', howdah_private.lock_content_key((select tenant_id from howdah.executions where id = $1)) ->> 'id')))`;

  /** Starts the transaction of an encryption. Its rows are locked, and nothing is written yet. */
  async function beginEncryption() {
    await db.pool.query(`select howdah_private.enqueue_encryptions('0 seconds')`);
    const client = await testClient(db.pool);
    await client.query('begin');
    const tasks = await all(client, 'select * from howdah_private.take_encryptions(50, 200)');
    return { client, tasks };
  }

  test('another worker takes no tree twice, and a crash leaves plain text', async () => {
    const id = await makeEndedRun();
    const { client, tasks } = await beginEncryption();
    expect(tasks.map((task) => task.root_execution_id)).toContain(id);
    await encrypt();
    expect((await run(id)).input).toBe(SAID);
    await client.query('rollback');
    expect(await queued(id)).toHaveLength(1);
    await encrypt();
    expect((await run(id)).input).toMatch(SEALED);
  });

  test.each([
    ['a retry', 'select howdah.retry_execution($1)', 'queued'],
    ['a fork', 'select howdah.fork_execution($1)', 'failed'],
    ['feedback', `select howdah.give_feedback($1, 1, 'well')`, 'failed'],
  ])('%s waits, and sees what was encrypted', async (_, statement, status) => {
    const id = await makeEndedRun({}, failed);
    const { client } = await beginEncryption();
    const other = await openSession(db.url);
    const waiting = other.query(statement, [id]);
    await isBlocked(db.pool, other);
    await client.query(WRITE, [id]);
    await client.query(`select howdah_private.finish_encryptions($1, '{}')`, [[id]]);
    await client.query('commit');
    await waiting;
    await other.end();
    expect((await run(id)).status).toBe(status);
    const due = await all(
      db.pool,
      `select from howdah_private.due_work as d join howdah.executions as e on d.kind = 'encrypt_run' and e.id = d.id
       where e.id = $1 or e.forked_from_execution_id = $1`,
      [id],
    );
    expect(due).toHaveLength(1);
    await encrypt();
    expect(await violations()).toEqual([]);
  });

  test.each([
    [
      'a policy that is switched off',
      'update howdah.retention_policies set encrypt_contents = false',
    ],
    ['a policy that is deleted', 'delete from howdah.retention_policies'],
    [
      'a new data key',
      `with old as (update howdah_private.data_keys set is_current = false where is_current returning *),
         new as (insert into howdah_private.data_keys (id, tenant_id, wrapped_by, nonce, ciphertext)
           select gen_random_uuid(), o.tenant_id, o.wrapped_by, o.nonce, o.ciphertext from old as o)
       select howdah_private.enqueue_missed_encryptions(o.tenant_id) from old as o`,
    ],
  ])('%s misses no run that is being encrypted', async (_, statement) => {
    await encrypt(); // creates a key
    const [first, second] = [await makeEndedRun(), await makeEndedRun()];
    const { client } = await beginEncryption();
    const due = `select from howdah_private.due_work where kind = 'encrypt_run' and id = $1`;
    await client.query(WRITE, [first]);
    await client.query(`select howdah_private.finish_encryptions($1, '{}')`, [[first]]);
    const other = await openSession(db.url);
    await other.query('begin');
    const waiting = other.query(statement);
    await isBlocked(db.pool, other);
    await client.query('commit');
    await waiting;
    const missed = await all(other, due, [first]);

    const { client: later } = await beginEncryption();
    await later.query(WRITE, [second]);
    await later.query(`select howdah_private.finish_encryptions($1, '{}')`, [[second]]);
    await later.query('commit');
    await other.query('rollback');
    await other.end();
    expect(missed).toHaveLength(1);
    expect(await queued(second)).toHaveLength(1);
    await encrypt();
    expect(await queued(second)).toEqual([]);
  });

  test('retention skips the run, and a deletion removes its entry', async () => {
    const id = await makeEndedRun();
    const { client } = await beginEncryption();
    const { tenant_id } = await run(id);
    const other = await testClient(db.pool);
    await other.query('begin');
    const { runs } = await one(
      other,
      `select howdah_private.apply_run_retention($1, now() + interval '1 hour', 10000, true) as runs`,
      [tenant_id],
    );
    void runs;
    await other.query('commit');
    expect((await run(id)).input).toBe(SAID); // unchanged
    await client.query('rollback');
    expect(await queued(id)).toHaveLength(1);
    await db.pool.query('select howdah_private.delete_runs($1)', [[id]]);
    expect(await queued(id)).toEqual([]);
  });

  test('a comment that is erased meanwhile stays erased', async () => {
    const id = await makeEndedRun();
    const user = await makeUser(db.pool, { role: 'admin' });
    await committed(db.pool, async (client) => {
      await client.query(`select set_config('howdah.user_id', $1, true)`, [user.id]);
      await client.query('select howdah.give_feedback($1, 1, $2)', [id, SAID]);
    });
    const { client } = await beginEncryption();
    const { rows } = await client.query(
      `select id, execution_id, texts from howdah_private.run_contents(array[$1::uuid], 'feedback_entries', null, 0, 10)`,
      [id],
    );
    await db.pool.query('select howdah.erase_user($1)', [user.id]);
    await client.query(`select howdah_private.write_run_contents('feedback_entries', $1)`, [
      JSON.stringify(rows),
    ]);
    await client.query('commit');
    const { comment } = await one(
      db.pool,
      'select comment from howdah.feedback_entries where execution_id = $1',
      [id],
    );
    expect(comment).toBe('[erased]');
    await encrypt();
  });

  test('the encryption skips a run that is being erased', async () => {
    const id = await makeEndedRun();
    const eraser = await testClient(db.pool);
    await eraser.query('begin');
    await eraser.query('select howdah_private.erase_runs($1)', [[id]]);
    await encrypt();
    expect((await run(id)).input).toBe(SAID);
    await eraser.query('commit');
    await encrypt();
    expect(await run(id)).toMatchObject({ input: '[erased]', contents_encrypted_at: null });
  });
});
