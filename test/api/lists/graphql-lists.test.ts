import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeAgent, makeRun, one, unique } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import {
  type Answer,
  ask,
  driveRun,
  follow,
  openSocket,
  type Socket,
  startTestApi,
  until,
} from '../harness.ts';

const db = testDatabase();
let api: ApiServer;
let socket: Socket;

beforeAll(async () => {
  api = await startTestApi(db.url, { listPollMs: 20 });
});
afterAll(async () => {
  await api?.close();
});
beforeEach(() => {
  socket = openSocket(api);
});
afterEach(async () => {
  await socket.client.dispose();
});

const FEED = `subscription ($filter: ExecutionsFeedFilter, $after: String, $first: Int) {
  executionsFeed(filter: $filter, after: $after, first: $first) {
    kind cursor id execution { id status stepCount agent { name } }
  }
}`;
const QUESTIONS = `subscription ($filter: QuestionsFeedFilter) {
  questionsFeed(filter: $filter) { kind id question { prompt status execution { id } } }
}`;
const GATHERED = `subscription (
  $filter: ExecutionsFeedFilter, $after: String, $first: Int, $gatherMs: Int = 200, $newestOnly: Boolean
) {
  executionsFeed(
    filter: $filter, after: $after, first: $first, gatherMs: $gatherMs, newestOnly: $newestOnly
  ) {
    kind cursor id execution { id } executions { id status agent { id } } removedIds
  }
}`;
const isCancelled = ({ status }: Answer) => status === 'cancelled';

/** Creates runs that wait for tomorrow. Returns their ids, the oldest first. */
async function makeRuns(agent_id: string, count: number): Promise<string[]> {
  const { rows } = await db.pool.query(
    `insert into howdah.executions (agent_id, input, run_at)
     select $1, 'x', now() + interval '1 day' from generate_series(1, $2::int) returning id`,
    [agent_id, count],
  );
  return rows.map(({ id }) => id).sort();
}

/** Returns the ids of gathered events: those that changed, in order, and those that left. */
function gatheredIds(items: Answer[]) {
  return {
    changed: items.flatMap(({ executions }) => executions.map(({ id }: Answer) => id)),
    removed: items.flatMap(({ removedIds }) => removedIds).sort(),
  };
}

const kinds = (items: Answer[], id: string) =>
  items.filter((item) => item.id === id).map(({ kind, execution }) => execution?.status ?? kind);

