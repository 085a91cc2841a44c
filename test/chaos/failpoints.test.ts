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
} from '../workers/child.ts';
import { ALWAYS, KINDS, kindTools, makeKinds, playKinds, TEAM } from './kinds.ts';

// A worker is killed at every failpoint of every kind of run (`npm run test:failpoints`; fewer pairs by default). Another one goes on, and what comes out is what comes out
// when nothing fails.

const database = testDatabase();
let server: FakeServer;
let loaded: Promise<LoadedProcess>;
const faultless = new Map<string, Outcome>();

beforeAll(async () => {
  server = await startOpenAiServer(playKinds);
  const worker = await startHere();
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

function startHere() {
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

/** Tools whose results hold ids that are new each time. */
const HAVE_IDS = ['todo', 'send_message'];

type Outcome = {
  runs: { who: string; status: string; stop_reason: string; output: string | null }[];
  steps: string[];
  effects: string[];
  /** What hooks were told, in the transactions of its steps. */
  heard: string[];
  /** Messages to other agents. */
  sent: number;
  counted: number;
};

/** What came of a run, of its children and of what took it back, once all of it is over; questions are answered. */
async function outcomeOf(id: string): Promise<Outcome> {
  await over(id);
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
  const { rows: heard } = await database.pool.query(
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
      .map(({ name, output }) => `${name} ${HAVE_IDS.includes(name) ? '' : JSON.stringify(output)}`)
      .toSorted(),
    heard: heard.map(({ event, call_id }) => `${event} ${call_id ?? ''}`.trim()),
    sent: mail.rows[0].n,
    counted: counter.rows[0].n,
  };
}

/** What every worker does each half second, as soon as the server knows that the session has ended. */
async function reap({ pid }: WorkerProcess): Promise<void> {
  const left = async () => {
    await database.pool.query('select howdah_private.reap_workers()');
    const { rows } = await database.pool.query(
      'select from howdah_private.workers where pid = $1',
      [pid],
    );
    return rows.length;
  };
  await expect.poll(left, { interval: 10 }).toBe(0);
}

/** Answers whatever is asked until everything has ended. */
async function over(id: string): Promise<void> {
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

async function answerUntil(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await database.pool.query(`
      select howdah.answer_question(q.id,
        case q.kind when 'approval' then 'approve' when 'effect' then 'again' else 'this one' end)
      from howdah.questions as q where q.status = 'open'`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/**
 * Unless all are asked for, one kind and the workflow stand for those that pass the same places, and who calls several tools at
 * once for those who call one of them.
 */
const isWhole = process.env.HOWDAH_EVERY_FAILPOINT === '1';
const STANDS_FOR_ALL = 'answer';
const PART_OF_PARALLEL = ['tools', 'sql'];

const pairs: (readonly [string, string])[] = [
  ...KINDS.filter(({ name }) => isWhole || !PART_OF_PARALLEL.includes(name)).flatMap((kind) =>
    kind.passes
      .filter((one) => isWhole || !ALWAYS.includes(one) || kind.name === STANDS_FOR_ALL)
      .map((failpoint) => [failpoint, kind.name] as const),
  ),
  ...TEAM.passes.map((failpoint) => [failpoint, TEAM.name] as const),
];

describe('a worker killed at a failpoint', () => {
  test.each(pairs)('%s of a run of kind %s', async (failpoint, kind) => {
    const victim = await (await loaded).start(`${failpoint}:kill`);
    loaded = loadWorkerProcess(database.url, { openai: server.url });
    const id = await insert(kind);
    const { signal } = await diesWhileAnswered(victim);
    expect(signal).toBe('SIGKILL');
    await reap(victim);
    const successor = await startHere();
    const outcome = await outcomeOf(id);
    await successor.stop(0);
    const expected = faultless.get(kind) as Outcome;
    if (kind === 'once' && outcome.steps.some((step) => step.startsWith('question'))) {
      expect({ ...outcome, steps: [] }).toEqual({ ...expected, steps: [] }); // a person was asked, as it should be
    } else {
      expect(outcome).toEqual(expected);
    }
    const { rows } = await database.pool.query('select rule, detail from howdah.check_all()');
    expect(rows).toEqual([]);
  });
});

/** Some failpoints lie behind an answer: questions are answered until the worker has died, or should have. */
async function diesWhileAnswered(victim: WorkerProcess) {
  const answering = new AbortController();
  const answers = answerUntil(answering.signal);
  const tooLong = setTimeout(() => victim.signal('SIGTERM'), 120_000);
  const end = await victim.ended;
  clearTimeout(tooLong);
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
