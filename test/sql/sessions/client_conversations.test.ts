import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { makeQuestion } from '../open-questions.ts';
import {
  asRole,
  claim,
  committed,
  finish,
  isBlocked,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeWorker,
  one,
  openSession,
  refusal,
  takeRole,
} from '../support.ts';

const db = testDatabase();
let agent: string;
let worker: string;
beforeAll(async () => {
  agent = await makeAgent(db.pool);
  worker = await makeWorker(db.pool);
  await db.pool.query(
    `insert into howdah.agent_tools (agent_id, tool_id)
     select $1, t.id from howdah.tools as t where t.name = 'calculator' and t.tenant_id = howdah.current_tenant()`,
    [agent],
  );
});

const SAID = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Which colours?' },
  {
    role: 'assistant',
    content: null,
    tool_calls: [{ id: 'x', name: 'colours', arguments: '{}' }],
  },
  { role: 'tool', tool_call_id: 'x', content: 'red' },
  { role: 'assistant', content: 'Red.' },
];
const begin = (columns: { history?: unknown; client_tools?: unknown; [name: string]: unknown }) => {
  const { history, client_tools, ...rest } = columns;
  return makeRun(db.pool, {
    agent_id: agent,
    ...rest,
    ...(history !== undefined && { history: JSON.stringify(history) }),
    ...(client_tools !== undefined && { client_tools: JSON.stringify(client_tools) }),
  });
};
const messagesOf = async (id: string) => {
  const [run] = await claim(db.pool, worker, [id]);
  return (run as unknown as { history: { role: string; content: string }[] }).history.map(
    ({ role, content }) => `${role}: ${content}`,
  );
};

