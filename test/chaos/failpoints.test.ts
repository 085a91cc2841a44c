import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../chaos/load/openai-server.ts';
import { FAILPOINTS } from '../../src/contracts/failpoint.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import {
  killWorkerProcesses,
  type LoadedProcess,
  loadWorkerProcess,
  type WorkerProcess,
} from '../workers/worker-process.ts';
import { KINDS, kindTools, makeKinds, playKinds, TEAM } from './kinds.ts';

// Kills a worker at every failpoint of every kind of run, and lets another worker continue. The
// outcome must equal that of a run without faults. By default only some pairs of failpoint and kind
// are tested; `npm run test:nightly` tests all of them.

const database = testDatabase();
let server: FakeServer;
let loaded: Promise<LoadedProcess>;
const faultless = new Map<string, Outcome>();

beforeAll(async () => {
  server = await startOpenAiServer(playKinds);
  const worker = await startInProcess();
  await makeKinds(database.pool);
  for (const { name } of [...KINDS, TEAM]) {
    faultless.set(name, await outcomeOf(await insert(name)));
  }
  await worker.stop(0);
  loaded = loadWorkerProcess(database.url, { openai: server.url });
});
afterAll(async () => {
  await loaded;
  killWorkerProcesses();
  await server.close();
});

function startInProcess() {
  return startTestWorker(database.url, { openai: server.url, tools: kindTools });
}

async function insert(kind: string): Promise<string> {
  const { rows } = await database.pool.query(
    `insert into howdah.executions (agent_id, workflow_id, input)
     values (case when not $2 then howdah.agent($1) end, case when $2 then howdah.workflow($1) end, 'go')
     returning id`,
    [kind, kind === TEAM.name],
  );
  return rows[0].id;
}

/** Tools whose results contain generated ids. */
const TOOLS_WITH_IDS = ['todo', 'send_message'];

type Outcome = {
  runs: { who: string; status: string; stop_reason: string; output: string | null }[];
  steps: string[];
  effects: string[];
  /** Events that hooks received in the transactions of the steps. */
  hookEvents: string[];
  /** Number of messages to other agents. */
  sent: number;
  counted: number;
};

/**
 * Waits until a run, its children and its compensation have ended, and returns their outcome.
 * Answers their questions.
 */
async function outcomeOf(id: string): Promise<Outcome> {
  await waitUntilEnded(id);
  const { rows: runs } = await database.pool.query(
    `select coalesce(a.name, w.name) as who, e.status, e.stop_reason, e.output
     from howdah.executions as e
     left join howdah.agents as a on a.id = e.agent_id left join howdah.workflows as w on w.id = e.workflow_id
     where e.root_execution_id = $1 or e.compensates_execution_id = $1
     order by e.depth, e.compensates_execution_id nulls first, who`,
    [id],
  );
  const { rows: steps } = await database.pool.query(
    `select s.kind, s.name, s.call_id is not null as is_call, s.output
     from howdah.steps as s join howdah.executions as e on e.id = s.execution_id
     where e.root_execution_id = $1 or e.compensates_execution_id = $1
     order by e.depth, e.compensates_execution_id nulls first, s.seq`,
    [id],
  );
  const { rows: hookEvents } = await database.pool.query(
    'select event, call_id from shop.seen where execution_id = $1 order by event, call_id',
    [id],
  );
  const mail = await database.pool.query(
    'select count(*)::int as n from howdah.mail where root_execution_id = $1',
    [id],
  );
  const counter = await database.pool.query(
    'update shop.counter set n = 0 returning (select n from shop.counter)',
  );
  return {
    runs,
    steps: steps.map(({ kind, name }) => `${kind} ${name ?? ''}`.trim()).toSorted(),
    effects: steps
      .filter(({ kind }) => kind === 'tool')
      .map(
        ({ name, output }) =>
          `${name} ${TOOLS_WITH_IDS.includes(name) ? '' : JSON.stringify(output)}`,
      )
      .toSorted(),
    hookEvents: hookEvents.map(({ event, call_id }) => `${event} ${call_id ?? ''}`.trim()),
    sent: mail.rows[0].n,
    counted: counter.rows[0].n,
  };
}

