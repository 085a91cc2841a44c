import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeHandler, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { killWorkerProcesses, loadWorkerProcess } from '../../workers/worker-process.ts';
import {
  type AgentSpec,
  callTools,
  childrenOf,
  executionOf,
  insertRun,
  kindsOf,
  makeAgent,
  makeAgentTool,
  messagesOf,
  resultsOf,
  runToEnd,
  stepsOf,
  waitForEnd,
  waitForStatus,
} from '../arrange.ts';
import { addHooks, createHookShop, eventNamesOf } from '../hooks/hook-shop.ts';
import { expectEqualReplay } from '../replay/replay-runs.ts';

// Messages between agents are sent and received exactly as often as their logs show.

const MAIL = ['send_message', 'receive'];

const database = testDatabase();
let worker: Worker | undefined;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker?.stop(0);
  killWorkerProcesses();
});

const unique = (word: string) => `${word}_${randomBytes(4).toString('hex')}`;

/** Makes an agent under a name that scripts can use. */
async function makeNamedAgent(name: string, spec: AgentSpec): Promise<string> {
  const id = await makeAgent(database.pool, spec);
  await database.pool.query('update howdah.agents set name = $2 where id = $1', [id, name]);
  return id;
}

const send = (to: string, message: string, more: JsonObject = {}) =>
  callTools({ name: 'send_message', arguments: { to, message, ...more } });
const receive = (wait_seconds?: number) =>
  callTools({ name: 'receive', arguments: wait_seconds === undefined ? {} : { wait_seconds } });

/** Sends a message as a person. */
async function write(agent: string, content: string, execution: string | null = null) {
  const { rows } = await database.pool.query(
    'insert into howdah.mail (to_agent_id, to_execution_id, content) values ($1, $2, $3) returning *',
    [agent, execution, content],
  );
  return rows[0];
}

/** Returns the results of the receive calls, as received by the model. */
async function receivedMail(id: string): Promise<{ mail: JsonObject[] }[]> {
  return (await resultsOf(database.pool, id))
    .filter((text) => text.startsWith('{"mail"'))
    .map((text) => JSON.parse(text));
}

const mailOf = async (agent: string) =>
  (
    await database.pool.query(
      'select * from howdah.mail where $1 in (to_agent_id, from_agent_id) order by id',
      [agent],
    )
  ).rows;

/** Waits until the run is parked until a time, without an owner. */
async function waitUntilParked(id: string) {
  const run = await waitForStatus(database.pool, id, 'waiting');
  expect(run).toMatchObject({ waiting_for: 'timer', owner_worker: null });
  expect(run.wake_at).not.toBeNull();
}

/** Ends the waiting time of a receive call. */
async function endWait(id: string) {
  await database.pool.query(
    `with over as (
       update howdah_private.receivers set ends_at = clock_timestamp() where execution_id = $1 returning execution_id as id
     ),
     due as (
       update howdah.executions as e set wake_at = clock_timestamp() from over where e.id = over.id returning e.id::uuid
     )
     select howdah_private.enqueue_advance(array_agg(due.id)) from due`,
    [id],
  );
}

