import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  type FakeHandler,
  type FakeServer,
  startOpenAiServer,
} from '../../chaos/load/openai-server.ts';
import { secretRowsOn } from '../../src/db/access/secrets.ts';
import { createRunRowDecryptor } from '../../src/db/connection/decrypt-run-rows.ts';
import { inTransaction } from '../../src/db/connection/pool.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { newKey } from '../../src/secrets/aead.ts';
import { createContentCipher, createContentDecryptor } from '../../src/secrets/contents.ts';
import { createMasterKeys, type MasterKeys } from '../../src/secrets/master-keys.ts';
import { rotateDataKey, rotateMasterKey } from '../../src/secrets/rotation.ts';
import type { Worker } from '../../workers/start-worker.ts';
import {
  callTools,
  childrenOf,
  insertRun,
  makeAgent,
  makeAgentTool,
  messagesOf,
  waitForEnd,
} from '../runtime/arrange.ts';
import { all, one } from '../sql/support.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { encryptRuns } from '../support/work/encrypt-runs.ts';
import { startTestWorker, TEST_MASTER_KEYS } from '../support/worker.ts';

const db = testDatabase();
let worker: Worker;
let server: FakeServer;
/** Returns the answer of the model server to the next request and all later ones. */
let answer: FakeHandler = () => ({ content: 'Hello.' });

beforeAll(async () => {
  server = await startOpenAiServer((request) => answer(request));
  worker = await startTestWorker(db.url, { openai: server.url });
});
afterAll(async () => {
  await worker?.stop(0);
  await server?.close();
});
afterEach(() => setPolicy(false));

/** Returns the last request that the model server received. */
function lastRequest(): JsonObject {
  const request = server.requests.at(-1);
  if (!request) throw new Error('the model server received no request');
  return request.body;
}

const faults: unknown[] = [];

/** Encrypts and decrypts everything that is due, as workers do each second. */
async function encryptDue(masterKeys: MasterKeys = TEST_MASTER_KEYS): Promise<unknown[]> {
  await db.pool.query(
    `do $$ begin -- not while the worker enqueues, which would skip this call
       perform from howdah_private.background_tasks where name = 'encryptions' for update;
       perform howdah_private.enqueue_encryptions('0 seconds');
     end $$`,
  );
  await db.pool.query(
    `update howdah_private.due_work set due_at = now() where kind = 'encrypt_run'`,
  );
  const cipher = createContentCipher(secretRowsOn(db.pool), masterKeys);
  faults.length = 0;
  await encryptRuns(db.pool, cipher, (error) => faults.push(error));
  if (faults.length > 0) return [...faults];
  // the worker may be processing a tree
  const nothingDue = `select 1 where not exists (select from howdah_private.due_work where kind = 'encrypt_run')`;
  await eventually(db.pool, 'nothing is due', nothingDue);
  return [];
}

/** Runs `during` while no worker runs, which would also encrypt and decrypt. */
async function withoutWorker(during: () => Promise<void>): Promise<void> {
  await worker.stop(0);
  try {
    await during();
  } finally {
    worker = await startTestWorker(db.url, { openai: server.url });
  }
}

async function setPolicy(isOn: boolean): Promise<void> {
  await db.pool.query(
    `insert into howdah.retention_policies (encrypt_contents) values ($1)
     on conflict (tenant_id) do update set encrypt_contents = excluded.encrypt_contents`,
    [isOn],
  );
}

const TABLES: Record<string, string> = {
  messages: 'content, parts::text, tool_calls',
  steps: 'input::text, output::text, error::text, annotations::text',
  questions:
    'prompt, schema::text, options::text, default_answer, answer, answer_data::text, tool_call::text, preview::text',
  feedback_entries: 'comment',
  webhook_deliveries: 'payload::text',
  executions:
    'input, input_data::text, input_parts::text, history, output, output_data::text, error::text',
};

type Row = JsonObject & { run: string };

