import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import type { Worker } from '../../../../workers/start-worker.ts';
import { makeAgent } from '../../../runtime/arrange.ts';
import { one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestWorker } from '../../../support/worker.ts';
import { startTestApi, until } from '../../harness.ts';
import { type CallOptions, call } from '../call.ts';
import { openStream } from '../events.ts';

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
const ask = (method: string, path: string, body?: unknown, options?: CallOptions) =>
  call(api, method, path, body, options);

beforeAll(async () => {
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

const CALC = { name: 'calculator', arguments: { expression: '6 * 7' } };
const makeCountingAgent = () =>
  makeAgent(db.pool, {
    tools: ['calculator'],
    script: [
      {
        content: 'I count.',
        tool_calls: [{ ...CALC, id: 'c1' }],
        usage: { tokens_in: 5, tokens_out: 2 },
      },
      { content: 'It is 42.', usage: { tokens_in: 9, tokens_out: 3 } },
    ],
  });
const makeAskingAgent = () =>
  makeAgent(db.pool, {
    tools: ['ask_user'],
    script: [
      { tool_calls: [{ name: 'ask_user', arguments: { question: 'Which colour?' }, id: 'q1' }] },
      { content: 'Painted.' },
    ],
  });
const nameOf = async (id: string): Promise<string> =>
  (await one(db.pool, 'select name from howdah.agents where id = $1', [id])).name;
const run = async (agent_id: string, more: object = {}) =>
  (await ask('POST', '/api/execute', { agent_id, message: 'Go.', wait: 20, ...more })).body;
const statusOf = async (id: string) => (await ask('GET', `/api/executions/${id}`)).body.status;

describe('execute', () => {
  test('starts a run: 202 with its id and Location', async () => {
    const agent = await makeCountingAgent();
    const started = await ask('POST', '/api/execute', {
      agent: await nameOf(agent),
      message: 'Go.',
    });
    expect(started.status).toBe(202);
    expect(started.headers.get('location')).toBe(`/api/executions/${started.body.execution_id}`);
    await until(async () => (await statusOf(started.body.execution_id)) === 'completed');
    const { body } = await ask('GET', `/api/executions/${started.body.execution_id}`);
    expect(body).toMatchObject({
      agent_id: agent,
      input: 'Go.',
      output: 'It is 42.',
      tokens_in: 14,
      tokens_out: 5,
      messages: [
        { seq: 1, role: 'user', content: 'Go.' },
        { role: 'assistant', content: 'I count.', tokens_in: 5, tokens_out: 2 },
        { role: 'tool', tool_call_id: 'c1' },
        { role: 'assistant', content: 'It is 42.' },
      ],
      children: [],
    });
    expect(body.metrics).toBeTypeOf('object');
  });

  test('waits: 200 with the output if it is ready in time, otherwise 202', async () => {
    expect(await run(await makeCountingAgent())).toMatchObject({
      status: 'completed',
      output: 'It is 42.',
    });
    const inQuery = { agent_id: await makeCountingAgent(), message: 'Go.' };
    expect(await ask('POST', '/api/execute?wait=20', inQuery)).toMatchObject({
      status: 200,
      body: { output: 'It is 42.' },
    });
    expect(await ask('POST', '/api/execute?wait=1', { ...inQuery, wait: 1 })).toMatchObject({
      status: 400,
      body: { code: 'HWINV', field: 'wait' },
    });
    for (const wait of ['long', '', '%zz', '0x5', '301']) {
      expect(await ask('POST', `/api/execute?wait=${wait}`, inQuery)).toMatchObject({
        status: 400,
        body: { code: 'HWINV', field: 'wait' },
      });
    }
    const parked = await ask('POST', '/api/execute', {
      agent_id: await makeAskingAgent(),
      message: 'Paint.',
      wait: 0.2,
    });
    expect(parked).toMatchObject({ status: 202, body: { execution_id: expect.any(String) } });
  });

  test('accepts workflows by name and by id', async () => {
    const member = await makeCountingAgent();
    const { id } = await one(
      db.pool,
      `insert into howdah.workflows (name, type) values ('line', 'chain') returning id`,
    );
    await db.pool.query(
      'insert into howdah.workflow_agents (workflow_id, agent_id, sequence_order) values ($1, $2, 1)',
      [id, member],
    );
    for (const which of [{ workflow: 'line' }, { workflow_id: id }, { agent: 'line' }]) {
      const answer = await ask('POST', '/api/execute', { ...which, message: 'Go.', wait: 20 });
      expect(answer).toMatchObject({ status: 200, body: { output: 'It is 42.' } });
    }
    const { body } = await ask('GET', `/api/executions?workflow_id=${id}&limit=1`);
    expect((await ask('GET', `/api/executions/${body.data[0].id}`)).body.children).toMatchObject([
      { status: 'completed', output: 'It is 42.', tokens_in: 14 },
    ]);
  });

  test('accepts a callback_url for agents and workflows', async () => {
    const agent_id = await makeCountingAgent();
    const callback_url = 'https://erp.example.com/done';
    for (const who of [
      { agent_id },
      { agent: await nameOf(agent_id) },
      { agent: 'line' },
      { workflow: 'line' },
    ]) {
      const { body } = await ask('POST', '/api/execute', { ...who, message: 'x', callback_url });
      const row = await one(
        db.pool,
        `select c.url as callback_url, e.workflow_id is not null as is_workflow from howdah.executions as e
         join howdah_private.run_callbacks as c on c.execution_id = e.id where e.id = $1`,
        [body.execution_id],
      );
      expect(row).toEqual({ callback_url, is_workflow: Object.values(who).includes('line') });
    }
  });

  test('returns the first run for a known key, by name and by id', async () => {
    const agent_id = await makeCountingAgent();
    const options = { headers: { 'idempotency-key': 'ticket 17' } };
    const all = await Promise.all(
      [agent_id, agent_id, agent_id].map((id) =>
        ask('POST', '/api/execute', { agent_id: id, message: 'Go.' }, options),
      ),
    );
    expect(new Set(all.map(({ body }) => body.execution_id)).size).toBe(1);
    const byName = await ask('POST', '/api/execute', {
      agent: await nameOf(agent_id),
      message: 'Go.',
      idempotency_key: 'ticket 17',
    });
    expect(byName.body.execution_id).toBe(all[0]?.body.execution_id);
  });

  test('rejects a key of a different request, with and without wait', async () => {
    const options = { headers: { 'idempotency-key': 'ticket 18' } };
    const execute = (body: object) =>
      ask('POST', '/api/execute', { agent: 'development', ...body }, options);
    const first = await execute({ message: 'Go.' });
    const again = await execute({ message: 'Go.', wait: 0 });
    expect(again.body.execution_id).toBe(first.body.execution_id);
    expect(await execute({ message: 'Stop.' })).toMatchObject({
      status: 409,
      body: { code: 'HWCNF', field: 'Idempotency-Key' },
    });
    expect(await execute({ message: 'Go.', idempotency_key: 'ticket 19' })).toMatchObject({
      status: 400,
      body: { code: 'HWINV', field: 'idempotency_key' },
    });
    const query = await ask('POST', '/query', { question: 'Go.', wait: 0 }, options);
    expect(query).toMatchObject({ status: 409, body: { code: 'HWCNF' } });
  });

  test('rejects an empty key wherever it is sent', async () => {
    const body = { agent: 'development', message: 'Go.' };
    const refused = { status: 400, body: { code: 'HWINV' } };
    const headers = { 'idempotency-key': '' };
    expect(await ask('POST', '/api/execute', body, { headers })).toMatchObject(refused);
    expect(await ask('POST', '/api/execute', { ...body, idempotency_key: ' ' })).toMatchObject({
      ...refused,
      body: { field: 'idempotency_key' },
    });
    const chat = { model: 'development', messages: [{ role: 'user', content: 'Go.' }] };
    expect(await ask('POST', '/v1/chat/completions', chat, { headers })).toMatchObject({
      status: 400,
      body: { error: { code: 'HWINV', param: 'Idempotency-Key' } },
    });
    await expect(
      db.pool.query(
        `insert into howdah.executions (agent_id, input, idempotency_key) values (howdah.agent('development'), 'Go.', '')`,
      ),
    ).rejects.toMatchObject({ code: 'HWINV' });
  });

  test.each([
    [{ message: 'x' }, 400, 'HWINV', 'a run needs exactly one agent or workflow'],
    [{ message: 'x', agent: 'a', workflow: 'b' }, 400, 'HWINV', 'a run needs exactly one agent'],
    [{ agent: 'development' }, 400, 'HWINV', 'message is missing'],
    [{ agent: 'nobody', message: 'x' }, 404, 'HWNTF', "there is no agent named 'nobody'"],
    [{ agent: 'development', message: 'x', wait: 301 }, 400, 'HWINV', 'wait'],
    [
      { agent: 'development', message: 'x', callback_url: 'ftp://x.example' },
      400,
      'HWINV',
      'callback_url is not an http or https URL',
    ],
    [{ agent_id: '0199aaaa-0000-7000-8000-000000000000', message: 'x' }, 404, 'HWNTF', 'agent'],
    [{ agent: 'development', message: 'x', priority: 99999 }, 400, 'HWINV', 'priority'],
    [{ agent: 'development', message: 'x', wait: '5' }, 400, 'HWINV', 'boolean or number'],
  ])('rejects %j', async (body, status, code, detail) => {
    const refused = await ask('POST', '/api/execute', body);
    expect(refused).toMatchObject({
      status,
      body: { code, detail: expect.stringContaining(detail) },
    });
  });
});

describe('runs', () => {
  test('include messages and children up to 1 MB, and page through the rest', async () => {
    const agent_id = await makeCountingAgent();
    const later = { agent_id, message: 'x', run_at: '2100-01-01T00:00:00Z' };
    const id = (await ask('POST', '/api/execute', later)).body.execution_id;
    const small = (await ask('GET', `/api/executions/${id}`)).body;
    expect(small).toMatchObject({ messages_next: null, children: [], children_next: null });
    await db.pool.query(
      `insert into howdah.executions (agent_id, parent_execution_id, input)
       select $1, $2, n || repeat('x', 400000) from generate_series(1, 4) as n`,
      [agent_id, id],
    );
    const { children, children_next } = (await ask('GET', `/api/executions/${id}`)).body;
    expect(children).toHaveLength(3);
    const path = `/api/executions/${id}/children`;
    const rest = await ask('GET', `${path}?cursor=${children_next}`);
    expect(rest.body).toMatchObject({ data: [expect.anything()], next: null });
    const inputs = [...children, ...rest.body.data].map(({ input }) => input[0]);
    expect(inputs).toEqual(['1', '2', '3', '4']);
    const first = await ask('GET', `${path}?limit=1`);
    expect(first.body.data).toMatchObject([{ id: children[0].id }]);
    const second = await ask('GET', `${path}?limit=1&cursor=${first.body.next}`);
    expect(second.body.data).toMatchObject([{ id: children[1].id }]);
    expect((await ask('GET', `${path.replace(id, agent_id)}`)).status).toBe(404);
  });

  test('are filtered by field, with statuses in any spelling', async () => {
    const agent_id = await makeCountingAgent();
    const { execution_id } = await run(agent_id, { metadata: { order: 4711 } });
    const later = await ask('POST', '/api/execute', {
      agent_id,
      message: 'x',
      run_at: '2100-01-01T00:00:00Z',
    });
    const ids = async (query: string) => {
      const { body } = await ask('GET', `/api/executions?agent_id=${agent_id}&${query}`);
      return body.data.map(({ id }: { id: string }) => id);
    };
    expect(await ids('status=COMPLETED')).toEqual([execution_id]);
    expect(await ids('status=PENDING')).toEqual([later.body.execution_id]);
    expect(await ids('status=completed,queued')).toHaveLength(2);
    expect(await ids(`metadata=${encodeURIComponent('{"order":4711}')}`)).toEqual([execution_id]);
    expect((await ask('GET', '/api/executions?status=done')).body).toMatchObject({
      status: 400,
      field: 'status',
    });
    expect((await ask('GET', '/api/executions?metadata=7')).body).toMatchObject({
      field: 'metadata',
    });
  });

  test.each([
    ...['limit=%zz', 'limit=', 'limit=0x10', 'limit=1e2', 'limit=2.5', 'limit=0', 'limit=1001'],
    ...['limit=5&limit=6', 'after=', 'after=-1', 'after=x', 'after=99999999999'],
  ])('reject the page parameters %s', async (query) => {
    const place = '/api/executions/0199aaaa-0000-7000-8000-000000000000/steps';
    expect(await ask('GET', `${place}?${query}`)).toMatchObject({
      status: 400,
      body: { code: 'HWINV', field: query.split('=')[0] },
    });
  });

  test('end a page at 1 MB whatever its limit, without losing a run', async () => {
    const agent_id = await makeCountingAgent();
    const input_data = { text: 'x'.repeat(400_000) };
    const started = [];
    for (let i = 0; i < 5; i += 1) started.push((await run(agent_id, { input_data })).execution_id);
    const pages = [];
    let next = '';
    do {
      const path = `/api/executions?agent_id=${agent_id}&limit=5${next && `&cursor=${next}`}`;
      const { status, body } = await ask('GET', path);
      expect(status).toBe(200);
      pages.push(body.data);
      next = body.next;
    } while (next);
    expect(pages.map(({ length }) => length)).toEqual([3, 2]);
    expect(pages.flat().map(({ id }) => id)).toEqual(started.toReversed());
    expect(pages.flat().every((row) => row.input_data.text.length === 400_000)).toBe(true);
  });

  test('list their steps and messages page by page', async () => {
    const { execution_id: id } = await run(await makeCountingAgent());
    const first = await ask('GET', `/api/executions/${id}/steps?limit=2`);
    expect(first.body.data.map(({ seq }: { seq: number }) => seq)).toEqual([1, 2]);
    const rest = await ask('GET', `/api/executions/${id}/steps?cursor=${first.body.next}`);
    expect(rest.body.data[0].seq).toBe(3);
    expect(rest.body.data.at(-1).kind).toBe('output');
    const messages = await ask('GET', `/api/executions/${id}/messages`);
    expect(messages.body.data.map(({ role }: { role: string }) => role)).toEqual([
      'user',
      'assistant',
      'tool',
      'assistant',
    ]);
  });

  test('are paused, resumed, cancelled and retried by one request for many', async () => {
    const input = { wait: false, run_at: '2100-01-01T00:00:00Z' };
    const agent = await makeAskingAgent();
    const ids = [];
    for (let n = 0; n < 2; n += 1) ids.push((await run(agent, input)).execution_id);
    const unknown = '01980000-0000-7000-8000-000000000000';
    for (const [action, status] of [
      ['pause', 'paused'],
      ['resume', 'queued'],
      ['cancel', 'cancelled'],
      ['retry', 'queued'],
    ]) {
      const answer = await ask('POST', `/api/executions/${action}`, { ids: [...ids, unknown] });
      expect(answer).toMatchObject({
        status: 200,
        body: {
          data: [
            ...ids.map((id) => ({ id, status, error: null })),
            { id: unknown, status: null, error: { code: 'HWNTF' } },
          ],
        },
      });
    }
    await ask('POST', '/api/executions/cancel', { ids });
    expect((await ask('POST', '/api/executions/cancel', { ids: ['x'] })).status).toBe(400);
    expect((await ask('POST', '/api/executions/cancel', { ids: [] })).status).toBe(400);
  });

  test('are paused, resumed, cancelled, retried and forked', async () => {
    const { execution_id: id } = await run(await makeAskingAgent(), { wait: false });
    await until(async () => (await statusOf(id)) === 'waiting');
    expect((await ask('POST', `/api/executions/${id}/pause`)).body.status).toBe('paused');
    expect((await ask('POST', `/api/executions/${id}/resume`)).body.status).toBe('waiting');
    expect((await ask('POST', `/api/executions/${id}/cancel`)).body.status).toBe('cancelled');
    expect(await ask('POST', `/api/executions/${id}/pause`)).toMatchObject({
      status: 409,
      body: { code: 'HWTRM' },
    });
    expect((await ask('POST', `/api/executions/${id}/retry`)).status).toBe(200);
    const forked = await ask('POST', `/api/executions/${id}/fork`, { seq: 0, input: 'Other.' });
    expect(forked).toMatchObject({
      status: 201,
      body: { forked_from_execution_id: id, input: 'Other.' },
    });
    expect(forked.headers.get('location')).toBe(`/api/executions/${forked.body.id}`);
    expect((await ask('POST', `/api/executions/${id}/fork`)).status).toBe(201);
    const overrides = { request_params: { temperature: 0 } };
    const changed = await ask('POST', `/api/executions/${id}/fork`, { overrides });
    const { rows } = await db.pool.query('select overrides from howdah.executions where id = $1', [
      changed.body.id,
    ]);
    expect([changed.status, rows]).toEqual([201, [{ overrides }]]);
  });

  test('are forked with new input data, or with single values replaced', async () => {
    const { execution_id: id } = await run(await makeAskingAgent(), {
      ...{ wait: false, input_data: { order: { number: 1001 }, note: 'a' } },
    });
    const fork = async (body: object) => ask('POST', `/api/executions/${id}/fork`, body);
    expect(await fork({ input_data: ['b'] })).toMatchObject({
      status: 201,
      body: { forked_from_seq: 0, input_data: ['b'] },
    });
    expect(await fork({ seq: 0, input_data: null })).toMatchObject({
      body: { input_data: { order: { number: 1001 }, note: 'a' } },
    });
    expect(await fork({ changes: { 'order.number': 1002 } })).toMatchObject({
      body: { input_data: { order: { number: 1002 }, note: 'a' } },
    });
    expect(await fork({ changes: { 'order.numbre': 1002 } })).toMatchObject({
      status: 400,
      body: { code: 'HWINV', hint: expect.stringContaining('Did you mean order.number?') },
    });
    expect(await fork({ changes: [1] })).toMatchObject({ status: 400 });
    expect(await fork({ data: 1 })).toMatchObject({ status: 400 });
  });
});

test('questions are listed and answered; a second answer is rejected', async () => {
  const { execution_id } = await run(await makeAskingAgent(), { wait: false });
  await until(async () => (await statusOf(execution_id)) === 'waiting');
  const { body } = await ask('GET', `/api/questions?status=OPEN&execution_id=${execution_id}`);
  expect(body.data).toMatchObject([{ kind: 'question', prompt: 'Which colour?', status: 'open' }]);
  const path = `/api/questions/${body.data[0].id}`;
  expect((await ask('POST', `${path}/answer`, { answer: 'blue' })).body).toMatchObject({
    status: 'answered',
    answer: 'blue',
  });
  expect(await ask('POST', `${path}/answer`, { answer: 'red' })).toMatchObject({
    status: 409,
    body: { code: 'HWCNF' },
  });
  await until(async () => (await statusOf(execution_id)) === 'completed');
  expect((await ask('GET', path)).body.answer).toBe('blue');
});

describe('an event stream', () => {
  test('delivers a run from its start and closes at its end', async () => {
    const agent_id = await makeCountingAgent();
    const stream = await openStream(api, '/api/execute', {
      method: 'POST',
      body: { agent_id, message: 'Go.', stream: true },
    });
    await stream.end;
    expect(stream.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const stepEvents = stream.events.filter(({ event }) => event !== 'token');
    expect(stepEvents.map(({ event }) => event)).toEqual([
      'thought',
      'action',
      'observation',
      'thought',
      'complete',
    ]);
    expect(stepEvents).toMatchObject([
      { data: { content: 'I count.', agent: await nameOf(agent_id) } },
      { data: { tool: 'calculator', call_id: 'c1', arguments: { expression: '6 * 7' } } },
      { data: { tool: 'calculator', call_id: 'c1', output: expect.anything() } },
      { data: { content: 'It is 42.' } },
      { data: { status: 'completed', output: 'It is 42.', tokens_in: 14, tokens_out: 5 } },
    ]);
  });

  test('resumes after any event: each cut yields the rest with equal ids and data', async () => {
    const { execution_id } = await run(await makeCountingAgent());
    const path = `/api/executions/${execution_id}/stream`;
    const whole = await openStream(api, path);
    await whole.end;
    const ids = whole.events.map(({ id }) => id as string);
    expect(new Set(ids).size).toBe(5);
    for (const [place, lastEventId] of ids.entries()) {
      const rest = await openStream(api, path, { lastEventId });
      await rest.end;
      expect(rest.events).toEqual(whole.events.slice(place + 1));
    }
    const byQuery = await openStream(api, `${path}?after=${ids[1]}`);
    await byQuery.end;
    expect(byQuery.eventLines()).toEqual(whole.eventLines().slice(2));
  });

  test('delivers questions, also of a child run, and continues after the answer', async () => {
    const child = await makeAskingAgent();
    const { id: tool } = await one(
      db.pool,
      `insert into howdah.tools (name, kind, agent_id, description, parameters)
       values ('painter', 'agent', $1, 'Paints.', '{"type": "object", "properties": {"message": {"type": "string"}}}') returning id`,
      [child],
    );
    const parent = await makeAgent(db.pool, {
      tools: [],
      script: [
        { tool_calls: [{ name: 'painter', arguments: { message: 'Paint.' }, id: 'p1' }] },
        { content: 'Done.' },
      ],
    });
    await db.pool.query('insert into howdah.agent_tools (agent_id, tool_id) values ($1, $2)', [
      parent,
      tool,
    ]);
    const { execution_id } = await run(parent, { wait: false });
    const path = `/api/executions/${execution_id}/stream`;
    const stream = await openStream(api, path);
    const question = await stream.when(({ event }) => event === 'ask_user');
    expect(question.data).toMatchObject({
      prompt: 'Which colour?',
      kind: 'question',
      agent: await nameOf(child),
    });
    expect(question.id).toBeUndefined();
    const again = await openStream(api, path, { lastEventId: '3.1' });
    expect(await again.when(({ event }) => event === 'ask_user')).toEqual(question);
    again.close();
    await ask('POST', `/api/questions/${question.data.question_id}/answer`, { answer: 'blue' });
    await stream.end;
    expect(stream.eventLines().at(-1)).toMatch(/^complete /);
    const replay = await openStream(api, path);
    await replay.end;
    const withId = stream.events.filter(({ id }) => id !== undefined);
    expect(replay.events).toEqual(withId);
  });

  test('delivers a failure as error, then complete', async () => {
    const agent = await makeAgent(db.pool, { script: [{ error: { status: 400, message: 'no' } }] });
    const { execution_id, status } = await run(agent);
    expect(status).toBe('failed');
    const stream = await openStream(api, `/api/executions/${execution_id}/stream`);
    await stream.end;
    expect(stream.events.slice(-2)).toMatchObject([
      { event: 'error', data: { error: { message: expect.stringContaining('no') } } },
      { event: 'complete', data: { status: 'failed', stop_reason: 'error' } },
    ]);
  });

  test('continues after the end when the run does: a retry repeats no id', async () => {
    const { execution_id } = await run(await makeAskingAgent(), { wait: false });
    await until(async () => (await statusOf(execution_id)) === 'waiting');
    await ask('POST', `/api/executions/${execution_id}/cancel`);
    const path = `/api/executions/${execution_id}/stream`;
    const before = await openStream(api, path);
    await before.end;
    expect(before.events.at(-1)).toMatchObject({
      event: 'complete',
      data: { status: 'cancelled' },
    });
    await ask('POST', `/api/executions/${execution_id}/retry`);
    const after = await openStream(api, path, { lastEventId: before.events.at(-1)?.id ?? '' });
    const question = await after.when(({ event }) => event === 'ask_user');
    await ask('POST', `/api/questions/${question.data.question_id}/answer`, { answer: 'blue' });
    await after.end;
    expect(after.events.at(-1)).toMatchObject({ event: 'complete', data: { output: 'Painted.' } });
    const ids = [...before.events, ...after.events].map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('of a run cancelled before its start completes at once', async () => {
    const { body } = await ask('POST', '/api/execute', {
      agent: 'development',
      message: 'x',
      run_at: '2100-01-01T00:00:00Z',
    });
    const stream = await openStream(api, `/api/executions/${body.execution_id}/stream`);
    await ask('POST', `/api/executions/${body.execution_id}/cancel`);
    await stream.end;
    expect(stream.events).toMatchObject([{ event: 'complete', data: { status: 'cancelled' } }]);
  });

  test('of an unknown run or after an invalid event id is a problem', async () => {
    const missingPath = '/api/executions/0199aaaa-0000-7000-8000-000000000000/stream';
    expect((await ask('GET', missingPath)).body).toMatchObject({ status: 404, code: 'HWNTF' });
    const { execution_id } = await run(await makeCountingAgent());
    const path = `/api/executions/${execution_id}/stream`;
    const headers = { 'last-event-id': 'x' };
    expect((await ask('GET', path, undefined, { headers })).body).toMatchObject({
      status: 400,
      field: 'Last-Event-ID',
    });
  });
});