describe('receive', () => {
  test('parks the run until a message arrives, and returns it with its sender', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      script: [receive(600), { content: 'read' }],
      tools: MAIL,
    });
    const id = await insertRun(pool, agent);
    await waitUntilParked(id);
    // the worker releases the run after it has received the result of the commit
    await expect.poll(() => worker?.inFlight).toBe(0);
    const sent = await write(agent, 'The pump is here.');
    const run = await waitForEnd(pool, id);
    expect(run).toMatchObject({ status: 'completed', output: 'read' });
    const [{ mail } = { mail: [] }] = await receivedMail(id);
    expect(mail).toMatchObject([
      { id: sent.id, thread: sent.id, content: 'The pump is here.', trust: 'user' },
    ]);
    expect(await kindsOf(pool, id)).toBe('model tool model output');
    const [row] = await mailOf(agent);
    expect(row).toMatchObject({
      received_by_execution_id: id,
      received_call_id: 'call_1_1',
      trust: 'user',
      from_execution_id: null,
    });
    expect(row.received_at).not.toBeNull();
    const toolMessages = (await messagesOf(pool, id)).filter(({ role }) => role === 'tool');
    expect(toolMessages).toMatchObject([{ trust: 'user' }]);
    await expectEqualReplay(pool, id);
  });

  test('receives a message sent with other changes in one transaction once that has committed', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      script: [receive(600), { content: 'read' }],
      tools: MAIL,
    });
    const [id, paused] = [await insertRun(pool, agent), await insertRun(pool, agent)];
    await waitUntilParked(id);
    await waitUntilParked(paused);
    const client = await pool.connect();
    await client.query('begin');
    await client.query('select howdah.pause_execution($1)', [paused]);
    await client.query(`insert into howdah.mail (to_agent_id, content) values ($1, 'x')`, [agent]);
    await client.query('commit');
    client.release();
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', output: 'read' });
    expect(await executionOf(pool, paused)).toMatchObject({ status: 'paused' });
    await pool.query('select howdah.cancel_execution($1)', [paused]);
  });

  test('returns nothing after the timeout, and reports until when it waited', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      script: [receive(600), { content: 'nobody' }],
      tools: MAIL,
    });
    const id = await insertRun(pool, agent);
    await waitUntilParked(id);
    await endWait(id);
    await waitForEnd(pool, id);
    expect(await receivedMail(id)).toMatchObject([{ mail: [], waited_until: expect.any(String) }]);
    const { rows } = await pool.query(
      'select from howdah_private.receivers where execution_id = $1',
      [id],
    );
    expect(rows).toEqual([]);
    await expectEqualReplay(pool, id);
  });

  test('returns at once without wait_seconds; each message is received once, by the next run', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      script: [receive(), receive(), { content: 'x' }],
      tools: MAIL,
    });
    await write(agent, 'one');
    await write(agent, 'two');
    const first = await runToEnd(pool, agent);
    const [all, none] = await receivedMail(first.id);
    expect(all?.mail.map(({ content }) => content)).toEqual(['one', 'two']);
    expect(none).toEqual({ mail: [] });
    const second = await runToEnd(pool, agent);
    expect(await receivedMail(second.id)).toEqual([{ mail: [] }, { mail: [] }]);
  });

  test('delivers a message addressed to a run to that run only', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      script: [receive(600), { content: 'x' }],
      tools: MAIL,
    });
    const [one, other] = [await insertRun(pool, agent), await insertRun(pool, agent)];
    await waitUntilParked(one);
    await waitUntilParked(other);
    await write(agent, 'for the other', other);
    await waitForEnd(pool, other);
    expect(await receivedMail(other)).toMatchObject([{ mail: [{ content: 'for the other' }] }]);
    expect(await executionOf(pool, one)).toMatchObject({ status: 'waiting', waiting_for: 'timer' });
    await endWait(one);
    await waitForEnd(pool, one);
    expect(await receivedMail(one)).toMatchObject([{ mail: [] }]);
  });

  test('returns as many messages as fit into a result, and the rest in the next call', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      script: [receive(), receive(), receive(), { content: 'x' }],
      tools: MAIL,
    });
    for (const letter of ['a', 'b', 'c']) {
      await write(agent, letter.repeat(20_000));
    }
    const { id } = await runToEnd(pool, agent);
    expect((await receivedMail(id)).map(({ mail }) => mail.length)).toEqual([2, 1, 0]);
  });

  test('beside a question to a person receives both message and answer', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      script: [
        callTools(
          { name: 'ask_user', arguments: { question: 'Which?' } },
          { name: 'receive', arguments: { wait_seconds: 600 } },
        ),
        { content: 'both' },
      ],
      tools: [...MAIL, 'ask_user'],
    });
    const id = await insertRun(pool, agent);
    await waitUntilParked(id);
    await pool.query(
      `select howdah.answer_question(id, 'this') from howdah.questions where execution_id = $1`,
      [id],
    );
    await eventually(
      pool,
      'the answer is in the log',
      `select from howdah.steps as s join howdah.executions as e on e.id = s.execution_id
       where e.id = $1 and s.kind = 'tool' and s.name = 'ask_user' and e.waiting_for = 'timer'`,
      [id],
    );
    await write(agent, 'that');
    expect((await waitForEnd(pool, id)).output).toBe('both');
    expect(await resultsOf(pool, id)).toMatchObject(['this', expect.stringContaining('that')]);
  });
});

