import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { rolledBack } from '../../sql/support.ts';
import { pagesRead } from '../../support/database/pages-read.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { killWorkerProcesses, loadWorkerProcess } from '../../workers/worker-process.ts';
import {
  callTools,
  insertRun,
  makeAgent,
  makeAgentTool,
  resultsOf,
  runToEnd,
  waitForEnd,
} from '../arrange.ts';
import { expectEqualReplay } from '../replay/replay-runs.ts';

// now, calculator, read_resource, write_resource and search_messages, as called by runs.

const TOOLS = ['now', 'calculator', 'read_resource', 'write_resource', 'search_messages'];

const database = testDatabase();
let worker: Worker | undefined;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker?.stop(0);
  killWorkerProcesses();
});

type Call = [name: string, args: JsonObject];

async function agentOf(calls: Call[], tools = TOOLS): Promise<string> {
  const turns = calls.map(([name, args]) => callTools({ name, arguments: args }));
  return makeAgent(database.pool, {
    script: [...turns, { content: 'done' }],
    tools,
    use_history: false,
  });
}

/** Returns the results that the model received for its calls, parsed where they are JSON. */
async function readResults(id: string): Promise<JsonObject[]> {
  return (await resultsOf(database.pool, id)).map((text) =>
    text.startsWith('{') ? JSON.parse(text) : text,
  );
}

async function resultsOfCalls(...calls: Call[]): Promise<JsonObject[]> {
  const run = await runToEnd(database.pool, await agentOf(calls));
  expect(run).toMatchObject({ status: 'completed', output: 'done' });
  return readResults(run.id);
}

const toolError = (message: string, details?: object) => ({
  error: {
    code: expect.stringMatching(/^(tool_failed|invalid_arguments)$/),
    message: expect.stringContaining(message),
    retryable: false,
    ...(details ? { details } : {}),
  },
});

test('now returns the time in a zone, and suggests a zone for an unknown name', async () => {
  const startedAt = Date.now();
  const [utc, india, wrong, empty] = await resultsOfCalls(
    ['now', {}],
    ['now', { timezone: 'Asia/Kolkata' }],
    ['now', { timezone: 'berlin' }],
    ['now', { timezone: 7 }],
  );
  expect(utc).toEqual({
    utc: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    local: expect.stringMatching(/\+00:00$/),
    timezone: 'UTC',
    weekday: expect.stringMatching(/day$/),
  });
  expect(Date.parse(String(utc?.utc))).toBeGreaterThanOrEqual(startedAt - 1);
  expect(Date.parse(String(utc?.utc))).toBeLessThanOrEqual(Date.now());
  expect(india).toMatchObject({ local: expect.stringMatching(/\+05:30$/) });
  const { local, utc: at } = india as { local: string; utc: string };
  expect(Date.parse(local)).toBe(Math.floor(Date.parse(at) / 1000) * 1000);
  expect(wrong).toEqual(
    toolError("'berlin' is not known", { hint: "Did you mean 'Europe/Berlin'?" }),
  );
  expect(empty).toEqual(toolError('timezone must be string'));
});

test('calculator returns decimals and reports errors of an expression', async () => {
  expect(
    await resultsOfCalls(
      ['calculator', { expression: '0.1+0.2' }],
      ['calculator', { expression: '1/0' }],
    ),
  ).toEqual(['0.3', toolError('divided by zero')]);
});

