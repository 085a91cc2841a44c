import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { StreamEvent } from '../../../src/contracts/runs/stream-event.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';
import { openStream } from '../rest/events.ts';
import { makeAgentTree, type TreeAgents } from './agent-tree.ts';
import { RUN_CLIENTS, SESSION_CLIENTS, type TreeClient } from './tree-clients.ts';

// Scene 3 with two levels of sub-agents, followed on one stream through every interface.

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

type Run = { execution_id: string; session_id: string };

async function start(): Promise<Run> {
  const { body: session } = await call(api, 'POST', '/sessions', { agent: agentNames.boss });
  const path = `/sessions/${session.id}/messages`;
  const { body } = await call(api, 'POST', path, { content: 'Where is my parcel?' });
  return { execution_id: body.execution_id, session_id: session.id };
}

const answer = (event: StreamEvent) =>
  call(api, 'POST', `/api/questions/${event.data.question_id}/answer`, { answer: 'The blue one.' });

/** Returns the events with an id as texts, which are equal for equal events. */
const eventTexts = (events: readonly StreamEvent[]) =>
  events.flatMap(({ id, event, data }) => (id ? JSON.stringify([id, event, data]) : []));

const isEnd = ({ event, data }: StreamEvent) =>
  event === 'complete' && (data.path as unknown[] | undefined)?.length === 1;
const isOf = (kind: string) => (event: StreamEvent) => event.event === kind;

/**
 * Follows a run with three disconnections: at the first action, the question and the end of a
 * child.
 */
async function followWithCuts(client: TreeClient, run: Run): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  const read = async (isLast: (event: StreamEvent) => boolean) => {
    const after = events.findLast(({ id }) => id !== undefined)?.id;
    events.push(...(await client(api, run, after, isLast)));
    return events.at(-1) as StreamEvent;
  };
  await read(isOf('action'));
  await answer(await read(isOf('ask_user')));
  await read(isOf('complete'));
  await read(isEnd);
  return events;
}

/** Returns a summary of the events in order, with the roles of the agents. */
const summaryOf = (events: readonly StreamEvent[]) => {
  const names = new Map(Object.entries(agentNames).map(([role, name]) => [name, role]));
  return events
    .filter(({ id }) => id !== undefined)
    .map(({ event, data }) => {
      const { length } = data.path as unknown[];
      return `${length} ${names.get(String(data.agent))} ${event}`;
    });
};

const EXPECTED_EVENTS = [
  '1 boss thought',
  '1 boss action',
  '1 boss started',
  '2 worker thought',
  '2 worker action',
  '2 worker started',
  '3 helper thought',
  '3 helper action',
  '3 helper ask_user',
  '3 helper observation', // the answer
  '3 helper observation', // the result of ask_user
  '3 helper thought',
  '3 helper complete',
  '2 worker observation', // the end of the helper
  '2 worker observation', // the result of the call
  '2 worker action',
  '2 worker observation',
  '2 worker thought',
  '2 worker complete',
  '1 boss observation',
  '1 boss observation',
  '1 boss thought',
  '1 boss complete',
];

describe.each([
  ['a run', RUN_CLIENTS],
  ['a session', SESSION_CLIENTS],
])('the tree of %s', (_what, clients) => {
  test.each(Object.keys(clients))('is complete over three cuts by %s', async (name) => {
    const run = await start();
    const events = await followWithCuts(clients[name] as TreeClient, run);
    expect(summaryOf(events)).toEqual(EXPECTED_EVENTS);
    for (const [other, client] of Object.entries(clients)) {
      const replayed = await client(api, run, undefined, isEnd);
      expect(eventTexts(replayed), `${name} and ${other}`).toEqual(eventTexts(events));
    }
  });
});

