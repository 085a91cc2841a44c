import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import {
  type CachedUsage,
  createPromptCache,
  type PromptCache,
} from '../../providers/ai-sdk/anthropic-cache.ts';
import { startVendorServer, type VendorServer } from '../../providers/ai-sdk/vendor-server.ts';
import type { VendorAnswer } from '../../providers/ai-sdk/wire-formats.ts';
import { makeSession } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { makeAgent, runToEnd } from '../arrange.ts';

// Conversations of 20 answers through the package of Anthropic, with and without cache marks. The
// server counts the tokens of each request as Anthropic does.

const TURNS = 20;
/** Prices of Claude Sonnet 4.5 per million tokens. */
const PRICES = { input: 3, cached: 0.3, written: 3.75, output: 15 };

/** The inputs of the runs of a session, and the answers of the model to all of them. */
type Conversation = {
  system: string;
  tools: CustomTool[];
  inputs: string[];
  answers: VendorAnswer[];
};

/** One run in which the model calls a tool in each answer but the last. */
const oneRun = (): Conversation => ({
  system: 'Answer from what you have read, and name the page. '.repeat(300),
  tools: [toolOf('read_page', ({ page }) => `Page ${page}. ${'Some text of it. '.repeat(80)}`)],
  inputs: ['What do the pages say?'],
  answers: Array.from({ length: TURNS }, (_, page) =>
    page === TURNS - 1
      ? { words: ['Nothing new.'] }
      : { calls: [{ name: 'read_page', arguments: { page } }] },
  ),
});

function toolOf(
  name: string,
  run: (args: JsonObject) => string,
  parameters: JsonObject = { type: 'object' },
): CustomTool {
  return { name, description: '', parameters, run };
}

const assets = process.env.HOWDAH_TEST_ASSETS ?? '';
const folder = join(assets, 'trajectories-tau-airline');
const isRecorded = assets !== '' && existsSync(folder);
if (!isRecorded) console.log('a recorded conversation: skipped, HOWDAH_TEST_ASSETS is not set');

type RecordedMessage = {
  role: string;
  content: string | null;
  tool_call_id?: string;
  tool_calls?: { id: string; function: { name: string; arguments: string } }[];
};

/** The first 20 answers of a recorded conversation of a customer with an agent of an airline. */
function recordedConversation(): Conversation {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const line = read('trajectories.jsonl')
    .split('\n')
    .find((one) => one.includes('"airline-02-t1"'));
  const { messages } = JSON.parse(line ?? '{}') as { messages: RecordedMessage[] };
  const answers = messages.filter(({ role }) => role === 'assistant').slice(0, TURNS);
  const results = new Map<string, string>();
  for (const [at, { tool_calls }] of messages.entries()) {
    const [call] = tool_calls ?? [];
    const result = messages[at + 1]?.content ?? '';
    if (call) results.set(keyOf(call.function.name, JSON.parse(call.function.arguments)), result);
  }
  const described = JSON.parse(read('tools.json')) as {
    function: { name: string; parameters: JsonObject };
  }[];
  return {
    system: read('system_prompt.md'),
    tools: described.map(({ function: { name, parameters } }) =>
      toolOf(name, (args) => results.get(keyOf(name, args)) ?? 'Error: unknown', parameters),
    ),
    inputs: messages.flatMap(({ role, content }) => (role === 'user' ? [content ?? ''] : [])),
    answers: answers.map(({ content, tool_calls }, at) => ({
      words: content ? [content] : at === TURNS - 1 ? ['I go on later.'] : [],
      calls:
        at === TURNS - 1
          ? []
          : (tool_calls ?? []).map(({ function: { name, arguments: text } }) => ({
              ...{ name, arguments: JSON.parse(text) },
            })),
    })),
  };
}

const keyOf = (name: string, args: JsonObject) => `${name} ${JSON.stringify(args)}`;

const database = testDatabase();
const conversations = {
  'one run': oneRun(),
  ...(isRecorded && { recorded: recordedConversation() }),
};
let server: VendorServer;
let worker: Worker;
let conversation: Conversation;
let cache: PromptCache;
let counted: CachedUsage[];