describe('client-supplied history', () => {
  test('precedes the input in the conversation and is not in the log', async () => {
    const id = await begin({ history: SAID });
    expect(await messagesOf(id)).toEqual([
      'system: Be brief.',
      'user: Which colours?',
      'assistant: null',
      'tool: red',
      'assistant: Red.',
    ]);
    const { count, trust } = await one(
      db.pool,
      `select (select count(*)::int from howdah.messages as m where m.execution_id = e.id) as count, e.trust
       from howdah.executions as e where e.id = $1`,
      [id],
    );
    expect({ count, trust }).toEqual({ count: 1, trust: 'external' });
  });

  test('lowers trust no further than its messages require', async () => {
    const trustOf = async (history: object[]) => {
      const id = await begin({ history });
      await claim(db.pool, worker, [id]);
      return (await one(db.pool, 'select trust from howdah.executions where id = $1', [id])).trust;
    };
    const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };
    expect(await trustOf([{ role: 'user', content: 'a' }])).toBe('user');
    expect(await trustOf([{ role: 'assistant', content: 'a' }])).toBe('internal');
    expect(await trustOf([{ role: 'user', content: 'a', parts: [image] }])).toBe('external');
  });

  test('from an earlier run is trusted no more than that run, whatever its roles', async () => {
    const branch = async (previous: string) => {
      const { id } = await one(
        db.pool,
        `select howdah_private.begin_conversation((select name from howdah.agents where id = $1), 'And?', null, null, null,
           '{}', $2, true, false, null) as id`,
        [agent, previous],
      );
      await claim(db.pool, worker, [id]);
      return one(db.pool, 'select trust, turn from howdah.executions where id = $1', [id]);
    };
    const session_id = await makeSession(db.pool, { agent_id: agent });
    const turn = async (input_trust: string) => {
      const id = await begin({ session_id, input_trust });
      await finish(db.pool, worker, id);
      return id;
    };
    const first = await turn('user');
    const second = await turn('external');
    await turn('user');
    expect(await branch(first)).toEqual({ trust: 'internal', turn: 1 });
    expect(await branch(second)).toEqual({ trust: 'external', turn: 1 });
    const alone = await begin({ input_trust: 'external' });
    await finish(db.pool, worker, alone);
    expect(await branch(alone)).toEqual({ trust: 'external', turn: 1 });
  });

  test('is carried into later turns of its session, except for system messages', async () => {
    const session_id = await makeSession(db.pool);
    await finish(db.pool, worker, await begin({ session_id, history: SAID, input: 'And?' }));
    const [first, ...rest] = await messagesOf(await begin({ session_id }));
    expect(first).toBe('user: Which colours?');
    expect(rest.slice(0, 4)).toEqual([
      'assistant: null',
      'tool: red',
      'assistant: Red.',
      'user: And?',
    ]);
  });

  test('is copied to a fork and erased with its run', async () => {
    const id = await begin({ history: SAID, client_tools: [{ name: 'weather' }] });
    const fork = await one(db.pool, 'select * from howdah.fork_execution($1, 0)', [id]);
    expect(fork).toMatchObject({ history: SAID, client_tools: [{ name: 'weather' }] });
    await db.pool.query('select howdah_private.erase_log($1, false)', [[id]]);
    expect(
      await one(db.pool, 'select history, client_tools from howdah.executions where id = $1', [id]),
    ).toEqual({ history: null, client_tools: null });
  });

  test.each([
    [{}, 'history must be a list'],
    [['a'], 'history[0] must be an object'],
    [[{ role: 'robot', content: 'a' }], 'history[0].role must be'],
    [[{ role: 'user', content: 1 }], 'history[0].content must be a string'],
    [[{ role: 'user' }], 'history[0] must have content, parts or tool_calls'],
    [[{ role: 'user', content: 'a', seq: 1 }], 'history[0] may have'],
    [[{ role: 'user', content: 'a', trust: 'user' }], 'history[0] may have'],
    [[{ role: 'tool', content: 'a' }], 'history[0].tool_call_id'],
    [[{ role: 'user', content: 'a', tool_call_id: 'x' }], 'history[0].tool_call_id'],
    [[{ role: 'user', content: 'a', tool_calls: [] }], 'history[0].tool_calls'],
    [[{ role: 'assistant', tool_calls: [{ id: 'x' }] }], 'history[0].tool_calls[0]'],
    [[{ role: 'user', content: 'a', parts: {} }], 'history[0].parts must be a list'],
    [[{ role: 'user', parts: [{ type: 'text' }] }], 'history[0].parts[0].text'],
    [[{ role: 'user', parts: [{ type: 'resource', resource_id: 'a' }] }], 'history[0].parts[0]'],
    [[{ role: 'user', content: 'x'.repeat(8_400_000) }], 'history must be a list of at most'],
  ])('%j is rejected: %s', async (history, message) => {
    expect(await refusal(begin({ history }))).toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining(message),
    });
  });

  test('cannot change after the run has ended', async () => {
    const id = await begin({ history: SAID });
    await finish(db.pool, worker, id);
    const change = db.pool.query(`update howdah.executions set history = '[]' where id = $1`, [id]);
    expect(await refusal(change)).toMatchObject({ code: expect.stringMatching(/^HW/) });
  });
});

describe('client tools', () => {
  test.each([
    [{}, 'client_tools must be a list'],
    [['a'], 'client_tools[0] must be an object'],
    [[{ name: 'a b' }], 'client_tools[0].name must have'],
    [[{ name: 'a', kind: 'sql' }], 'client_tools[0] may have'],
    [[{ name: 'a', parameters: [] }], 'client_tools[0].parameters'],
    [[{ name: 'a' }, { name: 'a' }], 'client_tools[1].name: two tools have this name'],
    [[{ name: 'calculator' }], 'client_tools[0].name: the agent already has a tool'],
  ])('%j are rejected: %s', async (client_tools, message) => {
    expect(await refusal(begin({ client_tools }))).toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining(message),
    });
  });

  test('are rejected for workflows', async () => {
    const inserted = db.pool.query(
      `with w as (insert into howdah.workflows (name, type) values ('team', 'chain') returning id),
       m as (insert into howdah.workflow_agents (workflow_id, agent_id) select w.id, $1 from w)
       select w.id from w`,
      [agent],
    );
    const { rows } = await inserted;
    const run = db.pool.query(
      `insert into howdah.executions (workflow_id, input, client_tools) values ($1, 'a', '[{"name": "a"}]')`,
      [rows[0].id],
    );
    expect(await refusal(run)).toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining('run of a workflow'),
    });
  });

  test('are visible to followers of their own tenant only', async () => {
    const id = await begin({ client_tools: [{ name: 'weather' }] });
    const other = await makeTenant(db.pool);
    const settings = { 'howdah.tenant_id': other, 'howdah.role': 'owner' };
    await asRole(db.pool, 'howdah_app', settings, async (client) => {
      await client.query('select howdah_private.register_follower($1)', [id]);
      const { conversation } = await one(
        client,
        'select howdah_private.conversation_since($1, 0) as conversation',
        [id],
      );
      expect(conversation).toBeNull();
      await client.query('reset role');
      const watched = await one(
        client,
        'select count(*)::int as count from howdah_private.watchers where execution_id = $1',
        [id],
      );
      expect(watched).toEqual({ count: 0 });
    });
  });
});