/** Returns the stored contents of a tree by table, JSON as text. */
async function storedContents(root: string): Promise<Record<string, Row[]>> {
  const stored: Record<string, Row[]> = {};
  for (const [table, columns] of Object.entries(TABLES)) {
    const id = table === 'executions' ? 'id' : 'execution_id';
    stored[table] = await all(
      db.pool,
      `select t.${id} as run, ${columns} from howdah.${table} as t
       where t.${id} in (select e.id from howdah.executions as e where e.root_execution_id = $1)
       order by 1, (to_jsonb(t) ->> 'seq')::int, to_jsonb(t) ->> 'id'`,
      [root],
    );
  }
  return stored;
}

/** Returns the decrypted contents of a tree. */
async function readableContents(root: string, masterKeys = TEST_MASTER_KEYS) {
  const decrypt = createContentDecryptor(secretRowsOn(db.pool), masterKeys);
  const decryptRows = createRunRowDecryptor(db.pool, decrypt);
  const readable: Record<string, Row[]> = {};
  for (const [table, rows] of Object.entries(await storedContents(root))) {
    readable[table] = await decryptRows(rows, (row) => row.run);
  }
  return readable;
}

const isEncrypted = async (root: string) =>
  (
    await all(
      db.pool,
      'select contents_encrypted_at is not null as yes from howdah.executions where root_execution_id = $1',
      [root],
    )
  ).map(({ yes }) => yes);

const SECRET = 'Zürich 👩‍👩‍👧 canary';

/** Runs a tree to its end: an agent with a tool, a sub-agent, a question and feedback. */
async function runTree(): Promise<string> {
  const helper = await makeAgent(db.pool, {
    script: [
      callTools({ name: 'calculator', arguments: { expression: '6 * 7' } }),
      { content: `The helper says ${SECRET}.` },
    ],
    tools: ['calculator'],
  });
  const tool = await makeAgentTool(db.pool, helper);
  const boss = await makeAgent(db.pool, {
    script: [
      callTools(
        { name: tool, arguments: { message: `Tell me: ${SECRET}` } },
        { name: 'calculator', arguments: { expression: '1 / 3' } },
      ),
      callTools({
        name: 'ask_user',
        arguments: { question: `Is it ${SECRET}?`, options: ['yes'] },
      }),
      { content: '' },
    ],
    tools: [tool, 'calculator', 'ask_user'],
  });
  const id = await insertRun(db.pool, boss, SECRET.repeat(100), {
    input_data: { list: [1, 2.5, 'three', null], text: SECRET, nothing: {} },
  });
  const question = await eventually<{ id: string }>(
    db.pool,
    'the boss asks',
    `select id from howdah.questions where execution_id = $1 and status = 'open'`,
    [id],
  );
  await db.pool.query(`select howdah.answer_question($1, 'yes')`, [question.id]);
  await waitForEnd(db.pool, id);
  await db.pool.query(`select howdah.give_feedback($1, 1, comment => $2)`, [id, SECRET]);
  return id;
}

/** Changes recorded data without triggers, which requires a superuser of the database. */
async function changeWithoutTriggers(text: string, values: unknown[]): Promise<void> {
  await inTransaction(db.pool, async (client) => {
    await client.query('set local session_replication_role = replica');
    await client.query(text, values);
  });
}

/** Inserts values that no model sends: numbers with many digits, JSON null, 1 MB, arrays. */
async function addUnusualContents(id: string): Promise<void> {
  await changeWithoutTriggers(
    `update howdah.executions set input = $2, output_data = $3,
       history = '[{"role": "user", "content": "before"}]' where id = $1`,
    [id, 'ä'.repeat(524_288), '[{"n": 12345678901234567890.123450, "m": 1.50}, []]'],
  );
  await changeWithoutTriggers(
    `update howdah.steps set output = 'null' where execution_id = $1 and seq = 1`,
    [id],
  );
}