beforeAll(async () => {
  server = await startVendorServer('anthropic', ({ body }) => {
    const usage = cache.count(body);
    const messages = body.messages as { role: string }[];
    const turn = messages.filter(({ role }) => role === 'assistant').length;
    const answer = conversation.answers[turn] ?? {};
    counted.push(usage);
    return { ...answer, usage: { ...usage, output_tokens: outputOf(answer) } };
  });
  const tools = Object.values(conversations).flatMap((one) => one.tools);
  worker = await startTestWorker(database.url, { tools });
});
afterAll(async () => {
  await worker?.stop(0);
  await server?.close();
});

const outputOf = (answer: VendorAnswer) => Math.ceil(JSON.stringify(answer).length / 4);

/** Runs a conversation, and returns the usage counted by the server and by the database. */
async function converse(name: string, request_params: JsonObject) {
  conversation = conversations[name as keyof typeof conversations] as Conversation;
  cache = createPromptCache();
  counted = [];
  const agent = await makeAgent(database.pool, {
    system_prompt: conversation.system,
    models: [
      {
        provider: 'anthropic',
        base_url: server.url,
        input_price: PRICES.input,
        output_price: PRICES.output,
      },
    ],
    tools: conversation.tools.map((one) => one.name),
    max_steps: 100,
  });
  await database.pool.query(
    `with priced as (
       update howdah.models set cached_input_price = $2, cache_write_price = $3
       where id = (select model_id from howdah.agent_models where agent_id = $1)
     )
     update howdah.agent_models set request_params = $4 where agent_id = $1`,
    [agent, PRICES.cached, PRICES.written, request_params],
  );
  const session_id = await makeSession(database.pool, { agent_id: agent });
  for (const input of conversation.inputs) {
    const run = await runToEnd(database.pool, agent, input, { session_id });
    expect(run).toMatchObject({ status: 'completed' });
  }
  const { rows } = await database.pool.query(
    `select tokens_in::int, cached_tokens::int, cache_write_tokens::int, cost::float8
     from howdah.model_usage
     where model_id = (select model_id from howdah.agent_models where agent_id = $1)`,
    [agent],
  );
  return { turns: counted, usage: rows[0] };
}

const sum = (turns: CachedUsage[], key: keyof CachedUsage) =>
  turns.reduce((total, turn) => total + turn[key], 0);

/** Returns what Anthropic charges, and the tokens by the column names of `howdah.model_usage`. */
function chargeOf(turns: CachedUsage[]) {
  const plain = sum(turns, 'input_tokens');
  const cached_tokens = sum(turns, 'cache_read_input_tokens');
  const cache_write_tokens = sum(turns, 'cache_creation_input_tokens');
  const output = conversation.answers.reduce((total, answer) => total + outputOf(answer), 0);
  const cost =
    plain * PRICES.input +
    cached_tokens * PRICES.cached +
    cache_write_tokens * PRICES.written +
    output * PRICES.output;
  return {
    ...{ tokens_in: plain + cached_tokens + cache_write_tokens, cached_tokens, cache_write_tokens },
    cost: Math.round(cost) / 1_000_000,
  };
}

const rounded = ({ cost, ...usage }: { cost: number }) => ({
  ...usage,
  cost: Math.round(cost * 1_000_000) / 1_000_000,
});

describe.each(Object.keys(conversations))('%s', (name) => {
  test('reads in each turn what the turn before has sent, for a third of the price', async () => {
    const plain = await converse(name, { prompt_caching: false });
    const charged = chargeOf(plain.turns);
    expect(rounded(plain.usage)).toEqual({ ...charged, cached_tokens: 0, cache_write_tokens: 0 });
    const marked = await converse(name, {});
    expect(rounded(marked.usage)).toEqual(chargeOf(marked.turns));
    expect([plain.turns.length, marked.turns.length]).toEqual([TURNS, TURNS]);
    for (const [at, turn] of marked.turns.entries()) {
      const before = marked.turns[at - 1];
      const sent = before ? before.cache_read_input_tokens + before.cache_creation_input_tokens : 0;
      expect(turn).toMatchObject({ cache_read_input_tokens: sent, input_tokens: 0 });
    }
    expect(marked.usage.tokens_in).toBe(plain.usage.tokens_in);
    expect(marked.usage.cost).toBeLessThan(plain.usage.cost / 3);
  });
});