describe('a tree', () => {
  test('sends within itself: the parent waits, its sub-agent sends', async () => {
    const { pool } = database;
    const boss = unique('boss');
    const helper = await makeNamedAgent(unique('helper'), {
      script: [send(boss, 'half done'), { content: 'all done' }],
      tools: MAIL,
    });
    const ask = await makeAgentTool(pool, helper);
    const agent = await makeNamedAgent(boss, {
      script: [
        callTools(
          { name: ask, arguments: { message: 'Begin.' } },
          { name: 'receive', arguments: { wait_seconds: 600 } },
        ),
        { content: 'heard' },
      ],
      tools: [...MAIL, ask],
    });
    const id = await insertRun(pool, agent);
    expect((await waitForEnd(pool, id)).output).toBe('heard');
    const [child] = await childrenOf(pool, id);
    const [{ mail } = { mail: [] }] = await receivedMail(id);
    expect(mail).toMatchObject([
      { content: 'half done', trust: 'internal', from_run: child?.id, from: expect.any(String) },
    ]);
    expect(await mailOf(agent)).toMatchObject([
      { is_within_tree: true, root_execution_id: id, received_by_execution_id: id },
    ]);
    const matching = (await messagesOf(pool, id)).filter(({ content }) =>
      content?.includes('half'),
    );
    expect(matching).toMatchObject([{ role: 'tool', trust: 'internal' }]);
    await expectEqualReplay(pool, id);
  });

  test('keeps messages for its own run of an agent from other runs of that agent', async () => {
    const { pool } = database;
    const reader = unique('reader');
    const agent = await makeNamedAgent(reader, {
      script: [receive(600), { content: 'x' }],
      tools: MAIL,
    });
    const outside = await insertRun(pool, agent);
    await waitUntilParked(outside);
    const ask = await makeAgentTool(pool, agent);
    const boss = await makeAgent(pool, {
      script: [
        callTools(
          { name: ask, arguments: { message: 'Wait.' } },
          { name: 'receive', arguments: { wait_seconds: 600 } },
        ),
        { content: 'over' },
      ],
      tools: [...MAIL, ask],
    });
    const id = await insertRun(pool, boss);
    await waitUntilParked(id);
    const [inside] = await childrenOf(pool, id);
    await waitUntilParked(inside?.id ?? '');
    // as if the boss had called send_message in parallel with its other calls
    const { rows } = await pool.query(
      `select howdah_private.call_send_message($1, jsonb_build_object('to', $2::text, 'message', 'inside'), '{}') as sent`,
      [id, reader],
    );
    expect(rows[0].sent).toMatchObject({ to: reader });
    await waitForEnd(pool, inside?.id ?? '');
    expect(await receivedMail(inside?.id ?? '')).toMatchObject([{ mail: [{ content: 'inside' }] }]);
    expect(await executionOf(pool, outside)).toMatchObject({ status: 'waiting' });
    await pool.query('select howdah.cancel_execution(id) from unnest($1::uuid[]) as id', [
      [outside, id],
    ]);
  });
});

test('delivers every message when all members send to each other at once', async () => {
  const { pool } = database;
  const names = Array.from({ length: 6 }, () => unique('member'));
  const asks: string[] = [];
  for (const name of names) {
    const others = names.filter((one) => one !== name);
    const script = [
      callTools(
        ...others.map((to) => ({ name: 'send_message', arguments: { to, message: 'hello' } })),
      ),
      ...others.map(() => receive(600)),
      { content: 'heard' },
    ];
    asks.push(await makeAgentTool(pool, await makeNamedAgent(name, { script, tools: MAIL })));
  }
  const boss = await makeAgent(pool, {
    script: [
      callTools(...asks.map((name) => ({ name, arguments: { message: 'Greet.' } }))),
      { content: 'all' },
    ],
    tools: asks,
  });
  const id = await insertRun(pool, boss);
  const all = await eventually<{ n: number }>(
    pool,
    'all messages are received',
    'select count(*)::int as n from howdah.mail where root_execution_id = $1 having bool_and(received_at is not null) and count(*) = 30',
    [id],
  );
  expect(all.n).toBe(30);
  for (const child of await childrenOf(pool, id)) {
    // one call may return several messages, so the last calls may receive none
    await eventually(
      pool,
      'the member has heard',
      `select from howdah.executions where id = $1 and (completed_at is not null or waiting_for = 'timer')`,
      [child.id],
    );
  }
  await pool.query(
    'select howdah.cancel_execution($1) where exists (select from howdah.executions where id = $1 and completed_at is null)',
    [id],
  );
});

