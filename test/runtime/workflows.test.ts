import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Worker } from '../../workers/main.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { brokenPromises, childrenOf, ended, kindsOf, makeAgent } from './arrange.ts';
import { makeTeam, startTeam } from './teams.ts';

let database: TestDatabase;
let worker: Worker;

beforeAll(async () => {
  database = await createTestDatabase();
  worker = await startTestWorker(database.url);
});
afterEach(async () => {
  expect(await brokenPromises(database.pool)).toEqual([]);
});
afterAll(async () => {
  await worker.stop(0);
  await database.drop();
});

const usage = { tokens_in: 10, tokens_out: 5 };
const saying = (content: string) => makeAgent(database.pool, { script: [{ content, usage }] });

describe('a chain', () => {
  test('tells each member what the one before answered', async () => {
    const { pool } = database;
    const team = await makeTeam(pool, {
      type: 'chain',
      members: [{ agent: await saying('one') }, { agent: await saying('two') }],
    });
    const run = await ended(pool, await startTeam(pool, team, 'Count.'));
    expect(run).toMatchObject({ status: 'completed', output: 'two' });
    const children = await childrenOf(pool, run.id);
    expect(children.map(({ input }) => input)).toEqual(['Count.', 'one']);
    expect(await kindsOf(pool, run.id)).toBe('child_started child child_started child output');
  });
});

describe('parallel members', () => {
  test('are all given the task, and no more of them are at work than may be', async () => {
    const { pool } = database;
    const members = await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map(async (role) => ({ agent: await saying(role), role })),
    );
    const team = await makeTeam(pool, {
      type: 'parallel',
      members,
      configuration: { max_concurrency: 2 },
    });
    const run = await ended(pool, await startTeam(pool, team));
    expect(run).toMatchObject({ status: 'completed', output: 'a:\na\n\nb:\nb\n\nc:\nc\n\nd:\nd\n\ne:\ne' });
  });
});
