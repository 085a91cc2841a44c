import type { Client } from '@modelcontextprotocol/client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import {
  callTools,
  executionOf,
  makeAgent,
  waitForEnd,
  waitForStatus,
} from '../../runtime/arrange.ts';
import { makeTeam } from '../../runtime/teams.ts';
import { all, one, rolledBack, unique } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi, until } from '../harness.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';
import {
  type ClientOptions,
  connect,
  type Form,
  INITIALIZE,
  post,
  REVISIONS,
  type Result,
  textOf,
} from './mcp-client.ts';

// Uses `/mcp` as programs do: with the official client, real runs and both kinds of revision.

const db = testDatabase();
let api: ApiServer;
/** A second process behind the same load balancer. */
let other: ApiServer;
let worker: Worker;
const clients: Client[] = [];

beforeAll(async () => {
  [api, other] = await Promise.all([startTestApi(db.url), startTestApi(db.url)]);
  const parameters = { type: 'object', properties: { cents: { type: 'integer' } } };
  worker = await startTestWorker(db.url, {
    tools: [
      { name: 'pay', description: '', parameters, run: ({ cents }) => `paid ${cents}` },
      {
        name: 'stuck',
        description: '',
        parameters,
        run: (_args, { signal }) => waitForAbort(signal),
      },
    ],
  });
  await db.pool.query(`update howdah.tools set requires_approval = true where name = 'pay'`);
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
afterAll(async () => {
  await worker?.stop(0);
  await Promise.all([api?.close(), other?.close()]);
});

const waitForAbort = (signal: AbortSignal) =>
  new Promise<string>((resolve) => signal.addEventListener('abort', () => resolve('left')));

async function open(options: ClientOptions = {}, at: ApiServer = api): Promise<Client> {
  const client = await connect(at, options);
  clients.push(client);
  return client;
}

/** Makes an agent of this name with this script, and returns its id. */
async function agentNamed(name: string, script: JsonObject[], tools: string[] = []) {
  const id = await makeAgent(db.pool, { script, tools });
  await db.pool.query('update howdah.agents set name = $2, description = $3 where id = $1', [
    id,
    name,
    `does ${name}`,
  ]);
  return id;
}

const callAgent = (client: Client, name: string, message = 'Hello', options: object = {}) =>
  client.callTool({ name, arguments: { message } }, options) as Promise<Result>;
const asks = (question: object) => [
  callTools({ name: 'ask_user', arguments: question as never }),
  { content: 'Noted.' },
];
const runOf = (result: Result): string => result._meta['howdah/execution_id'];

describe.each(REVISIONS)('in revision %s', (revision) => {
  const agents = { name: unique('writer'), asker: unique('asker') };
  let client: Client;
  beforeAll(async () => {
    await agentNamed(agents.name, [{ content: 'A fine day.' }]);
    await agentNamed(agents.asker, asks({ question: 'Which colour?', options: ['red', 'blue'] }), [
      'ask_user',
    ]);
  });
  const openClient = async (options: ClientOptions = {}, at: ApiServer = api) => {
    client = await open({ revision, ...options }, at);
    return client;
  };

  test('agents and workflows are tools with one main parameter', async () => {
    const team = await makeTeam(db.pool, {
      type: 'chain',
      members: [{ agent: await makeAgent(db.pool, { script: [{ content: 'in a chain' }] }) }],
    });
    const { name } = await one(db.pool, 'select name from howdah.workflows where id = $1', [team]);
    const { tools } = await (await openClient()).listTools();
    const tool = tools.find((each) => each.name === agents.name);
    expect(tool).toMatchObject({
      title: agents.name,
      description: `does ${agents.name}`,
      inputSchema: { properties: { message: { type: 'string' } }, required: ['message'] },
    });
    expect(tools.every((each) => /^[A-Za-z0-9_-]{1,64}$/.test(each.name))).toBe(true);
    expect(tools.map((each) => each.name)).toContain('answer_question');
    expect(textOf(await callAgent(client, agents.name))).toBe('A fine day.');
    const result = await callAgent(client, name);
    expect(textOf(result)).toBe('in a chain');
    expect(await executionOf(db.pool, runOf(result))).toMatchObject({ workflow_id: team });
  });

  test('an unknown name and invalid arguments are reported', async () => {
    await openClient();
    await expect(callAgent(client, 'nobody')).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('Unknown tool: nobody'),
    });
    const wrong = await client.callTool({ name: agents.name, arguments: { text: 'Hello' } });
    expect(wrong).toMatchObject({ isError: true, _meta: { 'howdah/error': { code: 'HWINV' } } });
    expect(textOf(wrong)).toBe(
      'text is not a parameter of the tool (HWINV)\nParameters of the tool: message.',
    );
    const missing = await client.callTool({ name: agents.name, arguments: {} });
    expect(textOf(missing)).toContain('message must be a text (HWINV)');
  });

  test('a client that requests progress receives each step', async () => {
    await openClient();
    const heard: string[] = [];
    const onprogress = ({ progress, message }: { progress: number; message?: string }) =>
      heard.push(`${progress} ${message}`);
    const script = [
      callTools({ name: 'calculator', arguments: { expression: '1+1' } }),
      { content: '2' },
    ];
    const name = unique('counter');
    await agentNamed(name, script, ['calculator']);
    const result = await callAgent(client, name, 'Count', { onprogress });
    expect(heard).toEqual(
      (
        await all(
          db.pool,
          `select concat_ws(' ', seq, kind, name) as line from howdah.steps where execution_id = $1 order by seq`,
          [runOf(result)],
        )
      ).map(({ line }) => line),
    );
    expect(heard.length).toBeGreaterThan(3);
  });

  test('a failed run is an error with its reason', async () => {
    await openClient();
    const name = unique('failing');
    await agentNamed(name, [{ error: 'unauthorized' } as never]);
    const result = await callAgent(client, name);
    expect(result.isError).toBe(true);
    expect(textOf(result)).toMatch(/^The run failed \(error\): .+ Execution [0-9a-f-]{36}\.$/);
  });

  test('a question reaches the person at the client, and is repeated after an invalid answer', async () => {
    const forms: { message: string; requestedSchema: Form }[] = [];
    await openClient({
      elicit(form) {
        forms.push(form);
        const answer = forms.length === 1 ? 'green' : 'blue';
        return { action: 'accept', content: { answer } };
      },
    });
    const result = await callAgent(client, agents.asker);
    expect(textOf(result)).toBe('Noted.');
    expect(forms[0]).toMatchObject({
      message: 'Which colour?',
      requestedSchema: { properties: { answer: { type: 'string', enum: ['red', 'blue'] } } },
    });
    expect(forms.at(-1)?.message).toMatch(/^the answer was not accepted: .*\n\nWhich colour\?$/s);
    const [row] = await all(
      db.pool,
      'select answer from howdah.questions where root_execution_id = $1',
      [runOf(result)],
    );
    expect(row).toEqual({ answer: 'blue' });
  });

  test('a client that never sends a valid answer gets the question three times', async () => {
    let asks = 0;
    await openClient({
      elicit() {
        asks += 1;
        return { action: 'accept', content: { username: 'ada' } };
      },
    });
    const result = await callAgent(client, agents.asker);
    expect(asks).toBe(3);
    expect(textOf(result)).toMatch(
      /^The run .* waits for a person\.\n\nthe answer was not accepted/,
    );
  });

  test('a question with a schema becomes a form with its fields', async () => {
    const schema = {
      type: 'object',
      properties: { many: { type: 'integer', minimum: 3 }, gift: { type: 'boolean' } },
      required: ['many'],
    };
    const team = await makeTeam(db.pool, {
      type: 'chain',
      members: [{ question: { prompt: 'How many?', schema } }],
    });
    const { name } = await one(db.pool, 'select name from howdah.workflows where id = $1', [team]);
    const forms: Form[] = [];
    await openClient({
      elicit({ requestedSchema }) {
        forms.push(requestedSchema);
        return { action: 'accept', content: { many: forms.length === 1 ? 1 : 3, gift: true } };
      },
    });
    const result = await callAgent(client, name);
    expect(forms).toEqual([schema, schema]);
    expect(JSON.parse(textOf(result))).toEqual({ many: 3, gift: true });
  });

  test('an approval form shows the call, and a rejection carries its reason', async () => {
    await openClient({
      elicit({ message, requestedSchema }) {
        expect(message).toContain('pay: {"cents":7}');
        expect(Object.keys(requestedSchema.properties)).toEqual(['decision', 'reason']);
        return { action: 'accept', content: { decision: 'reject', reason: 'too much' } };
      },
    });
    const name = unique('payer');
    await agentNamed(
      name,
      [callTools({ name: 'pay', arguments: { cents: 7 } }), { content: 'Kept.' }],
      ['pay'],
    );
    const result = await callAgent(client, name);
    expect(textOf(result)).toBe('Kept.');
    const [row] = await all(
      db.pool,
      'select answer, answer_data from howdah.questions where root_execution_id = $1',
      [runOf(result)],
    );
    expect(row).toEqual({ answer: 'reject', answer_data: 'too much' });
  });

  test.each(['decline', 'cancel'] as const)(
    'a client that responds with %s leaves the question open',
    async (action) => {
      await openClient({ elicit: () => ({ action }) });
      const result = await callAgent(client, agents.asker);
      expect(textOf(result)).toContain('The person did not answer.');
      const { status, waiting_for } = await executionOf(db.pool, runOf(result));
      expect({ status, waiting_for }).toEqual({ status: 'waiting', waiting_for: 'question' });
    },
  );

  test('a client without elicitation receives instructions and can answer by a call', async () => {
    await openClient();
    const waiting = await callAgent(client, agents.asker);
    expect(waiting.isError).toBeUndefined();
    const [question] = waiting._meta['howdah/questions'];
    expect(textOf(waiting)).toContain(
      `Question ${question.id} (question): Which colour?\nOne of: red, blue`,
    );
    const args = { question_id: question.id, answer: 'green' };
    const refused = await client.callTool({ name: 'answer_question', arguments: args });
    expect(textOf(refused)).toContain('is not one of the options (HWINV)');
    const answered = await client.callTool({
      name: 'answer_question',
      arguments: { ...args, answer: 'red' },
    });
    expect(textOf(answered)).toBe('Noted.');
    expect(runOf(answered)).toBe(runOf(waiting));
    const late = await client.callTool({ name: 'answer_question', arguments: args });
    expect(late).toMatchObject({ isError: true, _meta: { 'howdah/error': { code: 'HWCNF' } } });
  });

  test('a question of a sub-agent reaches the client, too', async () => {
    const { name } = await one(db.pool, 'select name from howdah.agents where name = $1', [
      agents.asker,
    ]);
    const tool = unique('delegate');
    await db.pool.query(
      `insert into howdah.tools (name, description, kind, agent_id, parameters) values ($1, 'x', 'agent', howdah.agent($2),
       '{"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}')`,
      [tool, name],
    );
    const chief = unique('chief');
    await agentNamed(
      chief,
      [callTools({ name: tool, arguments: { message: 'Ask' } }), { content: 'Done.' }],
      [tool],
    );
    await openClient({ elicit: () => ({ action: 'accept', content: { answer: 'red' } }) });
    expect(textOf(await callAgent(client, chief))).toBe('Done.');
  });

  test('cancelling a call cancels its run', async () => {
    await openClient();
    const name = unique('slow');
    const agent = await agentNamed(
      name,
      [callTools({ name: 'stuck' }), { content: 'never' }],
      ['stuck'],
    );
    const stop = new AbortController();
    const call = callAgent(client, name, 'Go', { signal: stop.signal, onprogress: () => {} });
    call.catch(() => {});
    const id = await startCall(agent);
    stop.abort('enough');
    await expect(call).rejects.toThrow();
    expect(await waitForEnd(db.pool, id)).toMatchObject({ status: 'cancelled' });
  });

  test.each(['continue', 'cancel'])(
    'applies on_disconnect=%s to a run when its client disconnects',
    async (word) => {
      await openClient({ query: `?on_disconnect=${word}` });
      const name = unique('slow');
      const script = [
        callTools({ name: 'ask_user', arguments: { question: 'Go on?' } }),
        { content: 'went on' },
      ];
      const agent = await agentNamed(
        name,
        word === 'cancel' ? [callTools({ name: 'stuck' })] : script,
        ['ask_user', 'stuck'],
      );
      const call = callAgent(client, name);
      call.catch(() => {});
      const id = await startCall(agent);
      await client.close();
      if (word === 'cancel') {
        expect(await waitForEnd(db.pool, id)).toMatchObject({ status: 'cancelled' });
      } else {
        await waitForStatus(db.pool, id, 'waiting');
        const [question] = await all(
          db.pool,
          'select id from howdah.questions where execution_id = $1',
          [id],
        );
        await db.pool.query('select howdah.answer_question($1, $2)', [question?.id, 'yes']);
        expect(await waitForEnd(db.pool, id)).toMatchObject({
          status: 'completed',
          output: 'went on',
        });
      }
    },
  );

  test('closing the server does not cancel the run, even with on_disconnect=cancel', async () => {
    const closing = await startTestApi(db.url);
    await openClient({ query: '?on_disconnect=cancel' }, closing);
    const name = unique('slow');
    const agent = await agentNamed(name, [callTools({ name: 'stuck' })], ['stuck']);
    callAgent(client, name).catch(() => {});
    const id = await startCall(agent);
    await closing.close();
    expect(await executionOf(db.pool, id)).toMatchObject({ status: 'running' });
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test('runs are resources, newest first', async () => {
    await openClient();
    const id = runOf(await callAgent(client, agents.name, 'What a day'));
    const { resources } = await client.listResources();
    expect(resources[0]).toMatchObject({
      uri: `howdah://executions/${id}`,
      title: `${agents.name}: What a day`,
      mimeType: 'application/json',
    });
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates).toMatchObject([{ uriTemplate: 'howdah://executions/{id}' }]);
    const { contents } = await client.readResource({ uri: `howdah://executions/${id}` });
    const document = JSON.parse((contents[0] as { text: string }).text);
    expect(document).toMatchObject({
      id,
      agent: agents.name,
      status: 'completed',
      input: 'What a day',
      output: 'A fine day.',
    });
    expect(document.steps.at(-1)).toMatchObject({ kind: 'output' });
    for (const uri of [
      'howdah://executions/nonsense',
      `howdah://executions/${crypto.randomUUID()}`,
    ]) {
      await expect(client.readResource({ uri })).rejects.toMatchObject({
        code: -32602,
        data: { uri },
      });
    }
  });

  test('stored prompts are MCP prompts, and their variables are arguments', async () => {
    await openClient();
    const name = unique('greet');
    await db.pool.query(
      `insert into howdah.prompts (name, description, template, variables) values ($1, 'Greets.', 'Serve {{who}} {{times}} times, in a {{tone}} way.',
       '{"who": {"type": "string", "description": "Whom"}, "times": {"type": "integer", "default": 1}, "tone": {"type": "string", "enum": ["kind", "strict"], "default": "kind"}}')`,
      [name],
    );
    const { prompts } = await client.listPrompts();
    const found = prompts.find((prompt) => prompt.name === name);
    expect(found).toMatchObject({ name, description: 'Greets.' });
    expect([...(found?.arguments ?? [])].sort((a, b) => a.name.localeCompare(b.name))).toEqual([
      { name: 'times', required: false },
      { name: 'tone', required: false },
      { name: 'who', description: 'Whom', required: true },
    ]);
    const filled = await client.getPrompt({ name, arguments: { who: 'Ada', times: '3' } });
    expect(filled.messages).toEqual([
      { role: 'user', content: { type: 'text', text: 'Serve Ada 3 times, in a kind way.' } },
    ]);
    await expect(
      client.getPrompt({ name, arguments: { times: 'x', who: 'Ada' } }),
    ).rejects.toMatchObject({
      code: -32602,
      data: { code: 'HWINV' },
    });
    const ref = { type: 'ref/prompt', name } as const;
    const words = (argument: string, value: string) =>
      client.complete({ ref, argument: { name: argument, value } });
    expect((await words('tone', 'k')).completion).toEqual({ values: ['kind'], hasMore: false });
    expect((await words('who', 'A')).completion.values).toEqual([]);
    await expect(client.getPrompt({ name: 'nothing' })).rejects.toMatchObject({
      code: -32602,
      data: { code: 'HWNTF' },
    });
  });
});

/** Waits for the run of this agent that a call has just started. */
async function startCall(agent: string): Promise<string> {
  const seen = async () => {
    const [row] = await all(
      db.pool,
      `select e.id from howdah.executions as e
       join howdah.execution_counters as c on c.execution_id = e.id and c.step_count > 0
       where e.agent_id = $1`,
      [agent],
    );
    return row?.id as string | undefined;
  };
  for (;;) {
    const id = await seen();
    if (id) return id;
    await new Promise(setImmediate);
  }
}

describe('sessions, served by any process', () => {
  const header = 'mcp-session-id';
  const asSession = (id: string) => ({ [header]: id, 'mcp-protocol-version': '2025-11-25' });
  const begin = async (capabilities: object, at: ApiServer = api) => {
    const params = { ...INITIALIZE.params, capabilities };
    const { headers } = await post(at, { ...INITIALIZE, params });
    return headers.get(header) ?? '';
  };

  test('an elicitation sent by one process is answered or declined in another', async () => {
    const name = unique('asker');
    await agentNamed(name, asks({ question: 'Which?', options: ['a', 'b'] }), ['ask_user']);
    const session = asSession(await begin({ elicitation: {} }));
    for (const action of ['accept', 'decline'] as const) {
      const response = await fetch(`${api.url}/mcp`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...session,
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 7,
          method: 'tools/call',
          params: { name, arguments: { message: 'x' } },
        }),
      });
      const messages = eventsOf(response);
      const { value: elicitation } = await messages.next();
      expect(elicitation).toMatchObject({
        method: 'elicitation/create',
        params: { message: 'Which?' },
      });
      const result = { action, ...(action === 'accept' && { content: { answer: 'b' } }) };
      const heard = await post(other, { jsonrpc: '2.0', id: elicitation.id, result }, session);
      expect(heard.status).toBe(202);
      const { value: answered } = await messages.next();
      expect(answered.id).toBe(7);
      expect(textOf(answered.result)).toContain(
        action === 'accept' ? 'Noted.' : 'The person did not answer',
      );
    }
  });

  test('a call is cancelled from another process', async () => {
    const name = unique('slow');
    const agent = await agentNamed(name, [callTools({ name: 'stuck' })], ['stuck']);
    const session = asSession(await begin({}));
    const params = { name, arguments: { message: 'x' } };
    const call = post(api, { jsonrpc: '2.0', id: 'c1', method: 'tools/call', params }, session);
    const id = await startCall(agent);
    const gone = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'c1' } };
    const elsewhere = asSession(await begin({}));
    await post(other, gone, elsewhere); // a request of another session with the same id
    expect(await executionOf(db.pool, id)).toMatchObject({ status: 'running' });
    expect((await post(other, gone, session)).status).toBe(202);
    expect(await waitForEnd(db.pool, id)).toMatchObject({ status: 'cancelled' });
    expect((await call).text).toContain('The run was cancelled.');
  });

  test('an unknown session is rejected', async () => {
    const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
    const own = await begin({});
    expect((await post(api, list, asSession(own))).status).toBe(200);
    expect((await post(other, list, asSession(own))).status).toBe(200);
    for (const id of [
      '',
      'x',
      crypto.randomUUID(),
      `${own.slice(0, -1)}!`,
      own.replace('n', 'e'),
    ]) {
      if (id === '') continue;
      const { status, text } = await post(api, list, asSession(id));
      expect({ status, error: JSON.parse(text).error.message }).toEqual({
        status: 404,
        error: 'Session not found',
      });
    }
    // without a session, no protocol version was negotiated
    expect((await post(api, list)).status).toBe(200);
  });

  test('an invalid message is rejected with a reason', async () => {
    for (const [body, status] of [
      ['{', 400],
      ['[]', 400],
      [[INITIALIZE, INITIALIZE], 400],
      [{ jsonrpc: '1.0', id: 1, method: 'tools/list' }, 400],
      ['{"jsonrpc": "2.0", "jsonrpc": "2.0", "id": 1, "method": "ping"}', 400],
    ] as const) {
      expect({ body, status: (await post(api, body)).status }).toEqual({ body, status });
    }
    const plain = await post(api, '{}', { 'content-type': 'text/plain' });
    expect(plain.status).toBe(415);
    for (const method of ['GET', 'DELETE', 'PUT']) {
      const { status } = await fetch(`${api.url}/mcp`, { method });
      expect({ method, status }).toEqual({ method, status: 405 });
    }
    const odd = await fetch(`${api.url}/mcp?on_disconnect=maybe`, { method: 'POST' });
    expect([odd.status, ((await odd.json()) as Result).field]).toEqual([400, 'on_disconnect']);
  });
});