describe('a rejection tells the model what to do', () => {
  const refusals = async (id: string) =>
    (await stepsOf(database.pool, id)).flatMap(({ kind, error }) =>
      kind === 'tool' && error ? [error] : [],
    );

  test('for an unknown agent, itself, a finished run, a person and an unknown thread', async () => {
    const { pool } = database;
    const [me, desk] = [unique('me'), unique('front_desk')];
    const over = await runToEnd(pool, await makeNamedAgent(desk, { script: [{ content: 'x' }] }));
    const agent = await makeNamedAgent(me, {
      script: [
        send(desk.replace('front', 'frnt'), 'x'),
        send(me, 'x'),
        send(over.id, 'x'),
        send('', 'x'),
        send(desk, 'x', { thread: over.id }),
        send(desk, 'x', { reply_to: over.id }),
        send(desk, 'x'.repeat(40_000)),
        { content: 'done' },
      ],
      tools: MAIL,
    });
    const run = await runToEnd(pool, agent);
    expect(run.output).toBe('done');
    expect(await refusals(run.id)).toMatchObject([
      {
        message: expect.stringContaining('there is no agent'),
        cause: { hint: `Did you mean ${desk}?` },
      },
      { message: 'a run cannot send a message to itself' },
      { message: `the run ${over.id} has already ended: completed` },
      { message: 'to is missing' },
      { message: `there is no thread ${over.id} in which you take part` },
      { message: `there is no message ${over.id} in your mailbox` },
      { message: expect.stringContaining('content has 40000 bytes, at most 32768') },
    ]);
    expect(await mailOf(agent)).toEqual([]);
  });

  test('for a reply to a person, who has no mailbox', async () => {
    const { pool } = database;
    const server = await startOpenAiServer(({ body }) => {
      const messages = body.messages as { role: string; content: string }[];
      const results = messages.filter(({ role }) => role === 'tool');
      const id = results[0] && JSON.parse(results[0].content).mail[0].id;
      const turns = [
        { tool_calls: [{ name: 'receive', arguments: {} }] },
        { tool_calls: [{ name: 'send_message', arguments: { message: 'Thanks', reply_to: id } }] },
      ];
      return turns[results.length] ?? { content: 'done' };
    });
    const models = [{ provider: 'openai', base_url: server.url }];
    const agent = await makeAgent(pool, { models, tools: MAIL });
    await write(agent, 'Hello');
    const { id } = await runToEnd(pool, agent);
    await server.close();
    expect(await refusals(id)).toMatchObject([
      {
        message: expect.stringContaining('written by a person'),
        cause: { hint: 'Put the reply in your answer.' },
      },
    ]);
  });

  test('the guard ends two agents that only answer each other', async () => {
    const { pool } = database;
    const [ping, pong] = [unique('ping'), unique('pong')];
    const play: FakeHandler = ({ body }) => {
      const messages = body.messages as { role: string; content: string }[];
      const other = messages[0]?.content === ping ? pong : ping;
      const last = messages.at(-1);
      const said = last?.role === 'tool' ? last.content : '';
      if (said.includes('maximum number of messages')) return { content: 'stopped' };
      if (said.startsWith('{"mail":[]')) return { content: 'nothing more came' };
      const mail = said.startsWith('{"mail"') ? JSON.parse(said).mail[0] : undefined;
      if (mail || (last?.role === 'user' && other === pong)) {
        const reply = mail ? { reply_to: mail.id } : { to: pong };
        const message = `and you? ${messages.length}`;
        return { tool_calls: [{ name: 'send_message', arguments: { message, ...reply } }] };
      }
      return { tool_calls: [{ name: 'receive', arguments: { wait_seconds: 600 } }] };
    };
    const server = await startOpenAiServer(play);
    const models = [{ provider: 'openai', base_url: server.url }];
    const agents = [ping, pong].map((name) =>
      makeNamedAgent(name, { models, tools: MAIL, instruction: name }),
    );
    const [first, second] = (await Promise.all(agents)) as [string, string];
    await pool.query(
      `update howdah.agent_tools as g set configuration = '{"max_per_thread": 6}' from howdah.tools as t
       where t.id = g.tool_id and t.name = 'send_message' and g.agent_id = any ($1)`,
      [[first, second]],
    );
    const answering = await insertRun(pool, second);
    await waitUntilParked(answering);
    const opening = await insertRun(pool, first);
    const run = await waitForEnd(pool, opening);
    expect(run).toMatchObject({ status: 'completed', output: 'stopped' });
    expect(await mailOf(first)).toHaveLength(6);
    expect(new Set((await mailOf(first)).map(({ thread_id }) => thread_id)).size).toBe(1);
    const log = await stepsOf(pool, opening);
    expect(log.filter(({ kind }) => kind === 'guard')).toMatchObject([
      {
        name: 'send_message_limit',
        output: { message: expect.stringContaining('agents in a thread (6) reached') },
      },
    ]);
    expect(log.find(({ error }) => error)?.error).toMatchObject({
      code: 'limit_reached',
      retryable: false,
    });
    await waitUntilParked(answering);
    await endWait(answering);
    expect((await waitForEnd(pool, answering)).output).toBe('nothing more came');
    await expectEqualReplay(pool, opening);
    await server.close();
  });

  test('the guard also stops an agent that keeps starting new threads', async () => {
    const { pool } = database;
    const desk = unique('desk');
    await makeNamedAgent(desk, {});
    const agent = await makeAgent(pool, {
      script: [send(desk, 'a'), send(desk, 'b'), send(desk, 'c'), { content: 'done' }],
      tools: MAIL,
    });
    await pool.query(
      `update howdah.agent_tools as g set configuration = '{"max_per_tree": 2}' from howdah.tools as t
       where t.id = g.tool_id and t.name = 'send_message' and g.agent_id = $1`,
      [agent],
    );
    const { id } = await runToEnd(pool, agent);
    expect(await mailOf(agent)).toHaveLength(2);
    expect(await kindsOf(pool, id)).toBe('model tool model tool model tool guard model output');
  });

  test('polling without waiting counts as a loop', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { script: Array(12).fill(receive()), tools: MAIL });
    expect(await runToEnd(pool, agent)).toMatchObject({
      status: 'failed',
      stop_reason: 'loop_guard',
    });
  });
});

