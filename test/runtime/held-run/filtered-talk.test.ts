import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/json/json.ts';
import { isSummary } from '../../../src/runtime/messages/message-groups.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { unique } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  childrenOf,
  insertRun,
  kindsOf,
  makeAgent,
  messagesOf,
  resultsOf,
  runToEnd,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';
import { expectEqualReplay } from '../replay/replay-runs.ts';
import { makeDecidingModel, makeTeam, startTeam } from '../teams.ts';

// Output filters apply to texts between agents: tasks written by a plan, and conversations that are
// handed over.

const CANARY = 'canary-abcdefgh1';
const database = testDatabase();
let worker: Worker;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
});
afterEach(() => database.pool.query('delete from howdah.output_filters'));
afterAll(async () => {
  await worker?.stop(0);
});

const filter = (action: string, places = ['message']) =>
  database.pool.query(
    `insert into howdah.output_filters (name, pattern, action, places)
     values ('key', 'canary-[a-z0-9]{8,}', $1::howdah.filter_action, $2::text[]::howdah.filter_place[])`,
    [action, places],
  );
const done = { content: 'done' };

async function guardsOf(id: string) {
  const steps = await stepsOf(database.pool, id);
  return steps.filter(({ kind }) => kind === 'guard').map(({ name, output }) => ({ name, output }));
}

describe('the task of a plan step', () => {
  async function runPlan(task: string, ...after: JsonObject[]) {
    const member = await makeAgent(database.pool, { script: [done] });
    const name = unique('member');
    await database.pool.query('update howdah.agents set name = $2 where id = $1', [member, name]);
    const steps = [
      [
        { member: name, task },
        { member: name, task: 'Count.' },
      ],
    ];
    const configuration = await makeDecidingModel(database.pool, 'plan', { steps }, ...after);
    const members = [{ agent: member }];
    const team = await makeTeam(database.pool, { type: 'orchestrator', members, configuration });
    return waitForEnd(database.pool, await startTeam(database.pool, team));
  }
  const resultOf = async (id: string) =>
    (await childrenOf(database.pool, id)).map(({ input }) => input).sort();

  test('is redacted', async () => {
    await filter('redact');
    const run = await runPlan(`Use ${CANARY}.`, { answer: 'ready' });
    expect(run).toMatchObject({ status: 'completed', output: 'ready' });
    expect(await resultOf(run.id)).toEqual(['Count.', 'Use [key withheld].']);
    expect(await guardsOf(run.id)).toMatchObject([
      { name: 'output_filter', output: { place: 'message', hits: [{ filter: 'key' }] } },
    ]);
  });

  test('has failed when it is blocked, and the plan receives the error', async () => {
    await filter('block');
    const run = await runPlan(
      `Use ${CANARY}.`,
      { steps: [[{ member: 'nobody', task: CANARY }]] },
      { answer: 'ready' },
    );
    expect(run).toMatchObject({ status: 'completed', output: 'ready' });
    expect(await resultOf(run.id)).toEqual(['Count.']);
    expect((await guardsOf(run.id))[0]).toMatchObject({ name: 'output_blocked' });
  });

  test('leaves no member to wait for when the only task is blocked', async () => {
    await filter('block');
    const member = await makeAgent(database.pool, { script: [done] });
    const { rows } = await database.pool.query('select name from howdah.agents where id = $1', [
      member,
    ]);
    const plan = { steps: [[{ member: rows[0].name, task: CANARY }]] };
    const team = await makeTeam(database.pool, {
      type: 'orchestrator',
      members: [{ agent: member }],
      configuration: await makeDecidingModel(database.pool, 'plan', plan, { answer: 'not done' }),
    });
    const run = await waitForEnd(database.pool, await startTeam(database.pool, team));
    expect(run).toMatchObject({ status: 'completed', output: 'not done' });
    expect(await resultOf(run.id)).toEqual([]);
    expect(await kindsOf(database.pool, run.id)).toBe('model tool guard model output');
  });

  test('does not exempt the final answer of the plan from filters', async () => {
    await filter('redact', ['output']);
    const cleaned = await runPlan('Go.', { answer: `It is ${CANARY}.` });
    expect(cleaned).toMatchObject({ status: 'completed', output: 'It is [key withheld].' });
    await database.pool.query(`update howdah.output_filters set action = 'block'`);
    const answer = `It is ${CANARY}.`;
    const mended = await runPlan('Go.', { answer }, { answer: 'I may not say.' });
    expect(mended).toMatchObject({ status: 'completed', output: 'I may not say.' });
    const blocked = await runPlan('Go.', { answer }, { answer });
    expect(blocked).toMatchObject({ status: 'failed', output: null });
    expect(blocked.error).toMatchObject({ code: 'content_filtered' });
    for (const { id } of [cleaned, mended, blocked]) {
      expect(JSON.stringify(await messagesOf(database.pool, id))).not.toContain(CANARY);
    }
  });
});

