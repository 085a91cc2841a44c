import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Worker } from '../../workers/start-worker.ts';
import { callTools, makeAgent, waitForEnd } from '../runtime/arrange.ts';
import { all, makeRun, makeUser, one } from '../sql/support.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { applyPack } from './support.ts';

// The pack memory-keeper: an agent that reads conversations, and remembers once and by correction.

const database = testDatabase();
const pool = () => database.pool;
let worker: Worker | undefined;
let user: string;
let agent: string;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
  expect(await applyPack(database.url, 'memory-keeper')).toMatchObject({ status: 0 });
  user = (await makeUser(pool())).id;
  agent = await makeAgent(pool(), { script: [{ content: 'Noted.' }] });
  await pool().query(
    `update howdah.agents set memory_policy = '{"agent": "memory-keeper"}' where id = $1`,
    [agent],
  );
});
afterAll(() => worker?.stop(0));

/** Has a conversation that a keeper with this script reads. */
async function converse(input: string, script: object[]) {
  await pool().query(
    `delete from howdah.agent_models where agent_id = howdah.agent('memory-keeper')`,
  );
  await pool().query(
    `with model as (
       insert into howdah.models (name, provider, model)
       values ('script-' || gen_random_uuid(), 'scripted', 'm') returning id
     )
     insert into howdah.agent_models (agent_id, model_id, position, request_params)
     select howdah.agent('memory-keeper'), m.id, 1, jsonb_build_object('script', $1::jsonb)
     from model as m`,
    [JSON.stringify(script)],
  );
  const run = await makeRun(pool(), { agent_id: agent, user_id: user, input });
  await waitForEnd(pool(), run);
  await eventually(
    pool(),
    'the conversation is read',
    `select from howdah.executions
     where metadata->>'remembers_execution_id' = $1 and status = 'completed'`,
    [run],
  );
  return run;
}

const memories = () =>
  all(
    pool(),
    `select content, source_execution_id as source, superseded_by is null as is_valid
     from howdah.memories order by id`,
  );

test('what a later conversation corrects is replaced, and the same is not told twice', async () => {
  const first = await converse('I live in Lyon.', [
    callTools({ name: 'recall', arguments: { query: 'lives in' } }),
    callTools({ name: 'remember', arguments: { content: 'Lives in Lyon.' } }),
    { content: '1' },
  ]);
  await converse('As I said, Lyon.', [
    callTools({ name: 'remember', arguments: { content: 'Lives in  Lyon.' } }),
    { content: '0' },
  ]);
  expect(await memories()).toEqual([{ content: 'Lives in Lyon.', source: first, is_valid: true }]);
  const { id } = await one(pool(), 'select id from howdah.memories');
  const third = await converse('I moved to Nice.', [
    callTools({ name: 'recall', arguments: { query: 'lives in' } }),
    callTools({ name: 'remember', arguments: { content: 'Lives in Nice.', replaces: id } }),
    { content: '1' },
  ]);
  expect(await memories()).toEqual([
    { content: 'Lives in Lyon.', source: first, is_valid: false },
    { content: 'Lives in Nice.', source: third, is_valid: true },
  ]);
});