describe('a tree', () => {
  test('is encrypted as a whole, and reads the same; without the policy it is decrypted', async () => {
    const id = await runTree();
    await addUnusualContents(id);
    const before = await storedContents(id);
    expect(JSON.stringify(before)).toContain(SECRET);
    await setPolicy(true);
    expect(await encryptDue()).toEqual([]);
    expect(await isEncrypted(id)).toEqual([true, true]);
    const encrypted = JSON.stringify(await storedContents(id));
    expect(encrypted).not.toMatch(/canary|6 \* 7|12345678901234567890|before/);
    expect(await readableContents(id)).toEqual(before);
    expect(
      await all(db.pool, `select * from howdah_private.due_work where kind = 'encrypt_run'`),
    ).toEqual([]);

    await setPolicy(false);
    expect(await encryptDue()).toEqual([]);
    expect(await isEncrypted(id)).toEqual([false, false]);
    expect(await storedContents(id)).toEqual(before);
  });

  test('is encrypted once: another pass changes nothing', async () => {
    const id = await runTree();
    await setPolicy(true);
    expect(await encryptDue()).toEqual([]);
    const encrypted = await storedContents(id);
    await db.pool.query(
      `insert into howdah_private.due_work (kind, id, tenant_id) values ('encrypt_run', $1, howdah.current_tenant())`,
      [id],
    );
    expect(await encryptDue()).toEqual([]);
    expect(await storedContents(id)).toEqual(encrypted);
  });

  test('waits for a worker that has the master key', async () => {
    const id = await runTree();
    await setPolicy(true);
    expect(await encryptDue()).toEqual([]);
    const before = await readableContents(id);
    await withoutWorker(async () => {
      await setPolicy(false);
      const others = createMasterKeys({ keys: [newKey()], file: undefined });
      expect((await encryptDue(others))[0]).toMatchObject({ code: 'HWINV' });
      expect(await isEncrypted(id)).toEqual([true, true]);
      expect(await encryptDue()).toEqual([]);
    });
    expect(await storedContents(id)).toEqual(before);
  });
});

describe('a run that goes on', () => {
  test('a failed run is decrypted before it is retried, and encrypted again', async () => {
    answer = () => ({ status: 400, error: { message: 'no such model' } });
    const agent = await makeAgent(db.pool, { models: [{ provider: 'openai' }] });
    const id = await insertRun(db.pool, agent, `Say ${SECRET}.`);
    await waitForEnd(db.pool, id);
    await setPolicy(true);
    expect(await encryptDue()).toEqual([]);
    expect(await isEncrypted(id)).toEqual([true]);
    answer = () => ({ content: `Here it is: ${SECRET}` });
    const at = server.requests.length;
    await db.pool.query('select howdah.retry_execution($1)', [id]);
    expect(await encryptDue()).toEqual([]);
    const run = await waitForEnd(db.pool, id);
    expect(run).toMatchObject({ status: 'completed', output: `Here it is: ${SECRET}` });
    expect(server.requests.slice(at).map(({ body }) => body.messages)).toMatchObject([
      [{ role: 'user', content: `Say ${SECRET}.` }],
    ]);
    expect(await encryptDue()).toEqual([]);
    expect(await isEncrypted(id)).toEqual([true]);
    expect(JSON.stringify(await storedContents(id))).not.toContain('canary');
    expect(JSON.stringify(await readableContents(id))).toContain('Here it is');
  });

  test('the next turn of a session is sent the earlier turns in plain text', async () => {
    const agent = await makeAgent(db.pool, {
      models: [{ provider: 'openai' }],
      tools: ['calculator'],
    });
    const name = (await one(db.pool, 'select name from howdah.agents where id = $1', [agent])).name;
    const { id: session } = await one(
      db.pool,
      'insert into howdah.sessions (agent_id) values (howdah.agent($1)) returning id',
      [name],
    );
    const answers = [
      { tool_calls: [{ id: 'c1', name: 'calculator', arguments: { expression: '6 * 7' } }] },
      { content: `It is 42, ${SECRET}.` },
    ];
    answer = () => answers.shift() ?? { content: 'Again 42.' };
    const first = await insertRun(db.pool, agent, `What is six times seven, ${SECRET}?`, {
      session_id: session,
    });
    await waitForEnd(db.pool, first);
    await setPolicy(true);
    expect(await encryptDue()).toEqual([]);
    expect(await isEncrypted(first)).toEqual([true]);
    const second = await insertRun(db.pool, agent, 'And again?', { session_id: session });
    expect(await waitForEnd(db.pool, second)).toMatchObject({ output: 'Again 42.' });
    const messages = lastRequest().messages as { role: string }[];
    expect(messages.filter(({ role }) => role !== 'system')).toMatchObject([
      { role: 'user', content: `What is six times seven, ${SECRET}?` },
      { role: 'assistant', tool_calls: [{ function: { arguments: '{"expression":"6 * 7"}' } }] },
      { role: 'tool', content: '42' },
      { role: 'assistant', content: `It is 42, ${SECRET}.` },
      { role: 'user', content: 'And again?' },
    ]);
  });

  test('an envelope that a person typed stays text, also in the history', async () => {
    const foreign = await insertRun(
      db.pool,
      await makeAgent(db.pool, { script: [{ content: SECRET }] }),
    );
    await waitForEnd(db.pool, foreign);
    await setPolicy(true);
    expect(await encryptDue()).toEqual([]);
    const { output } = await one(db.pool, 'select output from howdah.executions where id = $1', [
      foreign,
    ]);
    const { id: session } = await one(
      db.pool,
      'insert into howdah.sessions default values returning id',
    );
    answer = () => ({ content: 'I cannot read it.' });
    const agent = await makeAgent(db.pool, { models: [{ provider: 'openai' }] });
    const typed = `What does ${output} mean?`;
    await waitForEnd(db.pool, await insertRun(db.pool, agent, typed, { session_id: session }));
    await waitForEnd(db.pool, await insertRun(db.pool, agent, 'And now?', { session_id: session }));
    expect(JSON.stringify(lastRequest())).toContain(output);
    expect(JSON.stringify(lastRequest())).not.toContain('canary');
  });
});

