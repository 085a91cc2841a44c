import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FakeAnswer } from '../../../chaos/load/openai-server.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { makeAgent, makeApiKey, makeTenant, one } from '../../sql/support.ts';
import { locked, type OpenAiFixture, openOpenAiFixture, startTestApi } from '../openai/support.ts';
import { createChat, kindsOf, makeCautiousAgent, metadataOf, textOf, toolsOf } from './support.ts';

// Drives the API with the chat of the AI SDK, whose parser ends a stream at an unknown chunk.

let fixture: OpenAiFixture;
/** An API that requires a login. */
let api: ApiServer;
let tenant: string;
beforeAll(async () => {
  fixture = await openOpenAiFixture();
  api = await startTestApi(fixture.db.url, locked);
  tenant = (await one(fixture.db.pool, 'select howdah.current_tenant() as id')).id;
});
afterAll(async () => {
  await api?.close();
  await fixture?.close();
});

test('the program of docs/chat-ui.md is the one of the example', () => {
  const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
  const [, program] = /^```ts\n([\s\S]*?)^```/m.exec(read('docs/chat-ui.md')) ?? [];
  expect(program).toBe(read('examples/chat/use-howdah-chat.ts'));
});

test('streams a text, and keeps the conversation in one session', async () => {
  const agent = await fixture.agent((_request, messages) => ({
    content: `Heard ${messages.filter(({ role }) => role === 'user').length}.`,
  }));
  const chat = createChat(fixture.api, { agent });
  await chat.sendMessage({ text: 'Hello.' });
  expect(chat.errors).toEqual([]);
  expect(textOf(chat)).toBe('Heard 1.');
  const types = chat.chunks.map(({ type }) => type).filter((type) => type !== 'text-delta');
  expect(types).toEqual(['start', 'start-step', 'text-start', 'text-end', 'finish-step', 'finish']);
  const first = metadataOf(chat.messages[1]);
  expect(first).toMatchObject({
    agent,
    status: 'completed',
    usage: { totalTokens: expect.any(Number) },
    cost: expect.any(Number),
  });
  expect(chat.messages[1]?.id).toBe(first.execution_id);
  chat.messages = chat.messages.slice(-1); // the server ignores earlier messages from the client
  await chat.sendMessage({ text: 'Again.' });
  expect(textOf(chat)).toBe('Heard 2.');
  expect(metadataOf(chat.messages.at(-1)).session_id).toBe(first.session_id);
  expect(
    fixture
      .messagesOf(agent)
      .at(-1)
      ?.map(({ role }) => role)
      .slice(-3),
  ).toEqual([...['user', 'assistant', 'user']]);
});

test('shows tool calls with their results and errors', async () => {
  const agent = await fixture.agent(
    (_request, messages) =>
      messages.at(-1)?.role === 'tool'
        ? { content: 'Done.' }
        : {
            content: 'Let me see.',
            tool_calls: [
              { name: 'calculator', arguments: { expression: '6 * 7' } },
              { name: 'calculator', arguments: { expression: '6 *' } },
            ],
          },
    {},
    ['calculator'],
  );
  const chat = createChat(fixture.api, { agent });
  await chat.sendMessage({ text: 'Calculate.' });
  const message = chat.messages.at(-1);
  expect(kindsOf(message)).toEqual(['text', 'dynamic-tool', 'dynamic-tool', 'text']);
  expect(toolsOf(message)).toMatchObject([
    { toolName: 'calculator', state: 'output-available', input: { expression: '6 * 7' } },
    { toolName: 'calculator', state: 'output-error', errorText: expect.any(String) },
  ]);
  expect(JSON.stringify(toolsOf(message)[0])).toContain('42');
  expect(textOf(chat)).toBe('Let me see.|Done.');
});

/** Returns a chunk of a streamed answer of the model server. */
const delta = (content: JsonObject): JsonObject => ({ choices: [{ index: 0, delta: content }] });

