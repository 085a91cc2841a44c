import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { type Answer, startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';
import { openStream, type SseEvent } from '../rest/events.ts';
import { makeAgentTree, type TreeAgents } from './agent-tree.ts';

// Scene 3 through the protocols of user interfaces: AG-UI and useChat.

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let agentNames: TreeAgents;

beforeAll(async () => {
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
  agentNames = await makeAgentTree(db.pool);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

type Request = { method?: string; body?: object; headers?: Record<string, string> };

/** Reads the chunks of an answer until one is the last, or until the answer ends. */
async function read(
  path: string,
  { method = 'POST', body, headers }: Request,
  isLast: (chunk: Answer) => boolean = () => false,
): Promise<Answer[]> {
  const response = await fetch(`${api.url}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  expect(response.status).toBe(200);
  const chunks: Answer[] = [];
  let rest = '';
  for await (const bytes of response.body ?? []) {
    rest += Buffer.from(bytes).toString();
    const frames = rest.split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) {
      const data = frame.replace(/^data: /m, '');
      if (!data.startsWith('{')) continue;
      chunks.push(JSON.parse(data));
      if (isLast(chunks.at(-1))) return chunks; // leaving the loop closes the connection
    }
  }
  return chunks;
}

/** Returns the events below the top run, as sent by the REST stream. */
async function eventsBelow(executionId: string): Promise<string[]> {
  const stream = await openStream(api, `/api/executions/${executionId}/stream?tree=1`);
  await stream.end;
  return stream.events.filter(isBelow).map(textOf);
}

const isBelow = ({ id, data }: SseEvent) => id !== undefined && data.path.length > 1;
const textOf = ({ event, id, data }: Pick<SseEvent, 'event' | 'id' | 'data'>) =>
  JSON.stringify([event, id, data]);

/** Returns the events of several answers in order of arrival, each id once. */
const uniqueEvents = (events: { id?: string; text: string }[]) => [
  ...new Map(events.filter(({ id }) => id).map(({ id, text }) => [id, text])).values(),
];

test('AG-UI has the events below as custom events, over three cuts', async () => {
  const path = `/ag-ui/agents/${agentNames.boss}?tree=1`;
  const input = {
    ...{ threadId: 'thread', runId: 'run', state: {}, tools: [], context: [], forwardedProps: {} },
    messages: [{ id: 'm', role: 'user', content: 'Where is my parcel?' }],
  };
  const request = { body: input, headers: { 'idempotency-key': crypto.randomUUID() } };
  const customs: { id?: string; text: string }[] = [];
  const follow = async (sent: Request, isLast?: (event: Answer) => boolean) => {
    const chunks = await read(path, sent, ({ type, value }) =>
      Boolean(isLast && type === 'CUSTOM' && isLast(value)),
    );
    const values = chunks.filter(({ type }) => type === 'CUSTOM').map(({ value }) => value);
    customs.push(...values.map((value) => ({ id: value.id, text: textOf(value) })));
    return chunks;
  };
  const isStart = ({ event }: Answer) => event === 'started';
  const isAction = ({ event }: Answer) => event === 'action';
  const isEnd = ({ event }: Answer) => event === 'complete';
  await follow(request, isAction);
  await follow(request, isStart);
  const events = await follow(request);
  const { outcome } = events.at(-1);
  expect(outcome).toMatchObject({ type: 'interrupt', interrupts: [{ message: 'Which parcel?' }] });
  expect(customs.at(-1)?.text).toContain('ask_user');
  const [{ id: interruptId }] = outcome.interrupts;
  const resume = [{ interruptId, status: 'resolved', payload: 'The blue one.' }];
  const before = customs.length;
  await follow({ body: { ...input, messages: [], resume } }, isEnd);
  const resumed = customs.slice(before).filter(({ id }) => id);
  expect(resumed.map(({ text }) => JSON.parse(text)[0])).toEqual([
    ...['observation', 'observation', 'thought', 'complete'],
  ]);
  const whole = await follow(request);
  expect(whole.at(-1)).toMatchObject({
    type: 'RUN_FINISHED',
    result: 'Your parcel comes tomorrow.',
  });
  const executionId = whole[0].metadata.execution_id;
  expect(uniqueEvents(customs)).toEqual(await eventsBelow(executionId));
});

test('useChat has the events below as data parts, over three cuts', async () => {
  const chat = crypto.randomUUID();
  const body = {
    id: chat,
    agent: agentNames.boss,
    messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', text: 'Where is my parcel?' }] }],
  };
  const parts: { id?: string; text: string }[] = [];
  const isData = ({ type }: Answer) => type === 'data-howdah-event';
  const follow = async (path: string, sent: Request, isLast: (event: Answer) => boolean) => {
    const chunks = await read(path, sent, (chunk) => isData(chunk) && isLast(chunk.data));
    for (const { id, data } of chunks.filter(isData)) {
      const { event, ...said } = data;
      parts.push({ id, text: textOf({ event, id, data: said }) });
    }
    return chunks;
  };
  const resume = `/api/chat/${chat}/stream?tree=1`;
  const get = { method: 'GET' };
  const [start] = await follow('/api/chat?tree=1', { body }, ({ event }) => event === 'action');
  await follow(resume, get, ({ event }) => event === 'started');
  const answerParts = await follow(resume, get, () => false);
  const question = answerParts.find(({ type }) => type === 'data-howdah-question');
  expect(question.data).toMatchObject({ prompt: 'Which parcel?' });
  const reply = [{ type: 'text', text: 'The blue one.' }];
  const answer = {
    ...body,
    messages: [...body.messages, { id: 'm2', role: 'user', parts: reply }],
  };
  const before = parts.length;
  await follow('/api/chat?tree=1', { body: answer }, () => false);
  const { execution_id } = start.messageMetadata.howdah;
  expect(uniqueEvents(parts)).toEqual(await eventsBelow(execution_id));
  const [first] = parts.slice(before).flatMap(({ id, text }) => (id ? JSON.parse(text) : []));
  expect(first).toBe('observation'); // events before the question are not repeated
  const plain = await read('/api/chat', {
    body: { ...body, id: crypto.randomUUID() },
  });
  expect(plain.some(isData)).toBe(false);
});

test('a wrong value of tree is refused before anything starts', async () => {
  const { rows: before } = await db.pool.query('select count(*) from howdah.executions');
  for (const path of [`/ag-ui/agents/${agentNames.boss}?tree=x`, '/api/chat?tree=x']) {
    expect(await call(api, 'POST', path, {})).toMatchObject({
      status: 400,
      body: { field: 'tree' },
    });
  }
  const { rows: after } = await db.pool.query('select count(*) from howdah.executions');
  expect(after).toEqual(before);
});