/** Removes the dead worker, as every worker does each half second, and waits for it. */
async function reapWorker({ pid }: WorkerProcess): Promise<void> {
  const countWorkers = async () => {
    await database.pool.query('select howdah_private.reap_workers()');
    const { rows } = await database.pool.query(
      'select from howdah_private.workers where pid = $1',
      [pid],
    );
    return rows.length;
  };
  await expect.poll(countWorkers, { interval: 10 }).toBe(0);
}

/** Answers questions until the run and all its related runs have ended. */
async function waitUntilEnded(id: string): Promise<void> {
  const answering = new AbortController();
  const answers = answerUntil(answering.signal);
  await eventually(
    database.pool,
    `run ${id} and all that belongs to it ends`,
    `select 1 where not exists (
       select from howdah.executions as e where e.completed_at is null
         and (e.root_execution_id = $1 or e.compensates_execution_id = $1)
     )`,
    [id],
  ).finally(() => answering.abort());
  await answers;
}

/** Answers all open questions until the signal fires. */
async function answerUntil(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await database.pool.query(`
      select howdah.answer_question(q.id,
        case q.kind when 'approval' then 'approve' when 'effect' then 'again' else 'this one' end)
      from howdah.questions as q where q.status = 'open'`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const allPairs: (readonly [string, string])[] = [
  ...KINDS.flatMap(({ name, passes }) => passes.map((failpoint) => [failpoint, name] as const)),
  ...TEAM.passes.map((failpoint) => [failpoint, TEAM.name] as const),
];

/** The first kind of run that passes each failpoint, and the last failpoint of each kind. */
const somePairs = new Map(
  [
    ...new Map(allPairs.toReversed().map((pair) => [pair[0], pair] as const)).values(),
    ...new Map(allPairs.map((pair) => [pair[1], pair] as const)).values(),
  ].map((pair) => [pair.join(' '), pair] as const),
);

const pairs = process.env.HOWDAH_TESTS === 'nightly' ? allPairs : [...somePairs.values()];

describe('a worker killed at a failpoint', () => {
  test.each(pairs)('%s of a run of kind %s', async (failpoint, kind) => {
    const victim = await (await loaded).start(`${failpoint}:kill`);
    loaded = loadWorkerProcess(database.url, { openai: server.url });
    const id = await insert(kind);
    const { signal } = await awaitDeath(victim);
    expect(signal).toBe('SIGKILL');
    await reapWorker(victim);
    const successor = await startInProcess();
    const outcome = await outcomeOf(id);
    await successor.stop(0);
    const expected = faultless.get(kind) as Outcome;
    if (kind === 'once' && outcome.steps.some((step) => step.startsWith('question'))) {
      // A person decided whether to repeat the effect, so the steps differ.
      expect({ ...outcome, steps: [] }).toEqual({ ...expected, steps: [] });
    } else {
      expect(outcome).toEqual(expected);
    }
    const { rows } = await database.pool.query('select rule, detail from howdah.check_all()');
    expect(rows).toEqual([]);
  });
});

/**
 * Answers questions until the worker dies, because some failpoints are reached only after an
 * answer. After two minutes, drains the worker instead.
 */
async function awaitDeath(victim: WorkerProcess) {
  const answering = new AbortController();
  const answers = answerUntil(answering.signal);
  const timeout = setTimeout(() => victim.signal('SIGTERM'), 120_000);
  const end = await victim.ended;
  clearTimeout(timeout);
  answering.abort();
  await answers;
  return end;
}

test.each(KINDS)('a run of kind $name completes all its turns', ({ name, turns, max_steps }) => {
  const { steps } = faultless.get(name) as Outcome;
  const children = steps.filter((step) => step.startsWith('child_started')).length;
  expect(steps.filter((step) => step.startsWith('model')).length - children).toBe(turns.length);
  expect(steps.filter((step) => step.startsWith('output')).length).toBe(1 + children);
  expect(steps.some((step) => step === 'guard max_steps')).toBe(max_steps !== undefined);
});

test('the workflow runs all its members', () => {
  const { runs } = faultless.get(TEAM.name) as Outcome;
  expect(runs.map(({ who, status }) => `${who} ${status}`)).toEqual(
    ['team', 'answer', 'pair', 'sql', 'tools'].map((who) => `${who} completed`),
  );
});

test('every failpoint is passed by some kind of run', () => {
  const passed = new Set<string>(pairs.map(([failpoint]) => failpoint));
  expect(FAILPOINTS.filter((failpoint) => !passed.has(failpoint))).toEqual([]);
});