describe('files', () => {
  test('are written and read by name in the conversation and its sub-agents only', async () => {
    const { pool } = database;
    const write = (name: string, content: string): Call => [
      'write_resource',
      { name, content, type: 'text/markdown' },
    ];
    const helper = await agentOf([
      ['read_resource', { name: 'plan.md' }],
      write('answer.md', 'Yes.'),
    ]);
    const ask = await makeAgentTool(pool, helper);
    const boss = await agentOf(
      [
        write('plan.md', 'One.'),
        write('plan.md', 'Two.'),
        [ask, { message: 'Go on.' }],
        ['read_resource', { name: 'answer.md' }],
      ],
      [...TOOLS, ask],
    );
    const session = (
      await pool.query('insert into howdah.sessions (agent_id) values ($1) returning id', [boss])
    ).rows[0].id;
    const { id } = await runToEnd(pool, boss, 'hello', { session_id: session });
    const [first, second, , answer] = await readResults(id);
    expect(first).toMatchObject({ name: 'plan.md', type: 'text/markdown', bytes: 4 });
    expect(second?.id).not.toBe(first?.id);
    expect(answer).toMatchObject({ text: 'Yes.', characters: 4, next_offset: null });
    const { rows } = await pool.query(
      `select name, convert_from(bytes, 'UTF8') as text, execution_id, session_id,
         metadata ->> 'written_by_execution_id' = execution_id::text as is_by_root
       from howdah.resources where execution_id = $1 order by id`,
      [id],
    );
    const of = { execution_id: id, session_id: session };
    expect(rows).toEqual([
      { name: 'plan.md', text: 'One.', ...of, is_by_root: true },
      { name: 'plan.md', text: 'Two.', ...of, is_by_root: true },
      { name: 'answer.md', text: 'Yes.', ...of, is_by_root: false },
    ]);
    const { rows: children } = await pool.query(
      'select id from howdah.executions where parent_execution_id = $1',
      [id],
    );
    expect((await readResults(children[0].id))[0]).toMatchObject({ text: 'Two.', id: second?.id });
    await expectEqualReplay(pool, id);

    const reader = await agentOf([
      ['read_resource', { id: first?.id as string }],
      ['read_resource', { name: 'plan.mb' }],
    ]);
    const later = await runToEnd(pool, reader, 'again', { session_id: session });
    expect(await readResults(later.id)).toMatchObject([
      { text: 'One.' },
      toolError('did you mean plan.md?', { hint: 'Its files: answer.md, plan.md.' }),
    ]);
    const outsider = await runToEnd(pool, reader);
    expect(await readResults(outsider.id)).toMatchObject([
      toolError('this conversation has no file', { hint: 'Its files: none.' }),
      toolError('this conversation has no file'),
    ]);
  });

  test('that are long are read in parts', async () => {
    const text = '"🐘\n'.repeat(30_000);
    const [written, ...parts] = await resultsOfCalls(
      ['write_resource', { name: 'long.txt', content: text }],
      ['read_resource', { name: 'long.txt' }],
      ['read_resource', { name: 'long.txt', offset: 20_000 }],
      ['read_resource', { name: 'long.txt', offset: 90_000 }],
      ['read_resource', { name: 'long.txt', offset: 90_001 }],
    );
    expect(written).toMatchObject({ type: 'text/plain', bytes: 180_000 });
    const characters = [...text];
    expect(parts[0]).toMatchObject({ characters: 90_000, next_offset: 20_000 });
    expect(parts[0]?.text).toBe(characters.slice(0, 20_000).join(''));
    expect(parts[1]?.text).toBe(characters.slice(20_000, 40_000).join(''));
    expect(parts[2]).toMatchObject({ text: '', next_offset: null });
    expect(parts[3]).toEqual(
      toolError('offset is 90001, but the text has 90000 characters', expect.anything()),
    );
  });

  test.each<[JsonObject, string]>([
    [{ name: 'a.png', type: 'image/png', content: 'x' }, 'is not a text type'],
    [{ name: 'a', type: 'nonsense', content: 'x' }, 'is not a text type'],
    [{ name: 'a', type: 'text/ü', content: 'x' }, 'type must be a MIME type'],
    [{ name: 'a\nb', content: 'x' }, 'name must be one short line'],
    [{ name: 'a', content: 'x'.repeat(262_145) }, 'at most 262144 are allowed'],
    [{ name: 'a' }, "must have required property 'content'"],
    [{ content: 'x' }, "must have required property 'name'"],
  ])('write_resource rejects %j', async (args, message) => {
    expect(await resultsOfCalls(['write_resource', args])).toMatchObject([toolError(message)]);
  });

  test.each<[JsonObject, string]>([
    [{}, 'give either the name or the id'],
    [{ name: 'a', id: 'b' }, 'give either the name or the id'],
    [{ id: 'b' }, 'this conversation has no file'],
    [{ name: 'a', offset: -1 }, 'offset must be >= 0'],
  ])('read_resource rejects %j', async (args, message) => {
    expect(await resultsOfCalls(['read_resource', args])).toMatchObject([toolError(message)]);
  });

  test.each<JsonObject>([
    { id: 'x' },
    { id: '' },
    { id: '01890000-0000-7000-8000-000000000000' },
    { name: '' },
    { name: 'nothing.md' },
  ])('read_resource finds no file for %j and lists the existing ones', async (args) => {
    const [, second] = await resultsOfCalls(
      ['write_resource', { name: 'report.md', content: 'x' }],
      ['read_resource', args],
    );
    expect(second).toMatchObject(toolError('this conversation has no file'));
    expect(JSON.stringify(second)).toContain('report.md');
  });

  test.each<[string, JsonObject]>([
    ['read_resource', { name: null, id: null }],
    ['read_resource', { name: 'report.md', offset: 1.5 }],
    ['read_resource', { name: 'report.md', offset: null }],
    ['read_resource', { name: 'report.md', offset: 100_000_000 }],
    ['read_resource', { name: 'report.md', offset: 1e-9 }],
    ['write_resource', { name: 'x.md', content: null }],
    ['write_resource', { name: 'x.md', content: 'x', type: '' }],
    ['write_resource', { name: 'x.md', content: 'x', type: 'text/' }],
    ['write_resource', { name: 'x.md', content: 'x', type: null }],
    ['write_resource', { name: ' ', content: 'x' }],
    ['write_resource', { name: 'a/../\u0007', content: 'x', type: 'text/plain; x=\u0007' }],
    ['search_messages', { query: ' \\ : & | ! <-> ( ) ' }],
    ['search_messages', { query: `it's \\' & | ! <1> :* a` }],
    ['search_messages', { query: 'x', limit: null }],
    ['search_messages', { query: 'x', limit: 1.5 }],
    ['now', { timezone: null }],
    ['now', { timezone: '+25:99' }],
    ['now', { timezone: 'x'.repeat(1000) }],
  ])('%s with %j returns a result or an error', async (name, args) => {
    const answers = await resultsOfCalls(
      ['write_resource', { name: 'report.md', content: 'x' }],
      [name, args],
    );
    expect(answers).toHaveLength(2);
  });

  test('that are not text, or exceed the maximum number, are rejected', async () => {
    const { pool } = database;
    const id = await insertRun(pool, await agentOf([]), 'x', { run_at: new Date('2100-01-01') });
    await pool.query(
      `insert into howdah.resources (name, type, bytes, execution_id)
       select 'n' || n, 'image/png', 'x', $1 from generate_series(1, 200) as n`,
      [id],
    );
    await expect(
      pool.query(`select howdah_private.call_read_resource($1, '{"name": "n7"}')`, [id]),
    ).rejects.toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining('image/png is not a text type'),
    });
    await expect(
      pool.query(`select howdah_private.call_write_resource($1, '{"name": "b", "content": ""}')`, [
        id,
      ]),
    ).rejects.toMatchObject({
      code: 'HWQTA',
      message: expect.stringContaining('files of a task (200)'),
    });
  });

  test.each(['tool.before:1', 'tool.after:1'])(
    'are written once by a worker that is killed at %s',
    { timeout: 60_000 },
    async (at) => {
      const { pool } = database;
      await worker?.stop(10_000);
      const loaded = await loadWorkerProcess(database.url);
      const agent = await agentOf([['write_resource', { name: 'once.txt', content: 'x' }]]);
      const doomed = await loaded.start(`${at}:kill`);
      const id = await insertRun(pool, agent);
      await doomed.ended;
      worker = await startTestWorker(database.url);
      await waitForEnd(pool, id);
      const { rows } = await pool.query(
        'select name from howdah.resources where execution_id = $1',
        [id],
      );
      expect(rows).toEqual([{ name: 'once.txt' }]);
    },
  );
});