describe('a run that waits for messages', () => {
  const startWaitingRun = async () => {
    const agent = await makeAgent(database.pool, {
      script: [receive(600), { content: 'read' }],
      tools: MAIL,
    });
    const id = await insertRun(database.pool, agent);
    await waitUntilParked(id);
    return { agent, id };
  };
  const control = (verb: string, id: string) =>
    database.pool.query(`select howdah.${verb}_execution($1)`, [id]);

  test('keeps messages while paused, until it is resumed', async () => {
    const { agent, id } = await startWaitingRun();
    await control('pause', id);
    await write(agent, 'meanwhile');
    expect(await executionOf(database.pool, id)).toMatchObject({ status: 'paused' });
    expect(await mailOf(agent)).toMatchObject([{ received_at: null }]);
    await control('resume', id);
    expect((await waitForEnd(database.pool, id)).output).toBe('read');
    expect(await receivedMail(id)).toMatchObject([{ mail: [{ content: 'meanwhile' }] }]);
  });

  test('waits again when resumed without a message', async () => {
    const { agent, id } = await startWaitingRun();
    await control('pause', id);
    await control('resume', id);
    await waitUntilParked(id);
    await write(agent, 'late');
    expect((await waitForEnd(database.pool, id)).output).toBe('read');
  });

  test('receives nothing when cancelled, and the message waits for the next run', async () => {
    const { agent, id } = await startWaitingRun();
    await control('cancel', id);
    await write(agent, 'too late');
    expect(await executionOf(database.pool, id)).toMatchObject({ status: 'cancelled' });
    expect(await mailOf(agent)).toMatchObject([{ received_at: null }]);
    await control('retry', id);
    expect((await waitForEnd(database.pool, id)).output).toBe('read');
    expect(await receivedMail(id)).toMatchObject([{ mail: [{ content: 'too late' }] }]);
  });

  test('waits the full time again when retried', async () => {
    const { agent, id } = await startWaitingRun();
    await control('cancel', id);
    await database.pool.query(
      `update howdah_private.receivers set ends_at = now() - interval '1 minute' where execution_id = $1`,
      [id],
    );
    await control('retry', id);
    await waitUntilParked(id);
    await write(agent, 'now');
    expect((await waitForEnd(database.pool, id)).output).toBe('read');
  });

  test('waits separately when forked; messages that the original received are in the copied log', async () => {
    const { pool } = database;
    const { agent, id } = await startWaitingRun();
    await write(agent, 'once');
    await waitForEnd(pool, id);
    const { rows } = await pool.query('select id from howdah.fork_execution($1, 2)', [id]);
    await waitForEnd(pool, rows[0].id);
    expect(await receivedMail(rows[0].id)).toMatchObject([{ mail: [{ content: 'once' }] }]);
    const early = await pool.query('select id from howdah.fork_execution($1, 1)', [id]);
    await waitUntilParked(early.rows[0].id);
    await control('cancel', early.rows[0].id);
  });

  test('checks its messages after input from a person and continues to wait', async () => {
    const { agent, id } = await startWaitingRun();
    await database.pool.query(`select howdah.add_input($1, 'Hurry.')`, [id]);
    await eventually(
      database.pool,
      'the input is in the log',
      `select from howdah.steps as s join howdah.executions as e on e.id = s.execution_id
       where e.id = $1 and s.kind = 'input' and e.waiting_for = 'timer'`,
      [id],
    );
    await write(agent, 'here');
    expect((await waitForEnd(database.pool, id)).output).toBe('read');
  });
});