describe('executionsFeed', () => {
  test('sends the rows, each change with its relations, and what leaves the list', async () => {
    const name = unique('desk');
    const agent_id = await makeAgent(db.pool, { name });
    const id = await makeRun(db.pool, { agent_id, metadata: { order: 7, tags: ['vip'] } });
    const filter = {
      agent: name,
      metadata: { order: 7 },
      tag: 'vip',
      status: ['queued', 'running'],
    };
    const { items, errors } = follow(socket, FEED, { filter });
    await until(() => items.some(({ kind }) => kind === 'synced'));
    expect(items[0]).toEqual({
      ...{ kind: 'changed', cursor: null, id },
      execution: { id, status: 'queued', stepCount: 0, agent: { name } },
    });
    const run = await driveRun(db.pool, id);
    await until(() => kinds(items, id).includes('running'));
    await run.finish();
    await until(() => kinds(items, id).includes('removed'));
    expect(kinds(items, id)).toEqual(['queued', 'running', 'removed']);
    expect(errors).toEqual([]);
  });

  test('continues after a cursor', async () => {
    const agentId = await makeAgent(db.pool);
    const first = follow(socket, FEED, { filter: { agentId } });
    await until(() => first.items.length === 1);
    const id = await makeRun(db.pool, { agent_id: agentId });
    await until(() => first.items.length === 2);
    first.stop();
    const next = await makeRun(db.pool, { agent_id: agentId });
    const { items } = follow(socket, FEED, {
      ...{ filter: { agentId }, after: first.items.at(-1).cursor },
    });
    await until(() => items.some(({ kind }) => kind === 'synced'));
    expect(kinds(items, id)).toEqual([]);
    expect(kinds(items, next)).toEqual(['queued']);
  });

  test('gathers changes into events of many rows', async () => {
    const agentId = await makeAgent(db.pool);
    const ids = await makeRuns(agentId, 3);
    const { items, errors } = follow(socket, GATHERED, { filter: { agentId, status: ['queued'] } });
    await until(() => items.some(({ kind }) => kind === 'synced'));
    expect(items.map(({ kind }) => kind)).toEqual(['gathered', 'synced']);
    expect(items[0]).toMatchObject({ cursor: null, id: null, execution: null, removedIds: [] });
    expect(items[0].executions).toEqual(
      ids.map((id) => ({ id, status: 'queued', agent: { id: agentId } })),
    );
    const added = await makeRuns(agentId, 2);
    await db.pool.query('select howdah.cancel_execution(id) from unnest($1::uuid[]) as id', [ids]);
    await until(() => items.at(-1).kind === 'gathered' && gatheredIds(items).removed.length === 3);
    expect(gatheredIds(items.slice(1))).toEqual({ changed: added, removed: ids });
    const { cursor } = items.at(-1);
    const next = await makeRuns(agentId, 1);
    const resumed = follow(socket, GATHERED, { filter: { agentId }, after: cursor });
    await until(() => resumed.items.some(({ kind }) => kind === 'synced'));
    expect(gatheredIds(resumed.items)).toEqual({ changed: next, removed: [] });
    expect(errors).toEqual([]);
  });

  test('sends a full event before its time is over', async () => {
    const agentId = await makeAgent(db.pool);
    const ids = await makeRuns(agentId, 250);
    const variables = { filter: { agentId }, first: 250, gatherMs: 10_000 };
    const { items } = follow(socket, GATHERED, variables);
    await until(() => items.some(({ kind }) => kind === 'synced'));
    expect(items.map(({ executions }) => executions.length)).toEqual([100, 100, 50, 0]);
    expect(gatheredIds(items).changed).toEqual(ids);
  });

  test('keeps to the newest rows', async () => {
    const agentId = await makeAgent(db.pool);
    const ids = await makeRuns(agentId, 4);
    const variables = { filter: { agentId }, first: 2, gatherMs: 20, newestOnly: true };
    const { items } = follow(socket, GATHERED, variables);
    await until(() => items.some(({ kind }) => kind === 'synced'));
    expect(gatheredIds(items).changed).toEqual(ids.slice(2));
    const [added] = await makeRuns(agentId, 1);
    await until(() => gatheredIds(items).changed.includes(added));
    // the third run has left the newest two, so only the changes of the last two are sent
    const cancel = 'select howdah.cancel_execution($1)';
    for (const id of [...ids, added]) await db.pool.query(cancel, [id]);
    const isEnd = ({ id, status }: Answer) => id === added && status === 'cancelled';
    await until(() => items.some(({ executions }) => executions.some(isEnd)));
    const seen = items.flatMap(({ executions }) => executions.filter(isCancelled));
    expect(seen.map(({ id }: Answer) => id)).toEqual([ids[3], added]);
  });

  test.each([
    [{ after: 'nonsense' }, 'HWINV'],
    [{ first: 100_000 }, 'HWINV'],
    [{ gatherMs: 60_000 }, 'HWINV'],
    [{ gatherMs: -1 }, 'HWINV'],
    [{ newestOnly: true, after: '1' }, 'HWINV'],
    [{ filter: { agent: 'nobody' } }, 'HWNTF'],
  ])('%j is refused', async (variables, code) => {
    const { errors, end } = follow(socket, GATHERED, variables);
    await end;
    expect(errors.map(({ extensions }) => extensions.code)).toEqual([code]);
  });

  test('needs a WebSocket', async () => {
    const { errors } = await ask(api, FEED);
    expect(errors[0]?.message).toBeDefined();
  });
});

test('questionsFeed sends open questions until they close', async () => {
  const id = await makeRun(db.pool);
  const { items } = follow(socket, QUESTIONS, { filter: { executionId: id } });
  await until(() => items.length === 1);
  const question = await one(
    db.pool,
    `insert into howdah.questions (execution_id, root_execution_id, kind, prompt)
     values ($1, $1, 'question', 'Which?') returning id`,
    [id],
  );
  await until(() => items.length === 2);
  expect(items[1]).toEqual({
    ...{ kind: 'changed', id: question.id },
    question: { prompt: 'Which?', status: 'open', execution: { id } },
  });
  await db.pool.query('select howdah.cancel_execution($1)', [id]);
  await until(() => items.length === 3);
  expect(items[2]).toEqual({ kind: 'removed', id: question.id, question: null });
});