// biome-ignore lint/suspicious/noExplicitAny: tests read single fields of messages
async function* eventsOf(response: Response): AsyncGenerator<any> {
  let text = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString();
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    for (const part of parts) {
      const data = /^data: (.*)$/m.exec(part)?.[1];
      if (data) yield JSON.parse(data);
    }
  }
}

test('a client that leaves during the login frees its stream slot', async () => {
  const bounds = { tenantStreams: 1 };
  const tight = await startTestApi(db.url, { ...tokenOptions, bounds });
  const { key } = await one(db.pool, `select key from howdah.create_api_key('mcp', 'owner')`);
  const headers = { authorization: `Bearer ${key}` };
  const leaving = new AbortController();
  await rolledBack(db.pool, async (holder) => {
    await holder.query('lock table howdah.api_keys in access exclusive mode');
    const request = fetch(`${tight.url}/mcp`, { method: 'POST', headers, signal: leaving.signal });
    await eventually(
      db.pool,
      'it is looked up',
      `select from pg_stat_activity where application_name = 'howdah-login' and wait_event_type = 'Lock'
         and datname = current_database()`,
    );
    leaving.abort();
    await request.catch(() => {});
    await fetch(`${tight.url}/healthz`); // the server has noticed the disconnection
  });
  await until(async () => (await post(tight, INITIALIZE, headers)).status === 200);
  await tight.close();
});