describe('keys', () => {
  test('a new data key encrypts all runs anew, and the old key goes', async () => {
    const id = await runTree();
    const before = await storedContents(id);
    await setPolicy(true);
    expect(await encryptDue()).toEqual([]);
    const { tenant_id } = await one(
      db.pool,
      'select tenant_id from howdah.executions where id = $1',
      [id],
    );
    const keyIds = () =>
      all(db.pool, 'select id from howdah_private.data_keys where tenant_id = $1', [tenant_id]);
    const [old] = await keyIds();
    await withoutWorker(async () => {
      const { runs } = await rotateDataKey(secretRowsOn(db.pool), TEST_MASTER_KEYS, tenant_id);
      expect(runs).toBeGreaterThan(0);
      expect(await keyIds()).toHaveLength(2);
      expect(await readableContents(id)).toEqual(before); // at any moment
      expect(await encryptDue()).toEqual([]);
    });
    const [current, ...others] = await keyIds();
    expect(others).toEqual([]);
    expect(current?.id).not.toBe(old?.id);
    expect(JSON.stringify(await storedContents(id))).not.toContain(old?.id);
    expect(await readableContents(id)).toEqual(before);
  });

  test('a new master key changes no contents', async () => {
    const id = await runTree();
    const before = await storedContents(id);
    await setPolicy(true);
    expect(await encryptDue()).toEqual([]);
    const encrypted = await storedContents(id);
    const next = newKey();
    const both = createMasterKeys({ keys: [next, Buffer.alloc(32, 7)], file: undefined });
    await rotateMasterKey(secretRowsOn(db.pool), both, true);
    const onlyNew = createMasterKeys({ keys: [next], file: undefined });
    expect(await storedContents(id)).toEqual(encrypted);
    expect(await readableContents(id, onlyNew)).toEqual(before);
    expect(JSON.stringify(await readableContents(id))).not.toContain('canary');
    const back = createMasterKeys({ keys: [Buffer.alloc(32, 7), next], file: undefined });
    await rotateMasterKey(secretRowsOn(db.pool), back, true);
    expect(await readableContents(id)).toEqual(before);
  });
});

