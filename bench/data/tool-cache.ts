import type { ToolCall } from '../../src/contracts/runs/message.ts';
import type { Bench } from '../bench.ts';
import { figure, ratios } from '../figures.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import type { BenchDatabase } from '../server.ts';
import { measureRuns } from './inserted-runs.ts';

const RUNS = 60;
const CALLS = 10;
const SLOTS = 100;
/**
 * Two tools with one function, of which one has the answer cache, and an agent for each. The agent
 * of the bench has a tool in TypeScript without the cache.
 */
const TOOLS = `
  create table public.stock (item int primary key, pieces int not null);
  insert into public.stock select n, n from generate_series(0, 999) as n;
  grant select on public.stock to howdah_app;
  create function public.pieces(item int) returns int stable language sql as
    'select coalesce((select s.pieces from public.stock as s where s.item = pieces.item), 0)';
  create function public.cached_pieces(item int) returns int stable language sql as
    'select coalesce((select s.pieces from public.stock as s where s.item = cached_pieces.item), 0)';
  select howdah.register_sql_tool('public.pieces(int)'), howdah.register_sql_tool('public.cached_pieces(int)');
  update howdah.tools set effect = 'pure' where name in ('pieces', 'cached_pieces');
  insert into howdah.agents (name, instruction, max_steps, use_history)
  values ('pieces', 'Count.', 1000, false), ('cached_pieces', 'Count.', 1000, false);
  insert into howdah.agent_tools (agent_id, tool_id)
  select a.id, t.id from howdah.agents as a join howdah.tools as t on t.name = a.name`;

/** The inputs of runs, by what their calls do. Each call of a miss is new. */
const INPUTS = { calls: 'pieces', hits: 'cached_pieces 0', misses: 'cached_pieces new' };

/**
 * Measures runs whose calls of a SQL function are answered by the cache, beside runs that call the
 * same function: without the cache, and with it but without an equal call before. Also measures the
 * runs of an agent without any cached tool before and after the tenant has used the cache.
 */
export const toolCache: Bench = async ({ server, rounds, talk }) => {
  const times: Record<'calls' | 'hits' | 'misses' | 'unused' | 'used', number[]> = {
    ...{ calls: [], hits: [], misses: [], unused: [], used: [] },
  };
  for (let round = 1; round <= rounds(5); round += 1) {
    const database = await server.createDatabase();
    const worker = await startEngine({ url: database.url, concurrency: SLOTS, firstCalls });
    const pings = () => measureRuns(database, RUNS, { input: `${CALLS} calls` });
    const counts = (what: keyof typeof INPUTS) =>
      measureRuns(database, RUNS, { agent: INPUTS[what].split(' ')[0], input: INPUTS[what] });
    try {
      await database.pool.query(BENCH_AGENT);
      await database.pool.query(TOOLS);
      await pings(); // warms up
      if (round % 2) times.unused.push(await pings());
      await setCache(database, 3600);
      await counts('calls');
      await counts('hits'); // warm up, and fill the cache
      for (const what of round % 2 ? LEFT : RIGHT) times[what].push(await counts(what));
      times.used.push(await pings());
      await setCache(database, null);
      if (round % 2 === 0) times.unused.push(await pings());
      await expectHits(database);
      talk(`round ${round} of ${rounds(5)}: ${JSON.stringify(lastOf(times))} ms`);
    } finally {
      await worker.stop(0);
      await database.drop();
    }
  }
  const steps = RUNS * (2 * CALLS + 2);
  return [
    figure('tool-cache', 'tool_call_ms', times.calls.map(perCall), 'ms'),
    figure('tool-cache', 'tool_hit_ms', times.hits.map(perCall), 'ms'),
    figure('tool-cache', 'tool_hit_vs_call_ratio', ratios(times.hits, times.calls), 'ratio'),
    figure('tool-cache', 'tool_miss_vs_call_ratio', ratios(times.misses, times.calls), 'ratio'),
    figure(
      ...['tool-cache', 'steps_beside_tool_cache'],
      times.used.map((ms) => (1000 * steps) / ms),
      'steps/s',
    ),
    figure(
      ...['tool-cache', 'steps_beside_tool_cache_ratio'],
      ratios(times.unused, times.used),
      'ratio',
    ),
  ];
};

async function setCache({ pool }: BenchDatabase, seconds: number | null): Promise<void> {
  await pool.query(`update howdah.tools set cache_answers_for = $1 where name = 'cached_pieces'`, [
    seconds,
  ]);
}

const LEFT = ['calls', 'hits', 'misses'] as const;
const RIGHT = ['misses', 'hits', 'calls'] as const;

const lastOf = (times: Record<string, number[]>) =>
  Object.fromEntries(Object.entries(times).map(([name, all]) => [name, all.at(-1)]));

/** The next item that no call has asked for. */
let nextItem = 1000;

/** Returns the calls of the first answer for an input of `INPUTS`, all at once. */
function firstCalls(input: string): ToolCall[] | undefined {
  const [name = '', which] = input.split(' ');
  if (!Object.values(INPUTS).includes(input)) return undefined;
  nextItem += CALLS;
  return Array.from({ length: CALLS }, (_, place) => {
    const item = which === 'new' ? nextItem + place : place;
    return { id: `call_${place}`, name, arguments: JSON.stringify({ item }) };
  });
}

/** Throws if the cache has not answered all calls of the measured runs. */
async function expectHits({ pool }: BenchDatabase): Promise<void> {
  const { rows } = await pool.query<{ hits: number }>(
    `select count(*)::int as hits from howdah.steps where annotations ? 'cached_from'`,
  );
  const hits = rows[0]?.hits ?? 0;
  if (hits < RUNS * CALLS) throw new Error(`the cache has answered ${hits} calls only`);
}

const perCall = (ms: number) => ms / (RUNS * CALLS);
