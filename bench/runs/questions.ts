import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { pino } from 'pino';
import { createProviders, findProvider } from '../../src/providers/registry.ts';
import { startWorker, type Worker } from '../../workers/start-worker.ts';
import type { Bench } from '../bench.ts';
import { figure } from '../figures.ts';

const RUNS = 10_000;

/**
 * The second part of the bench `waiting`: 10,000 runs of one worker ask a person a question, and
 * wait. Measures the time until all wait, the memory of the process while they wait, and the time
 * from one call that answers all questions until all runs have completed.
 */
export const questions: Bench = async ({ server, talk }) => {
  const database = await server.createDatabase();
  const { pool } = database;
  const count = async (where: string): Promise<number> =>
    Number(
      (await pool.query(`select count(*) from howdah.executions where ${where}`)).rows[0].count,
    );
  const waitForAll = async (where: string): Promise<void> => {
    while ((await count(where)) < RUNS) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const worker = await startScriptedWorker(database.url);
  try {
    await pool.query(ASKING_AGENT);
    const before = usedMemory();
    const askMs = await measureMs(async () => {
      await pool.query(INSERT);
      await waitForAll(`waiting_for = 'question'`);
    });
    const after = usedMemory();
    const { inFlight } = worker;
    talk(
      `heap ${before.heap} → ${after.heap} MB, RSS ${before.rss} → ${after.rss} MB, in flight ${inFlight}`,
    );
    const answerMs = await measureMs(() => pool.query(ANSWER));
    const completeMs = answerMs + (await measureMs(() => waitForAll(`status = 'completed'`)));
    talk(`asked in ${askMs} ms; answered in ${answerMs} ms, all completed after ${completeMs} ms`);
    return [
      figure('waiting', 'waiting_questions', await count(`status = 'completed'`), 'runs', {
        atLeast: RUNS,
      }),
      figure('waiting', 'waiting_in_flight', inFlight, 'runs', { atMost: 0 }),
      figure('waiting', 'waiting_heap_growth_mb', after.heap - before.heap, 'MB', { atMost: 20 }),
      figure('waiting', 'waiting_questions_rss_mb', after.rss, 'MB'),
      figure('waiting', 'waiting_asked_ms', askMs, 'ms'),
      figure('waiting', 'waiting_answered_ms', answerMs, 'ms'),
      figure('waiting', 'waiting_completed_ms', completeMs, 'ms'),
    ];
  } finally {
    await worker.stop(0);
    await database.drop();
  }
};

const ASKING_AGENT = `
  insert into howdah.models (name, provider, model) values ('script', 'scripted', 'script');
  insert into howdah.agents (name, instruction, human_input) values ('asking', 'Ask.', true);
  insert into howdah.agent_models (agent_id, model_id, request_params)
  select howdah.agent('asking'), id, '{"script": [
    {"tool_calls": [{"name": "ask_user", "arguments": {"question": "Shall we?"}}]}, {"content": "done"}]}'
  from howdah.models where name = 'script'`;

const INSERT = `insert into howdah.executions (agent_id, input)
  select howdah.agent('asking'), 'ticket ' || i from generate_series(1, ${RUNS}) as i`;

const ANSWER = `select count(*) from howdah.answer_questions(
  array(select id from howdah.questions where status = 'open'), 'yes')`;

/** Starts a worker with the scripted model, which asks a question in its first response. */
function startScriptedWorker(url: string): Promise<Worker> {
  const providers = createProviders({});
  return startWorker({
    url,
    concurrency: 100,
    release: 'bench',
    builtins: [],
    tools: [],
    log: pino({ level: 'silent' }),
    provider: (model) => findProvider(providers, model),
  });
}

/** Collects garbage, and returns the megabytes in use. */
function usedMemory(): { heap: number; rss: number } {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const { heapUsed, rss } = process.memoryUsage();
  return { heap: Math.round(heapUsed / 2 ** 20), rss: Math.round(rss / 2 ** 20) };
}

async function measureMs(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return Math.round(performance.now() - startedAt);
}