test('shows reasoning before the text that was streamed', async () => {
  const agent = await fixture.agent(() => ({
    chunks: [
      delta({ role: 'assistant', reasoning_content: 'Think.' }),
      ...['It ', 'is ', '42.'].map((content) => delta({ content })),
      { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
    ],
  }));
  const chat = createChat(fixture.api, { agent });
  await chat.sendMessage({ text: 'What is 6 * 7?' });
  expect(chat.errors).toEqual([]);
  expect(kindsOf(chat.messages[1])).toEqual(['reasoning', 'text']);
  expect(chat.messages[1]?.parts[1]).toMatchObject({ type: 'reasoning', text: 'Think.' });
  expect(textOf(chat)).toBe('It is 42.');
});

describe('an approval', () => {
  const open = async () => {
    const chat = createChat(fixture.api, { agent: await makeCautiousAgent(fixture) });
    await chat.sendMessage({ text: 'What is 6 * 7?' });
    const [tool] = toolsOf(chat.messages.at(-1));
    if (tool?.state !== 'approval-requested') throw new Error('no approval was requested');
    expect(chat.status).toBe('ready');
    return { chat, approvalId: tool.approval.id };
  };
  /** Resolves when the request that the answer sends automatically has ended. */
  const waitForAnswer = async (chat: ReturnType<typeof createChat>) => {
    await expect.poll(() => toolsOf(chat.messages[1])[0]?.state).toMatch(/^output-/);
    await expect.poll(() => chat.status).toBe('ready');
  };

  test('that is granted continues the same message', async () => {
    const { chat, approvalId } = await open();
    await chat.addToolApprovalResponse({ id: approvalId, approved: true });
    await waitForAnswer(chat);
    expect(chat.errors).toEqual([]);
    expect(chat.messages).toHaveLength(2);
    expect(toolsOf(chat.messages[1])[0]).toMatchObject({ state: 'output-available' });
    expect(textOf(chat)).toContain('42');
  });

  test('that is denied tells the agent the reason', async () => {
    const { chat, approvalId } = await open();
    await chat.addToolApprovalResponse({ id: approvalId, approved: false, reason: 'Not today.' });
    await waitForAnswer(chat);
    expect(chat.errors).toEqual([]);
    expect(toolsOf(chat.messages[1])[0]).toMatchObject({ state: 'output-denied' });
    expect(textOf(chat)).toContain('Not today.');
  });

  test('must be answered before the next message, and once', async () => {
    const { chat, approvalId } = await open();
    const other = createChat(fixture.api, { id: chat.id });
    await other.sendMessage({ text: 'Well?' });
    expect(JSON.parse(other.errors[0] ?? '')).toMatchObject({ status: 409, code: 'HWCNF' });
    await fixture.db.pool.query('select howdah.reject($1)', [approvalId]);
    await chat.addToolApprovalResponse({ id: approvalId, approved: true });
    await expect.poll(() => chat.errors).toHaveLength(1);
    expect(JSON.parse(chat.errors[0] ?? '')).toMatchObject({ status: 409, code: 'HWCNF' });
  });

  test('of a child run is a call of its own', async () => {
    const child = await makeCautiousAgent(fixture);
    const parent = await fixture.agent((_request, messages) =>
      messages.at(-1)?.role === 'tool'
        ? { content: `Child: ${JSON.stringify(messages.at(-1)?.content)}` }
        : { tool_calls: [{ name: 'helper', arguments: { message: 'Go.' } }] },
    );
    await fixture.db.pool.query(
      `with made as (
         insert into howdah.tools (name, description, kind, agent_id, parameters)
         values ('helper', 'Helps.', 'agent', howdah.agent($1),
           '{"type": "object", "properties": {"message": {"type": "string"}}}')
         returning id
       ) insert into howdah.agent_tools (agent_id, tool_id) select howdah.agent($2), id from made`,
      [child, parent],
    );
    const chat = createChat(fixture.api, { agent: parent });
    await chat.sendMessage({ text: 'Go.' });
    const [call, question] = toolsOf(chat.messages[1]);
    expect([call?.toolName, call?.state]).toEqual(['helper', 'input-available']);
    expect(question).toMatchObject({ toolName: 'calculator', state: 'approval-requested' });
    await chat.addToolApprovalResponse({ id: question?.approval?.id ?? '', approved: true });
    await expect.poll(() => toolsOf(chat.messages[1])[0]?.state).toBe('output-available');
    await expect.poll(() => chat.status).toBe('ready');
    expect(chat.errors).toEqual([]);
    expect(toolsOf(chat.messages[1])).toHaveLength(2);
    expect(textOf(chat)).toContain('42');
  });
});

test('a question is text and data, and the next message answers it', async () => {
  const agent = await fixture.agent(
    (_request, messages) =>
      messages.at(-1)?.role === 'tool'
        ? { content: `Painted: ${JSON.stringify(messages.at(-1)?.content)}` }
        : { tool_calls: [{ name: 'ask_user', arguments: { question: 'Which colour?' } }] },
    { human_input: true },
  );
  const chat = createChat(fixture.api, { agent });
  await chat.sendMessage({ text: 'Paint it.' });
  expect(kindsOf(chat.messages[1])).toEqual(['data-howdah-question', 'text']);
  expect(textOf(chat)).toBe('Which colour?');
  await chat.sendMessage({ text: 'blue' });
  expect(chat.errors).toEqual([]);
  expect(textOf(chat)).toContain('blue');
  const [first, second] = [chat.messages[1], chat.messages[3]];
  expect(metadataOf(second).execution_id).toBe(metadataOf(first).execution_id);
  expect(second?.id).not.toBe(first?.id);
  await chat.regenerate();
  expect(JSON.parse(chat.errors[0] ?? '')).toMatchObject({ status: 409, field: 'messageId' });
});

test('a failed run is an error, and regenerate retries it', async () => {
  let failures = 1;
  const agent = await fixture.agent(() => {
    failures -= 1;
    return failures >= 0
      ? { status: 400, error: { message: 'no such model' } }
      : { content: 'Back.' };
  });
  const chat = createChat(fixture.api, { agent });
  await chat.sendMessage({ text: 'Hello.' });
  expect(chat.status).toBe('error');
  expect(chat.errors).toEqual([expect.stringContaining('no such model')]);
  await chat.regenerate();
  expect(textOf(chat)).toBe('Back.');
  const { session_id } = metadataOf(chat.messages.at(-1));
  const runs = 'select count(*)::int as runs from howdah.executions where session_id = $1';
  expect(await one(fixture.db.pool, runs, [session_id])).toEqual({ runs: 1 });
});

test('regenerate and edited messages continue in a fork of the session', async () => {
  let answers = 0;
  const agent = await fixture.agent((_request, messages) => {
    answers += 1;
    const said = messages.filter(({ role }) => role === 'user').map(({ content }) => content);
    return { content: `${answers}: ${said.join(' ')}` };
  });
  const chat = createChat(fixture.api, { agent });
  await chat.sendMessage({ text: 'a' });
  await chat.regenerate();
  expect(textOf(chat)).toBe('2: a');
  await chat.sendMessage({ text: 'b' });
  await chat.sendMessage({ text: 'c' });
  const sessions = new Set(chat.messages.slice(3).map((one) => one.metadata?.howdah.session_id));
  await chat.regenerate();
  expect(textOf(chat)).toBe('5: a b c');
  expect(sessions).not.toContain(metadataOf(chat.messages.at(-1)).session_id);
  // a turn that was copied by the fork
  await chat.regenerate({ messageId: chat.messages[3]?.id ?? '' });
  expect(textOf(chat)).toBe('6: a b');
  await chat.sendMessage({ text: 'B', messageId: chat.messages[2]?.id ?? '' });
  expect(chat.errors).toEqual([]);
  expect(textOf(chat)).toBe('7: a B');
  expect(chat.messages).toHaveLength(4);
});

describe('a stream', () => {
  /** Makes an agent whose answer starts when the test releases it. */
  const makeSlowAgent = async (answer: FakeAnswer = { content: 'At last.' }) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const agent = await fixture.agent(async () => {
      await promise;
      return answer;
    });
    return { agent, finish: resolve };
  };
  const waitForStart = (chat: ReturnType<typeof createChat>) =>
    expect.poll(() => chat.chunks.map(({ type }) => type)).toContain('start');

  test('is resumed from its first chunk, in as many tabs as one likes', async () => {
    const { agent, finish } = await makeSlowAgent();
    const chat = createChat(fixture.api, { agent });
    const sent = chat.sendMessage({ text: 'Hello.' });
    await waitForStart(chat);
    const history = chat.messages.slice(0, 1);
    const tabs = [1, 2].map(() => createChat(fixture.api, { id: chat.id, messages: history }));
    const resumed = tabs.map((tab) => tab.resumeStream());
    await Promise.all(tabs.map(waitForStart));
    await chat.stop(); // disconnects; the run continues
    await sent;
    finish();
    await Promise.all(resumed);
    for (const tab of tabs) {
      expect(tab.errors).toEqual([]);
      expect(textOf(tab)).toBe('At last.');
      expect(tab.messages).toHaveLength(2);
    }
    const idle = await fetch(`${fixture.api.url}/api/chat/${chat.id}/stream`);
    expect(idle.status).toBe(204);
    await chat.resumeStream();
    expect(chat.status).toBe('ready');
  });

  test('begins with the text so far, also after every client has left', async () => {
    const words = Array.from({ length: 400 }, (_, index) => `word${index} `);
    const chunks = words.map((content) => delta({ content }));
    const { agent, finish } = await makeSlowAgent({ chunks, stall: 16_000 });
    const chat = createChat(fixture.api, { agent });
    const sent = chat.sendMessage({ text: 'Hello.' });
    await waitForStart(chat); // a worker sends pieces of an answer only while the run is followed
    finish();
    const lengthOf = (one: typeof chat) => textOf(one).length;
    await expect.poll(() => lengthOf(chat)).toBeGreaterThan(20);
    await chat.stop();
    await sent;
    const tab = createChat(fixture.api, { id: chat.id, messages: chat.messages.slice(0, 1) });
    const resumed = tab.resumeStream();
    await expect.poll(() => lengthOf(tab)).toBeGreaterThan(20);
    expect(words.join('').startsWith(textOf(tab))).toBe(true);
    await fetch(`${fixture.api.url}/api/chat/${chat.id}/stream`, { method: 'DELETE' });
    await resumed;
    expect(tab.errors).toEqual([]);
  });

  test('shows an open approval again', async () => {
    const chat = createChat(fixture.api, { agent: await makeCautiousAgent(fixture) });
    await chat.sendMessage({ text: 'What is 6 * 7?' });
    const tab = createChat(fixture.api, { id: chat.id, messages: chat.messages.slice(0, 1) });
    await tab.resumeStream();
    const [tool] = toolsOf(tab.messages[1]);
    expect(tool?.state).toBe('approval-requested');
    await tab.addToolApprovalResponse({ id: tool?.approval?.id ?? '', approved: true });
    await expect.poll(() => textOf(tab)).toContain('42');
    expect(tab.messages).toHaveLength(2);
  });

  test('ends with its run: by DELETE, or by a header when the client disconnects', async () => {
    const statusOf = async (chat: ReturnType<typeof createChat>) => {
      const id = chat.chunks.flatMap((chunk) => (chunk.type === 'start' ? [chunk.messageId] : []));
      return one(fixture.db.pool, 'select status from howdah.executions where id = $1', [id[0]]);
    };
    const { agent, finish } = await makeSlowAgent();
    const first = createChat(fixture.api, { agent });
    const sent = first.sendMessage({ text: 'Hello.' });
    await waitForStart(first);
    const path = `${fixture.api.url}/api/chat/${first.id}/stream`;
    expect((await fetch(path, { method: 'DELETE' })).status).toBe(204);
    await sent;
    expect(await statusOf(first)).toEqual({ status: 'cancelled' });
    expect((await fetch(path, { method: 'DELETE' })).status).toBe(204);

    const headers = { 'x-howdah-on-disconnect': 'cancel' };
    const second = createChat(fixture.api, { agent, headers });
    const stopped = second.sendMessage({ text: 'Hello.' });
    await waitForStart(second);
    await second.stop();
    await stopped;
    await expect.poll(() => statusOf(second)).toEqual({ status: 'cancelled' });
    finish();
  });
});