test('many senders to many waiting runs: no message is lost or received twice', async () => {
  const { pool } = database;
  const reader = unique('reader');
  const agent = await makeNamedAgent(reader, {
    script: [receive(600), receive(600), receive(600), { content: 'x' }],
    tools: MAIL,
  });
  const readers = await Promise.all(Array.from({ length: 8 }, () => insertRun(pool, agent)));
  const sender = await makeAgent(pool, {
    script: [send(reader, 'one'), send(reader, 'two'), { content: 'sent' }],
    tools: MAIL,
  });
  const senders = await Promise.all(Array.from({ length: 20 }, () => insertRun(pool, sender)));
  await Promise.all(senders.map((id) => waitForEnd(pool, id)));
  await eventually(
    pool,
    'all is received',
    `select from howdah.mail where to_agent_id = $1 having count(*) = 40 and count(received_at) = 40`,
    [agent],
  );
  const seen = (await Promise.all(readers.map(receivedMail))).flat().flatMap(({ mail }) => mail);
  const ids = new Set(seen.map(({ id }) => id));
  await eventually(
    pool,
    'nobody is at work',
    `select from howdah.executions where id = any ($1) having bool_and(completed_at is not null or status = 'waiting')`,
    [readers],
  );
  const all = (await Promise.all(readers.map(receivedMail))).flat().flatMap(({ mail }) => mail);
  expect(all.map(({ id }) => id)).toHaveLength(40);
  expect(new Set([...ids, ...all.map(({ id }) => id)]).size).toBe(40);
  await pool.query(
    'select howdah.cancel_execution(id) from howdah.executions where agent_id = $1 and completed_at is null',
    [agent],
  );
});

test('hooks run before each check of a waiting call and once after its end', async () => {
  const { pool } = database;
  await createHookShop(pool);
  const agent = await makeAgent(pool, { script: [receive(600), { content: 'x' }], tools: MAIL });
  await addHooks(pool, agent, 'shop.heard', ['tool_before', 'tool_after']);
  const id = await insertRun(pool, agent);
  await waitUntilParked(id);
  await write(agent, 'x');
  await waitForEnd(pool, id);
  expect(await eventNamesOf(pool, id)).toBe('tool_before tool_before tool_after');
  expect(await kindsOf(pool, id)).toBe('model tool model output');
});

test('agents are found by their capabilities', async () => {
  const { pool } = database;
  const [plumber, painter] = [unique('plumber'), unique('painter')];
  for (const [name, capability] of [
    [plumber, 'leaky-pipes'],
    [painter, 'leaky-roofs'],
  ] as const) {
    await pool.query(
      `insert into howdah.agents (name, description, capabilities, domain) values ($1, 'Repairs.', array[$2], 'houses')`,
      [name, capability],
    );
  }
  const agent = await makeAgent(pool, {
    script: [
      callTools({ name: 'discover_agents', arguments: { capability: 'leaky pipes' } }),
      { content: 'x' },
    ],
    tools: ['discover_agents'],
  });
  const { id } = await runToEnd(pool, agent);
  const [text] = await resultsOf(pool, id);
  expect(JSON.parse(text ?? '').agents).toMatchObject([
    { name: plumber, capabilities: ['leaky-pipes'], domain: 'houses', description: 'Repairs.' },
    { name: painter },
  ]);
});