describe('results of client calls', () => {
  const results = (id: string, output: string) => JSON.stringify([{ question_id: id, output }]);
  const store = 'select * from howdah_private.answer_client_calls($1)';

  test('sent again during their first write count once and return the same run', async () => {
    const run = { agent_id: agent, client_tools: JSON.stringify([{ name: 'refund' }]) };
    const { id, execution } = await makeQuestion(db.pool, { run });
    const [first, second] = await Promise.all([openSession(db.url), openSession(db.url)]);
    try {
      await first.query('begin');
      const stored = await one(first, store, [results(id, 'done')]);
      const again = one(second, store, [results(id, 'done')]);
      await isBlocked(db.pool, second);
      await first.query('commit');
      expect(await again).toEqual(stored);
      expect(stored).toMatchObject({ execution_id: execution });
      expect(await one(db.pool, store, [results(id, 'done')])).toEqual(stored);
    } finally {
      await Promise.all([first.end(), second.end()]);
    }
  });

  test('of a call that can no longer be answered are rejected', async () => {
    const run = { agent_id: agent, client_tools: JSON.stringify([{ name: 'refund' }]) };
    const { id, execution } = await makeQuestion(db.pool, { run });
    await db.pool.query('select howdah.cancel_execution($1)', [execution]);
    expect(await refusal(one(db.pool, store, [results(id, 'done')]))).toMatchObject({
      code: 'HWCNF',
    });
  });

  test('are rejected when empty', async () => {
    expect(await refusal(one(db.pool, store, ['[]']))).toMatchObject({
      code: 'HWINV',
      message: 'no tool result was sent',
    });
  });
});

test('of two conversations that continue one run at once, the second one branches', async () => {
  const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [agent]);
  const settings = { 'howdah.role': 'owner' };
  const earlier = await committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', settings);
    return one(
      client,
      'select howdah_private.begin_conversation($1, $2, null, null, null, $3, null, true, false, null) as id',
      [name, 'One.', '{}'],
    );
  });
  await finish(db.pool, worker, earlier.id);
  const [first, second] = await Promise.all([openSession(db.url), openSession(db.url)]);
  const beginConversation = (client: pg.Client, input: string) =>
    one(
      client,
      `select howdah_private.begin_conversation($1, $2, null, null, null, '{}', $3, true, false, null) as id`,
      [name, input, earlier.id],
    );
  const rowOf = ({ id }: { id?: string }) =>
    one(db.pool, 'select session_id, turn, history from howdah.executions where id = $1', [id]);
  try {
    for (const client of [first, second]) {
      await client.query('begin');
      await takeRole(client, 'howdah_app', settings);
    }
    const next = await beginConversation(first, 'Two.');
    const branch = beginConversation(second, 'Other.');
    await isBlocked(db.pool, second);
    await first.query('commit');
    await branch;
    await second.query('commit');
    const { session_id } = await rowOf(earlier);
    expect(await rowOf(next)).toEqual({ session_id, turn: 2, history: null });
    const other = await rowOf(await branch);
    expect(other.session_id).not.toBe(session_id);
    expect(other).toMatchObject({
      turn: 1,
      history: [
        { role: 'user', content: 'One.' },
        { role: 'assistant', content: 'It is on its way.' },
      ],
    });
  } finally {
    await Promise.all([first.end(), second.end()]);
  }
});