describe('a conversation handed to another agent', () => {
  async function runHandoff(script: JsonObject[], input: string, reason = 'It is about money.') {
    const target = await makeAgent(database.pool, { script });
    const name = unique('handoff_to');
    await database.pool.query(
      `insert into howdah.tools (name, kind, agent_id, parameters, configuration) values ($1, 'agent', $2,
         '{"type": "object", "properties": {"reason": {"type": "string"}}}', '{"handoff": true}')`,
      [name, target],
    );
    const first = await makeAgent(database.pool, {
      script: [callTools({ name, arguments: { reason } }), { content: 'I keep it.' }],
      tools: [name],
    });
    return { first, run: await runToEnd(database.pool, first, input) };
  }
  const summaries = async (id: string) => (await messagesOf(database.pool, id)).filter(isSummary);

  test('is filtered, and the other agent continues with the filtered text', async () => {
    await filter('redact');
    // answers are counted since the handoff: none of the first agent is included
    const { run } = await runHandoff(
      [{ content: 'billed' }],
      `I am ${CANARY}.`,
      `He is ${CANARY}.`,
    );
    expect(run).toMatchObject({ status: 'completed', output: 'billed' });
    const [summary] = await summaries(run.id);
    expect(summary).toMatchObject({ role: 'user', covers_from_seq: 0 });
    expect(summary?.content).toContain('user: I am [key withheld].');
    expect(summary?.content).toContain('{"reason":"He is [key withheld]."}');
    expect(summary?.content).not.toContain(CANARY);
    const [, step] = await stepsOf(database.pool, run.id);
    expect(step).toMatchObject({ kind: 'handoff', input: { reason: 'He is [key withheld].' } });
    await expectEqualReplay(database.pool, run.id);
  });

  test('is handed over unchanged when no filter matches', async () => {
    await filter('redact');
    const { run } = await runHandoff([{ content: '' }, { content: 'billed' }], 'I want my money.');
    expect(run).toMatchObject({ status: 'completed', output: 'billed' });
    expect(await summaries(run.id)).toEqual([]);
    expect(await guardsOf(run.id)).toEqual([]);
    await expectEqualReplay(database.pool, run.id);
  });

  test('is handed over unchanged when a filter flags it, and the log records it', async () => {
    await filter('flag');
    const { run } = await runHandoff([{ content: '' }, { content: 'billed' }], `I am ${CANARY}.`);
    expect(run).toMatchObject({ status: 'completed', output: 'billed' });
    expect(await summaries(run.id)).toEqual([]);
    expect(await guardsOf(run.id)).toMatchObject([
      { name: 'output_filter', output: { place: 'message' } },
    ]);
    await expectEqualReplay(database.pool, run.id);
  });

  test('stays with the current agent when a filter blocks it', async () => {
    await filter('block');
    const { run, first } = await runHandoff([{ content: 'billed' }], `I am ${CANARY}.`);
    expect(run).toMatchObject({ status: 'completed', output: 'I keep it.', agent_id: first });
    expect(await resultsOf(database.pool, run.id)).toEqual([
      expect.stringContaining('the output filter key does not let it out'),
    ]);
    await expectEqualReplay(database.pool, run.id);
  });

  test('includes earlier turns', async () => {
    await filter('redact');
    const target = await makeAgent(database.pool, { script: [{ content: 'billed' }] });
    const name = unique('handoff_to');
    await database.pool.query(
      `insert into howdah.tools (name, kind, agent_id, parameters, configuration) values ($1, 'agent', $2,
         '{"type": "object", "properties": {}}', '{"handoff": true}')`,
      [name, target],
    );
    const first = await makeAgent(database.pool, {
      script: [{ content: 'Noted.' }, callTools({ name, arguments: {} })],
      tools: [name],
    });
    const { rows } = await database.pool.query(
      'insert into howdah.sessions (agent_id) values ($1) returning id',
      [first],
    );
    const session_id: string = rows[0].id;
    const turn = async (input: string) =>
      waitForEnd(database.pool, await insertRun(database.pool, first, input, { session_id }));
    expect(await turn(`I am ${CANARY}.`)).toMatchObject({ output: 'Noted.' });
    const run = await turn('Pay me.');
    expect(run).toMatchObject({ status: 'completed', output: 'billed' });
    const [summary] = await summaries(run.id);
    expect(summary?.content).toContain('user: I am [key withheld].\n\nassistant: Noted.');
    expect(summary?.content).toContain('user: Pay me.');
    await expectEqualReplay(database.pool, run.id);
  });
});