describe('the board of a tree', () => {
  test('is shared by parent and sub-agent only; a write with a stale version returns the current value', async () => {
    const { pool } = database;
    const board = (args: JsonObject) => callTools({ name: 'board_write', arguments: args });
    const tools = ['board_read', 'board_write'];
    const helper = await makeAgent(pool, {
      script: [
        callTools({ name: 'board_read', arguments: { key: 'plan' } }),
        board({ key: 'plan', value: { steps: 2 }, expected_version: 1 }),
        { content: 'changed' },
      ],
      tools,
    });
    const ask = await makeAgentTool(pool, helper);
    const boss = await makeAgent(pool, {
      script: [
        board({ key: 'plan', value: { steps: 1 } }),
        callTools({ name: ask, arguments: { message: 'Change it.' } }),
        board({ key: 'plan', value: { steps: 9 }, expected_version: 1 }),
        board({ key: 'plan', value: null }),
        board({ key: 'plan', value: { steps: 3 }, expected_version: 2 }),
        callTools({ name: 'board_read' }),
        { content: 'done' },
      ],
      tools: [...tools, ask],
    });
    const { id } = await runToEnd(pool, boss);
    const results = (await resultsOf(pool, id)).filter((text) => text.startsWith('{'));
    expect(results.map((text) => JSON.parse(text))).toMatchObject([
      { written: true, version: 1 },
      {
        written: false,
        key: 'plan',
        version: 2,
        value: { steps: 2 },
        conflict: expect.stringContaining('not 1'),
      },
      { written: false, version: 2, conflict: expect.stringContaining('not 0') },
      { written: true, version: 3 },
      { entries: [{ key: 'plan', version: 3 }] },
    ]);
    const { rows } = await pool.query(
      'select value, version, written_by_execution_id from howdah.board_entries where root_execution_id = $1',
      [id],
    );
    expect(rows).toEqual([{ value: { steps: 3 }, version: 3, written_by_execution_id: id }]);
    await expectEqualReplay(pool, id);
    const alone = await makeAgent(pool, {
      script: [callTools({ name: 'board_read', arguments: { key: 'plan' } }), { content: 'x' }],
      tools,
    });
    const other = await runToEnd(pool, alone);
    expect((await resultsOf(pool, other.id)).map((text) => JSON.parse(text))).toEqual([
      { key: 'plan', value: null, version: 0 },
    ]);
  });
});

describe('a killed worker', () => {
  test.each(['tool.before:1', 'tool.before:2', 'tool.after:1', 'tool.after:2', 'wait.entered:1'])(
    'at %s: the message is sent once and received once',
    { timeout: 60_000 },
    async (failpoint) => {
      const { pool } = database;
      await worker?.stop(10_000);
      const loaded = await loadWorkerProcess(database.url);
      const reader = unique('reader');
      const agent = await makeNamedAgent(reader, {
        script: [receive(600), { content: 'read' }],
        tools: MAIL,
      });
      const sender = await makeAgent(pool, {
        script: [send(reader, 'just once'), { content: 'sent' }],
        tools: MAIL,
      });
      const doomed = await loaded.start(`${failpoint}:kill`);
      const reading = await insertRun(pool, agent);
      if (failpoint !== 'tool.before:1') {
        await eventually(
          pool,
          'somebody waits',
          'select from howdah_private.receivers where execution_id = $1',
          [reading],
        );
      }
      const sending = await insertRun(pool, sender);
      await doomed.ended;
      worker = await startTestWorker(database.url);
      expect((await waitForEnd(pool, sending)).output).toBe('sent');
      expect((await waitForEnd(pool, reading)).output).toBe('read');
      expect(await mailOf(agent)).toMatchObject([
        { content: 'just once', received_by_execution_id: reading },
      ]);
      expect(await receivedMail(reading)).toMatchObject([{ mail: [{ content: 'just once' }] }]);
      expect(await kindsOf(pool, sending)).toBe('model tool model output');
      expect(await kindsOf(pool, reading)).toBe('model tool model output');
    },
  );
});