test('search_messages finds earlier messages, and rejects a query without a word', async () => {
  const { pool } = database;
  const talker = await makeAgent(pool, {
    script: [{ content: 'Order A-1001 was shipped on Monday.' }],
  });
  const { rows } = await pool.query(
    'insert into howdah.sessions (agent_id) values ($1) returning id',
    [talker],
  );
  const session_id = rows[0].id;
  const before = await runToEnd(pool, talker, 'Where is my elephant?', { session_id });
  const agent = await agentOf([
    ['search_messages', { query: 'elephant a-1001' }],
    ['search_messages', { query: 'elephant', limit: 1 }],
    ['search_messages', { query: 'giraffe' }],
    ['search_messages', { query: '?!' }],
    ['search_messages', {}],
  ]);
  const run = await runToEnd(pool, agent, 'What of the elephant and the giraffe?', { session_id });
  expect(await readResults(run.id)).toEqual([
    {
      messages: [
        expect.objectContaining({ role: 'assistant', text: 'Order A-1001 was shipped on Monday.' }),
        {
          session_id,
          execution_id: before.id,
          seq: 1,
          role: 'user',
          at: expect.any(String),
          text: 'Where is my elephant?',
        },
      ],
    },
    { messages: [expect.objectContaining({ seq: 1 })] },
    { messages: [] },
    toolError('query contains no word', { hint: 'Use words that occur in the messages.' }),
    toolError("must have required property 'query'"),
  ]);
});

