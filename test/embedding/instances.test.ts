import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CustomTool, connect, type Howdah } from '../../src/index.ts';
import { addTool, callTools, makeAgent } from '../runtime/arrange.ts';
import { one } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { startHowdah } from './start-howdah.ts';

// Two instances in one process share no state.

const dbA = testDatabase();
const dbB = testDatabase();
let a: Howdah;
let b: Howdah;
const lines: string[] = [];

const say = (name: string, text: string): CustomTool => ({
  name,
  description: `Says ${text}`,
  parameters: { type: 'object' },
  run: () => text,
});

beforeAll(async () => {
  const write = (_fields: object, message: string) => void lines.push(message);
  [a, b] = await Promise.all([
    startHowdah(dbA.url, { auth: 'none', concurrency: 2, tools: [say('say', 'I am A.')] }),
    startHowdah(dbB.url, {
      ...{ port: 0, auth: 'none', concurrency: 7, tools: [say('say', 'I am B.')] },
      logger: { debug: write, info: write, warn: write, error: write },
    }),
  ]);
}, 60_000);
afterAll(async () => {
  await Promise.all([a?.close(), b?.close()]);
});

async function agentWith(db: typeof dbA, script: object[], tool?: string): Promise<string> {
  const id = await makeAgent(db.pool, { script: script as [] });
  if (tool) await addTool(db.pool, id, tool);
  return (await one(db.pool, 'select name from howdah.agents where id = $1', [id])).name as string;
}

test.each([
  ['without a port', () => ({ howdah: a, db: dbA, said: 'I am A.', slots: 2 })],
  ['with a port', () => ({ howdah: b, db: dbB, said: 'I am B.', slots: 7 })],
])('an instance %s runs its own tools, in its own slots, on its own database', async (_, of) => {
  const { howdah, db, said, slots } = of();
  const agent = await agentWith(db, [callTools({ name: 'say' }), { content: 'Done.' }], 'say');
  const { execution_id } = await howdah.createRun({ agent, message: 'Speak.' });
  const events = [];
  for await (const event of howdah.stream(execution_id)) {
    if (event.event !== 'token') events.push(event); // tokens are live only and not repeated
  }
  expect(events.find(({ event }) => event === 'observation')?.data).toMatchObject({
    tool: 'say',
    output: said,
  });
  const result = await howdah.waitFor(execution_id);
  expect(result).toMatchObject({ status: 'completed', output: 'Done.' });
  const [first] = events;
  const rest = [];
  for await (const { id } of howdah.stream(execution_id, { after: first?.id ?? '' })) rest.push(id);
  expect(rest).toEqual(events.slice(1).map(({ id }) => id));
  const metrics = await (await howdah.open('GET', '/metrics')).text();
  expect(metrics).toContain(`\nhowdah_runs_capacity ${slots}\n`);
});

test('an instance without a port has no URL, and one with a port no handler', async () => {
  expect(a.url).toBeUndefined();
  expect(b.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  expect(await connect(b.url ?? '').call('listAgents')).toHaveProperty('data');
  expect(() => b.handler()).toThrow(expect.objectContaining({ code: 'HWCNF' }));
});

test('on a database of others, requests need a login unless told otherwise', async () => {
  const closed = await startHowdah(dbB.url, { port: 0, worker: false });
  try {
    await expect(connect(closed.url ?? '').call('listAgents')).rejects.toMatchObject({
      code: 'HWDEN',
    });
    expect(await closed.call('listAgents')).toHaveProperty('data'); // its own methods need none
  } finally {
    await closed.close();
  }
});

test('a failed run is thrown with its code, and an unknown agent with its hint', async () => {
  const agent = await agentWith(dbA, []); // the scripted model has no answer
  const run = await a.createRun({ agent, message: 'Fail.' });
  await expect(a.waitFor(run.execution_id)).rejects.toMatchObject({ code: 'EFAILED' });
  await expect(a.createRun({ agent: 'nobody', message: 'x' })).rejects.toMatchObject({
    code: 'HWNTF',
  });
});

test('the logger of an instance gets the lines of its own runs', async () => {
  const agent = await agentWith(dbB, []);
  await expect(b.agent(agent).send('Fail.')).rejects.toMatchObject({ code: 'EFAILED' });
  await expect.poll(() => lines).toContain('a run has failed');
});