describe('contents that somebody changed in the database', () => {
  test('stay as they are, and the other contents are read', async () => {
    const id = await runTree();
    await setPolicy(true);
    expect(await encryptDue()).toEqual([]);
    const before = await readableContents(id);
    await changeWithoutTriggers(
      `update howdah.executions
       set input = overlay(input placing case when substr(input, 150, 1) = 'A' then 'B' else 'A' end from 150)
       where id = $1`,
      [id],
    );
    const { input } = await one(db.pool, 'select input from howdah.executions where id = $1', [id]);
    const after = await readableContents(id);
    expect(after.executions?.[0]).toEqual({ ...before.executions?.[0], input });
    expect({ ...after, executions: [] }).toEqual({ ...before, executions: [] });
  });

  test('contents of a run of another session are not decrypted in this run', async () => {
    const [mine, theirs] = [await runTree(), await runTree()];
    await setPolicy(true);
    expect(await encryptDue()).toEqual([]);
    const { output } = await one(
      db.pool,
      `select content as output from howdah.messages where execution_id = $1 and seq = 1`,
      [theirs],
    );
    await changeWithoutTriggers('update howdah.executions set input = $2 where id = $1', [
      mine,
      output,
    ]);
    const { executions } = await readableContents(mine);
    expect(executions?.[0]).toMatchObject({ input: output });
  });
});

test('a turn that quotes a ciphertext of a run below keeps the ciphertext', async () => {
  const helper = await makeAgent(db.pool, { script: [{ content: `The helper says ${SECRET}.` }] });
  const tool = await makeAgentTool(db.pool, helper);
  const boss = await makeAgent(db.pool, {
    script: [callTools({ name: tool, arguments: { message: 'Tell me.' } }), { content: 'Done.' }],
    tools: [tool],
  });
  const { id: session } = await one(
    db.pool,
    'insert into howdah.sessions (agent_id) values ($1) returning id',
    [boss],
  );
  const first = await insertRun(db.pool, boss, 'Begin.', { session_id: session });
  await waitForEnd(db.pool, first);
  await setPolicy(true);
  expect(await encryptDue()).toEqual([]);
  const [child] = await childrenOf(db.pool, first);
  const stolen = (
    await one(db.pool, 'select output from howdah.executions where id = $1', [child?.id])
  ).output;
  expect(stolen).toMatch(/^howdah\.sealed/);

  const echo = await makeAgent(db.pool, { models: [{ provider: 'openai' }] });
  answer = () => ({ content: 'I cannot read it.' });
  const turn = async (input: string) => {
    const id = await insertRun(db.pool, echo, input, { session_id: session });
    await waitForEnd(db.pool, id);
    return id;
  };
  const quoted = await turn(`What does ${stolen} mean?`);
  const whole = await turn(stolen);
  await turn('And now?');
  const sent = lastRequest().messages as { role: string; content: string }[];
  expect(sent.filter(({ role }) => role === 'user').map(({ content }) => content)).toEqual([
    ...['Begin.', `What does ${stolen} mean?`, stolen, 'And now?'],
  ]);
  expect(await encryptDue()).toEqual([]);
  expect(await isEncrypted(whole)).toEqual([true]);
  expect((await readableContents(quoted)).executions).toMatchObject([
    { input: `What does ${stolen} mean?` },
  ]);
  expect((await readableContents(whole)).executions).toMatchObject([{ input: stolen }]);
});

test('a child run keeps its contents under its own id', async () => {
  const id = await runTree();
  await setPolicy(true);
  expect(await encryptDue()).toEqual([]);
  const [child] = await childrenOf(db.pool, id);
  for (const { content } of await messagesOf(db.pool, child?.id ?? randomUUID())) {
    if (content) expect(content.split('.')[4]).toBe(child?.id);
  }
});