describe('search_messages', () => {
  test("finds the user's other conversations, but none of other users or of restricted agents", async () => {
    const { pool } = database;
    const { rows: users } = await pool.query(
      `insert into howdah.users (username, role) values ('mara', 'member'), ('otto', 'member') returning id`,
    );
    const [mara, otto] = users.map(({ id }) => id);
    const agent = await agentOf([['search_messages', { query: 'password' }]]);
    const secret = await makeAgent(pool, { script: [{ content: 'hm' }] });
    const runInSession = async (user: string | null, agent_id: string, input: string) => {
      const { rows } = await pool.query(
        'insert into howdah.sessions (agent_id, user_id) values ($1, $2) returning id',
        [agent_id, user],
      );
      const run = await pool.query(
        `insert into howdah.executions (agent_id, user_id, session_id, input) values ($1, $2, $3, $4) returning id`,
        [agent_id, user, rows[0].id, input],
      );
      return waitForEnd(pool, run.rows[0].id);
    };
    await runInSession(mara, agent, 'password of mara');
    await runInSession(otto, agent, 'password of otto');
    await runInSession(mara, secret, 'password of the secret agent');
    await runInSession(null, agent, 'password of nobody');
    const findMessages = async (user: string | null) => {
      const [result] = await readResults((await runInSession(user, agent, 'which password?')).id);
      return ((result as JsonObject).messages as JsonObject[]).map(({ text }) => text);
    };
    expect(await findMessages(mara)).toEqual(['password of the secret agent', 'password of mara']);
    await pool.query('update howdah.agents set is_restricted = true where id = $1', [secret]);
    expect(await findMessages(mara)).toEqual(['which password?', 'password of mara']);
    expect(await findMessages(otto)).toEqual(['password of otto']);
    expect(await findMessages(null)).toEqual([]);
  });

  test('reads a bounded number of pages, however much data exists', async () => {
    const { pool } = database;
    const { rows: users } = await pool.query(
      `insert into howdah.users (username, role) values ('talkative', 'member') returning id`,
    );
    const user = users[0].id;
    const agent = await agentOf([]);
    const id = await insertRun(pool, agent, 'x', { run_at: new Date('2100-01-01') });
    await pool.query('update howdah.executions set user_id = $2 where id = $1', [id, user]);
    await pool.query(
      'insert into howdah.sessions (user_id, agent_id) select $1, $2 from generate_series(1, 1000)',
      [user, agent],
    );
    await rolledBack(pool, async (client) => {
      await client.query(
        `insert into howdah.executions (agent_id, session_id, user_id, input, run_at)
         select $2, s.id, $1, 'x', '2100-01-01'
         from howdah.sessions as s cross join generate_series(1, 3) where s.user_id = $1`,
        [user, agent],
      );
      await client.query(
        `insert into howdah_private.message_log (execution_id, seq, tenant_id, session_id, role, content, trust)
         select e.id, n, e.tenant_id, e.session_id, 'user', 'an elephant with a trunk ' || repeat(md5(n::text) || ' ', 50), 'user'
         from howdah.executions as e cross join generate_series(1, 10) as n where e.user_id = $1 and e.id <> $2`,
        [user, id],
      );
      await client.query('analyze howdah.sessions, howdah.executions, howdah_private.message_log');
      const search = `select howdah_private.call_search_messages($1, '{"query": "elephant"}') as found`;
      expect((await client.query(search, [id])).rows[0].found.messages).toHaveLength(10);
      expect(await pagesRead(client, search, [id])).toBeLessThan(5_000);
    });
  });
});
