import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { turnsFrom } from '../../../src/db/feed/stream-queries.ts';
import { loggedSteps } from '../../../src/db/log/step-log.ts';
import { marksOf } from '../../../src/db/mcp/sessions.ts';
import { sessionUsage } from '../../../src/db/queries/chat-session.ts';
import { liveRuns } from '../../../src/db/queries/live-runs.ts';
import { listExecutions, queriesOn } from '../../../src/db/queries/queries.ts';
import { claim, makeAgent, makeRun, makeSession, makeWorker } from '../../sql/support.ts';
import { advanceHead } from '../../support/database/run-heads.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, follow, openSocket, startTestApi, UPDATED, until } from '../harness.ts';
import { call } from '../rest/call.ts';

// Every interface reads the counters of an active run from its head.
describe('a run whose head is ahead of its row', () => {
  const db = testDatabase();
  let api: ApiServer;
  let session: string;
  let id: string;

  beforeAll(async () => {
    api = await startTestApi(db.url);
    const agent = await makeAgent(db.pool);
    session = await makeSession(db.pool, { agent_id: agent });
    id = await makeRun(db.pool, { agent_id: agent, session_id: session });
    await claim(db.pool, await makeWorker(db.pool), [id]);
    await advanceHead(db.pool, id);
  });
  afterAll(async () => {
    await api?.close();
  });

  test('is current in GraphQL', async () => {
    const run = 'stepCount messageCount modelCount tokensIn tokensOut cost trust updatedAt';
    const { data, errors } = await ask(
      api,
      `query ($id: UUID!, $session: UUID!) {
        execution(id: $id) { status ${run} tree { nodes { tokensIn totalCost } } }
        executions(filter: {sessionId: {equalTo: $session}}) { nodes { ${run} } }
        session(id: $session) { executions { nodes { stepCount cost } } }
      }`,
      { id, session },
    );
    expect(errors).toEqual([]);
    const shown = {
      stepCount: 1,
      messageCount: 2,
      modelCount: 1,
      tokensIn: '100',
      tokensOut: '20',
      cost: '0.5',
      trust: 'external',
    };
    expect(data.execution).toMatchObject({ ...shown, status: 'running' });
    expect(data.execution.tree.nodes).toEqual([{ tokensIn: '100', totalCost: '0.5' }]);
    expect(data.executions.nodes).toMatchObject([shown]);
    expect(data.session.executions.nodes).toEqual([{ stepCount: 1, cost: '0.5' }]);
    const { rows } = await db.pool.query(
      'select updated_at from howdah_private.run_heads where execution_id = $1',
      [id],
    );
    expect(Date.parse(data.execution.updatedAt)).toBe(rows[0].updated_at.getTime());
  });

  test('is current in a mutation and in REST', async () => {
    const shown = { tokens_in: 100, tokens_out: 20, cost: 0.5, step_count: 1 };
    const answer = await call(api, 'GET', `/api/executions/${id}`);
    expect(answer.body).toMatchObject(shown);
    const list = await call(api, 'GET', `/api/executions?session_id=${session}`);
    expect(list.body.data).toMatchObject([shown]);
    const pause = `mutation ($id: UUID!) { pauseExecution(input: {id: $id}) { result { stepCount cost trust } } }`;
    const { data, errors } = await ask(api, pause, { id });
    expect(errors).toEqual([]);
    expect(data.pauseExecution.result).toEqual({ stepCount: 1, cost: '0.5', trust: 'external' });
    await db.pool.query('select howdah.resume_execution($1)', [id]);
  });

  test('is current in the CLI, sessions and MCP', async () => {
    await advanceHead(db.pool, id);
    expect(await listExecutions(queriesOn(db.pool), { limit: 1 })).toMatchObject([
      { id, steps: 2, tokens: '240', cost: '1.0' },
    ]);
    expect((await liveRuns(db.pool, 1)).runs).toMatchObject([{ id, steps: 2, tokens: 240 }]);
    expect(await sessionUsage(db.pool as never, session)).toMatchObject({
      tokens_in: '200',
      tokens_out: '40',
      cost: '1.0',
    });
    expect(await turnsFrom(db.pool as never, [{ id: session, turn: 1 }])).toMatchObject([
      { id, step_count: 2, message_count: 3 },
    ]);
    expect((await marksOf(db.pool as never, [id])).get(id)).toBe('running 2');
    const log = await loggedSteps(
      queriesOn(db.pool),
      { id, errors: false } as never,
      { since: new Date(0), limit: 10, isOldest: true } as never,
    );
    expect(log.map(({ seq }) => seq)).toEqual([1, 2]);
  });

  test('is found by the step log although its row is old', async () => {
    const age = `update howdah.executions set updated_at = now() - interval '1 day' where id = $1`;
    await db.pool.query(age, [id]);
    const since = new Date(Date.now() - 60_000);
    await advanceHead(db.pool, id);
    const log = await loggedSteps(
      queriesOn(db.pool),
      { errors: false } as never,
      { since, changedSince: since, limit: 10, isOldest: true } as never,
    );
    expect(log.map(({ seq }) => seq)).toContain(3);
  });

  test('is current for subscribers', async () => {
    const socket = openSocket(api);
    const followed = follow(socket, UPDATED, { id });
    await until(() => followed.items.length > 0);
    await advanceHead(db.pool, id);
    await db.pool.query('select howdah_private.announce_watched(array[$1::uuid])', [id]);
    await expect.poll(() => followed.items.at(-1)).toMatchObject({ stepCount: 4 });
    expect(followed.errors).toEqual([]);
    followed.stop();
    await socket.client.dispose();
  });
});