test('an image and a file reach the agent', async () => {
  const agent = await fixture.agent(() => ({ content: 'Seen.' }));
  const chat = createChat(fixture.api, { agent });
  const png =
    'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  await chat.sendMessage({
    text: 'What is this?',
    files: [{ type: 'file', mediaType: 'image/png', url: png }],
  });
  expect(chat.errors).toEqual([]);
  expect(JSON.stringify(fixture.messagesOf(agent).at(-1))).toContain('image_url');
});

describe('refusals', () => {
  const user = (parts: unknown[]) => ({ id: 'm', role: 'user', parts });
  const hello = [user([{ type: 'text', text: 'Hello.' }])];
  async function post(body: unknown, headers: Record<string, string> = {}, of = fixture.api) {
    const response = await fetch(`${of.url}/api/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }
  const faultOf = async (body: unknown, headers = {}) => {
    const { status, body: problem } = await post(body, headers);
    return [status, problem.code, problem.field];
  };

  test('are problems that name the field', async () => {
    const agent = await fixture.agent(() => ({ content: 'Hi.' }));
    const of = (messages: unknown, more = {}) => ({ id: 'refused', agent, messages, ...more });
    expect(await faultOf([])).toEqual([400, 'HWINV', 'body']);
    expect(await faultOf({ messages: hello })).toEqual([400, 'HWINV', 'id']);
    expect(await faultOf(of([]))).toEqual([400, 'HWINV', 'messages']);
    expect(await faultOf(of([{ id: 'm', role: 'assistant', parts: [] }]))).toEqual([
      ...[400, 'HWINV', 'messages'],
    ]);
    expect(await faultOf(of([user([])]))).toEqual([400, 'HWINV', 'messages[0].parts']);
    const film = { type: 'file', mediaType: 'video/mp4', url: 'https://x.test/v.mp4' };
    expect(await faultOf(of([user([film])]))).toEqual([400, 'HWINV', 'messages[0].parts[0]']);
    expect(await faultOf(of(hello, { trigger: 'x' }))).toEqual([400, 'HWINV', 'trigger']);
    expect(await faultOf(of(hello, { trigger: 'regenerate-message' }))).toEqual([
      ...[404, 'HWNTF', 'messageId'],
    ]);
    const approval = { id: '01890000-0000-7000-8000-000000000000', approved: true };
    const decided = { type: 'dynamic-tool', state: 'approval-responded', approval };
    expect(await faultOf(of([{ id: 'm', role: 'assistant', parts: [decided] }]))).toEqual([
      ...[404, 'HWNTF', 'messages'],
    ]);
    expect((await faultOf({ ...of(hello), agent: 'nobody-here' })).slice(0, 2)).toEqual([
      ...[404, 'HWNTF'],
    ]);
    expect(await faultOf(of(hello), { 'x-howdah-on-disconnect': 'wait' })).toEqual([
      ...[400, 'HWINV', 'x-howdah-on-disconnect'],
    ]);
    expect(fixture.messagesOf(agent)).toEqual([]);
  });

  test('a chat belongs to its user: the same id elsewhere is another chat', async () => {
    const agent = await makeCautiousAgent(fixture);
    const other = await makeTenant(fixture.db.pool);
    await makeAgent(fixture.db.pool, { name: agent, tenant_id: other });
    const mine = (await makeApiKey(fixture.db.pool, tenant)).key;
    const theirs = (await makeApiKey(fixture.db.pool, other, { role: 'owner' })).key;
    const chat = createChat(api, { agent, key: mine });
    await chat.sendMessage({ text: 'What is 6 * 7?' });
    const { session_id } = metadataOf(chat.messages[1]);
    const as = (key: string) => ({ authorization: `Bearer ${key}` });
    for (const id of [chat.id, session_id]) {
      const path = `${api.url}/api/chat/${id}/stream`;
      expect((await fetch(path, { headers: as(theirs) })).status).toBe(204);
      expect((await fetch(path, { method: 'DELETE', headers: as(theirs) })).status).toBe(204);
    }
    const [tool] = toolsOf(chat.messages[1]);
    const answered = chat.messages.slice(1).map((message) => ({
      ...message,
      parts: message.parts.map((part) =>
        part === tool
          ? { ...part, state: 'approval-responded', approval: { ...tool.approval, approved: true } }
          : part,
      ),
    }));
    const stolen = await post({ id: chat.id, messages: answered }, as(theirs), api);
    expect([stolen.status, stolen.body.code]).toEqual([404, 'HWNTF']);
    const again = await post(
      { id: chat.id, messages: [], trigger: 'regenerate-message', messageId: chat.messages[1]?.id },
      as(theirs),
      api,
    );
    expect([again.status, again.body.code]).toEqual([404, 'HWNTF']);
    const status = 'select status from howdah.executions where session_id = $1';
    expect(await one(fixture.db.pool, status, [session_id])).toEqual({ status: 'waiting' });
    // a session id of the caller is also the id of a chat
    const tab = createChat(api, { id: session_id, key: mine });
    await tab.resumeStream();
    expect(toolsOf(tab.messages[0])[0]?.state).toBe('approval-requested');
  });

  test('a caller without permission is rejected', async () => {
    const agent = await fixture.agent(() => ({ content: 'Hi.' }));
    const body = { id: 'locked', agent, messages: hello };
    expect((await post(body, {}, api)).status).toBe(401);
    const viewer = await makeApiKey(fixture.db.pool, tenant, { role: 'viewer' });
    const as = { authorization: `Bearer ${viewer.key}` };
    expect((await post(body, as, api)).status).toBe(403);
  });

  test('two first messages of a chat at once begin one session', async () => {
    const agent = await fixture.agent(() => ({ content: 'Hi.' }));
    const tabs = [1, 2].map(() => createChat(fixture.api, { agent, id: `twice-${agent}` }));
    await Promise.all(tabs.map((tab) => tab.sendMessage({ text: 'Hello.' })));
    expect(tabs.map(({ errors }) => errors)).toEqual([[], []]);
    const [first, second] = tabs.map((tab) => metadataOf(tab.messages[1]).session_id);
    expect(first).toBe(second);
  });
});
