import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, makeAgent, makeAgentTool, runToEnd } from '../arrange.ts';

// The cost of a run of 20 turns, with and without the prompt cache of the provider.

const database = testDatabase();
let worker: Worker;
const look: CustomTool = {
  name: 'look',
  description: '',
  parameters: { type: 'object' },
  run: () => 'seen',
};

beforeAll(async () => {
  worker = await startTestWorker(database.url, { tools: [look] });
});
afterAll(() => worker.stop(1_000));

const TURNS = 20;
/** Tokens of the system prompt and the tools, which are equal in each request. */
const FIXED = 6_000;
/** Tokens that each turn adds to the conversation. */
const ADDED = 400;
const OUT = 100;

type TurnUsage = { tokens_in: number; cached_tokens?: number; cache_write_tokens?: number };

/**
 * Returns the usage of each turn as reported by a provider with a prompt cache: a turn reads what
 * the turn before it has sent, and writes the rest.
 */
const cachedTurns = (): TurnUsage[] =>
  Array.from({ length: TURNS }, (_, turn) => {
    const tokens_in = FIXED + ADDED * (turn + 1);
    const cached_tokens = turn === 0 ? 0 : tokens_in - ADDED;
    const cache_write_tokens = tokens_in - cached_tokens;
    return { tokens_in, cache_write_tokens, ...(turn > 0 && { cached_tokens }) };
  });

/** Returns the script of a run that calls a tool in each turn but the last. */
const scriptOf = (turns: TurnUsage[]): JsonObject[] =>
  turns.map((usage, turn) => ({
    ...(turn < turns.length - 1
      ? callTools({ name: 'look', arguments: { turn } })
      : { content: 'done' }),
    usage: { ...usage, tokens_out: OUT },
  }));

/** Makes an agent whose model has the prices of Claude Sonnet 4.5 per million tokens. */
async function makePricedAgent(turns: TurnUsage[]): Promise<string> {
  const models = [{ script: scriptOf(turns), input_price: 3, output_price: 15 }];
  const agent = await makeAgent(database.pool, { models, tools: ['look'], max_steps: 30 });
  await database.pool.query(
    `update howdah.models set cached_input_price = 0.3, cache_write_price = 3.75
     where id = (select model_id from howdah.agent_models where agent_id = $1)`,
    [agent],
  );
  return agent;
}

async function costOf(turns: TurnUsage[]) {
  const agent = await makePricedAgent(turns);
  const { id, status, cost } = await runToEnd(database.pool, agent);
  expect(status).toBe('completed');
  const { rows } = await database.pool.query(
    `select tokens_in::int, cached_tokens::int, cache_write_tokens::int, u.cost::float8
     from howdah.model_usage as u
     join howdah.agent_models as am on am.model_id = u.model_id and am.agent_id = $1`,
    [agent],
  );
  return { id, run: Number(cost), usage: rows[0] };
}

test('a run of 20 turns costs less than half when the provider caches the prompt', async () => {
  const plain = await costOf(cachedTurns().map(({ tokens_in }) => ({ tokens_in })));
  const cached = await costOf(cachedTurns());
  const tokens_in = TURNS * FIXED + (ADDED * TURNS * (TURNS + 1)) / 2;
  const cache_write_tokens = FIXED + ADDED * TURNS;
  const cached_tokens = tokens_in - cache_write_tokens;
  const output = TURNS * OUT * 15;
  const price = {
    plain: (tokens_in * 3 + output) / 1_000_000,
    cached: (cached_tokens * 0.3 + cache_write_tokens * 3.75 + output) / 1_000_000,
  };
  expect(plain.usage).toEqual({
    tokens_in,
    cached_tokens: 0,
    cache_write_tokens: 0,
    cost: price.plain,
  });
  expect(cached.usage).toEqual({
    tokens_in,
    cached_tokens,
    cache_write_tokens,
    cost: price.cached,
  });
  expect([plain.run, cached.run]).toEqual([price.plain, price.cached]);
  expect(price).toEqual({ plain: 0.642, cached: 0.1395 });
});

test('the steps of the run say what was cached', async () => {
  const { id } = await costOf(cachedTurns());
  const { rows } = await database.pool.query(
    `select output -> 'usage' as usage from howdah.steps
     where execution_id = $1 and kind = 'model' order by seq limit 2`,
    [id],
  );
  expect(rows).toEqual([
    { usage: { cache_write_tokens: FIXED + ADDED } },
    { usage: { cached_tokens: FIXED + ADDED, cache_write_tokens: ADDED } },
  ]);
});

test('a parent counts the cached tokens of its child at their own prices', async () => {
  const child = await makePricedAgent([
    { tokens_in: 10_000, cached_tokens: 8_000, cache_write_tokens: 1_000 },
  ]);
  const tool = await makeAgentTool(database.pool, child);
  const script = [callTools({ name: tool, arguments: { message: 'go' } }), { content: 'done' }];
  const parent = await makeAgent(database.pool, { script, tools: [tool] });
  const { id } = await runToEnd(database.pool, parent);
  const { rows } = await database.pool.query(
    'select children_cost::float8 from howdah.executions where id = $1',
    [id],
  );
  expect(rows[0].children_cost).toBe((1_000 * 3 + 8_000 * 0.3 + 1_000 * 3.75 + OUT * 15) / 1e6);
});