test('answers of all levels stream, and each piece names its run', async () => {
  const levels = new Set<number>();
  // a piece is lost if its step is read first, so that a single run may lack the pieces of a level
  for (let runs = 0; levels.size < 3; runs += 1) {
    expect(runs).toBeLessThan(20);
    const run = await start();
    const stream = await openStream(api, `/api/executions/${run.execution_id}/stream?tree=1`);
    await answer((await stream.when(({ event }) => event === 'ask_user')) as StreamEvent);
    await stream.end;
    const thoughts = new Map(
      stream.events
        .filter(({ event }) => event === 'thought')
        .map(({ data }) => [`${data.execution_id} ${data.seq}`, data]),
    );
    const placeOf = (fits: (event: (typeof stream.events)[number]) => boolean) =>
      stream.events.findIndex(fits);
    for (const { id, data } of stream.events.filter(({ event }) => event === 'token')) {
      const start = placeOf((one) => one.data.child_execution_id === data.execution_id);
      const token = placeOf((one) => one.event === 'token' && one.data === data);
      expect(start).toBeLessThan(token); // -1 for the top run
      const { content, path, agent } = thoughts.get(`${data.execution_id} ${data.seq}`);
      expect({ id, path: data.path, agent: data.agent }).toEqual({ id: undefined, path, agent });
      expect(content.startsWith(data.content, data.offset)).toBe(true);
      levels.add(path.length);
    }
  }
});

test('the stream of a child run has the tree below the child, with ids of its own', async () => {
  const run = await start();
  const whole = await openStream(api, `/api/executions/${run.execution_id}/stream?tree=1`);
  await answer((await whole.when(({ event }) => event === 'ask_user')) as StreamEvent);
  await whole.end;
  const child = whole.events.find(({ event }) => event === 'started')?.data.child_execution_id;
  const stream = await openStream(api, `/api/executions/${child}/stream?tree=1`);
  await stream.end;
  const below = EXPECTED_EVENTS.filter((line) => !line.startsWith('1'));
  expect(summaryOf(stream.events as StreamEvent[])).toEqual(
    below.map((line) => `${Number(line[0]) - 1}${line.slice(1)}`),
  );
  const ids = stream.events.flatMap(({ id }) => id ?? []);
  expect(ids.slice(0, 4)).toEqual(['1.1', '1.2', '2.1', '2-1.1']);
  expect(new Set(ids).size).toBe(ids.length);
});

test('without the tree, a stream is as before, and cursors of both kinds resume both', async () => {
  const run = await start();
  const path = `/api/executions/${run.execution_id}/stream`;
  const tree = await openStream(api, `${path}?tree=1`);
  await answer((await tree.when(({ event }) => event === 'ask_user')) as StreamEvent);
  await tree.end;
  const own = await openStream(api, path);
  await own.end;
  const ofTop = tree.events.filter(({ id, data }) => id && data.path.length === 1);
  expect(own.eventLines()).toEqual(ofTop.map(({ event, id }) => `${event} ${id}`));
  expect(own.events.some(({ data }) => 'path' in data)).toBe(false);
  const from = async (lastEventId: string, query = '') => {
    const stream = await openStream(api, `${path}${query}`, { lastEventId });
    await stream.end;
    return stream.eventLines();
  };
  expect(await from('2-5.1')).toEqual(
    own.eventLines().slice(own.eventLines().indexOf('started 2.1') + 1),
  );
  for (const id of ['1.1', '2.1', '2-1.1', '2-9.1', '5.1']) {
    const index = tree.events.findIndex((event) => event.id === id);
    const rest = tree.events.slice(index + 1).filter((event) => event.id);
    expect(await from(id, '?tree=1')).toEqual(rest.map((event) => `${event.event} ${event.id}`));
  }
  expect(await from('6.1', '?tree=1')).toEqual([]);
  const session = await openStream(api, `/sessions/${run.session_id}/stream?tree=0`);
  await session.when(({ event }) => event === 'complete');
  session.close();
  expect(session.eventLines()).toEqual(own.eventLines().map((line) => line.replace(' ', ' 1.')));
});

test('a wrong value of tree and a wrong cursor are refused with the field', async () => {
  const { execution_id } = await start();
  const path = `/api/executions/${execution_id}/stream`;
  expect(await call(api, 'GET', `${path}?tree=yes`)).toMatchObject({
    status: 400,
    body: { code: 'HWINV', field: 'tree' },
  });
  expect(await call(api, 'GET', `${path}?tree=1&after=2-x.1`)).toMatchObject({
    status: 400,
    body: { code: 'HWINV', field: 'after' },
  });
});
