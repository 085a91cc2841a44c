import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Random, randomOf } from '../../../chaos/load/random.ts';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  type CommitRow,
  claim,
  commitAsIs,
  completed,
  failed,
  makeAgent,
  makeModel,
  makeRun,
  makeSession,
  makeWorker,
  one,
  openSession,
} from '../support.ts';

// Workers commit, and users control the same runs, at the same time and at random. The outcomes of
// commit_steps predict the final state: a commit with the outcome `committed` is in the log once,
// any other commit is not, and the counters are the sums of the log.

const SEEDS = [1, 2, 3, 4];
const LANES = 6;
const OPERATIONS = 100;
const RUNS = 8;
/** Errors of a control in an unsuitable state of the run. */
const REFUSALS = ['HWTRM', 'HWCNF', 'HWNTF'];
const LAST = { kind: 'output', output: completed.output };

/** A run as its worker knows it. */
type Held = { id: string; worker: string; fence: number; log_end: number; is_child: boolean };

type World = {
  workers: string[];
  session: string;
  ids: string[];
  held: Map<string, Held>;
  /** Runs with a commit in progress. */
  busy: Set<string>;
  /** Names of the committed steps, by run. */
  written: Map<string, string[]>;
  /** Names of the steps of rejected commits. */
  refused: string[];
  unexpected: string[];
};

describe('controls of runs with concurrent commits', () => {
  const db = testDatabase();
  let agent: string;
  let model: string;
  let steps = 0;
  const lanes: pg.Client[] = [];

  beforeAll(async () => {
    agent = await makeAgent(db.pool, { max_steps: 1_000 });
    model = await makeModel(db.pool, { input_price: 1, output_price: 2 });
    await db.pool.query(
      `insert into howdah.limits (metric, period, max_value) values ('tokens', 'day', 1e9)`,
    );
    for (let lane = 0; lane < LANES; lane += 1) lanes.push(await openSession(db.url));
  });
  afterAll(() => Promise.all(lanes.map((lane) => lane.end())));

  const newStep = () => {
    steps += 1;
    return {
      kind: 'model',
      name: `step ${steps}`,
      model_id: model,
      tokens_in: 100,
      tokens_out: 50,
      messages: [{ role: 'assistant', content: 'It is on its way.' }],
    };
  };

  /** Sends the commits of one worker. If the response is lost, sends each of them twice. */
  const commitRuns = async (
    world: World,
    client: pg.Client,
    runs: Held[],
    rows: CommitRow[],
    isAnswerLost: boolean,
  ): Promise<void> => {
    const worker = runs[0]?.worker as string;
    for (const { id } of runs) world.busy.add(id);
    try {
      if (isAnswerLost) await commitAsIs(client, worker, rows);
      const results = await commitAsIs(client, worker, rows);
      for (const [index, run] of runs.entries()) {
        const row = rows[index] as CommitRow;
        const result = results.find(({ execution_id }) => execution_id === run.id);
        const names = row.steps.flatMap(({ kind, name }) => (kind === 'model' ? [name] : []));
        // After a lost response, `stale` does not tell whether the first attempt succeeded.
        if (result?.outcome === 'committed') {
          world.written.set(run.id, [...(world.written.get(run.id) ?? []), ...(names as string[])]);
        } else if (!isAnswerLost) {
          world.refused.push(...(names as string[]));
        } else {
          const there = await one(
            db.pool,
            'select count(*)::int as n from howdah.steps where execution_id = $1 and name = any ($2)',
            [run.id, names],
          );
          expect([0, names.length]).toContain(there.n);
          if (there.n > 0) {
            world.written.set(run.id, [
              ...(world.written.get(run.id) ?? []),
              ...(names as string[]),
            ]);
          }
        }
        if (result?.outcome === 'committed' && result.status === 'running') {
          run.log_end = result.step_count;
        } else if (result?.outcome !== 'inbox') {
          world.held.delete(run.id);
        }
        if (result?.outcome === 'inbox' || result?.has_inbox) await takeInbox(world, client, run);
      }
    } finally {
      for (const { id } of runs) world.busy.delete(id);
    }
  };

  const takeInbox = async (world: World, client: pg.Client, run: Held): Promise<void> => {
    const [taken] = await all(client, 'select * from howdah_private.take_inbox($1, $2, $3, $4)', [
      run.worker,
      run.id,
      run.fence,
      run.log_end,
    ]);
    if (taken) run.log_end = taken.step_count;
    else world.held.delete(run.id);
  };

  const rowOf = async (random: Random, run: Held): Promise<CommitRow> => {
    const row: CommitRow = {
      ...{ id: run.id, fence: run.fence, after: run.log_end },
      steps: [newStep()],
    };
    const more = { more: true };
    const question = { id: (await one(db.pool, 'select howdah.uuid_v7() as id')).id };
    const questionData = { ...question, kind: 'question', call_id: 'q', prompt: 'Which?' };
    const child = { ...question, agent_id: agent, call_id: 'c', input: 'Find out.' };
    const variants: (() => CommitRow)[] = [
      () => row,
      () => row,
      () => row,
      () => ({ ...row, steps: [newStep(), newStep()] }),
      () => ({ ...row, steps: [...row.steps, LAST] as never, to: completed }),
      () => ({
        ...row,
        steps: [...row.steps, { kind: 'error', error: failed.error }] as never,
        to: failed,
      }),
      () => ({ ...row, to: { status: 'waiting', waiting_for: 'timer', delay_ms: 0 }, ...more }),
      () => ({ ...row, to: { status: 'paused' }, ...more }),
      () => ({
        ...row,
        steps: [
          ...row.steps,
          { kind: 'question', name: 'question', call_id: 'q', question: questionData },
        ] as never,
        to: { status: 'waiting', waiting_for: 'question' },
        ...more,
      }),
      () => ({
        ...row,
        steps: [
          ...row.steps,
          { kind: 'child_started', call_id: 'c', output: { execution_id: child.id }, child },
        ] as never,
        ...more,
      }),
    ];
    const picked = random.pick(variants)();
    const asks = await all(
      db.pool,
      `select from howdah.questions where execution_id = $1 and status = 'open'`,
      [run.id],
    );
    // a worker does not end a run with open questions
    const made = picked.to && asks.length > 0 ? row : picked;
    return run.is_child || made.to?.status === 'completed' ? { ...made, ...more } : made;
  };

  /** Commits one to four runs of a worker that have no commit in progress. */
  const commitSome = async (world: World, random: Random, client: pg.Client): Promise<void> => {
    const free = [...world.held.values()].filter(({ id }) => !world.busy.has(id));
    if (free.length === 0) return;
    const { worker } = random.pick(free);
    const runs = free.filter((run) => run.worker === worker).slice(0, random.int(1, 4));
    for (const { id } of runs) world.busy.add(id);
    const rows = await Promise.all(runs.map((run) => rowOf(random, run)));
    await commitRuns(world, client, runs, rows, random.chance(0.2));
  };

  const claimSome = async (world: World, random: Random, client: pg.Client): Promise<void> => {
    const worker = random.pick(world.workers);
    const { rows } = await client.query(
      `select id from howdah.executions where status = 'queued' order by random() limit 4`,
    );
    if (rows.length < 4) {
      const columns = random.chance(0.3) ? { session_id: world.session } : {};
      world.ids.push(await makeRun(client, { agent_id: agent, ...columns }));
    }
    for (const run of await claim(
      client,
      worker,
      rows.map(({ id }) => id),
    )) {
      const { execution_id: id, fence, step_count: log_end, is_child } = run;
      world.held.set(id, { id, worker, fence, log_end, is_child });
    }
  };

  /** Actions of users and of other parts of the engine on a run, by name. */
  const CONTROLS: Record<string, [text: string, ...values: ((world: World) => unknown)[]]> = {
    pause: ['select howdah.pause_execution($1)'],
    resume: ['select howdah.resume_execution($1)'],
    cancel: ['select howdah.cancel_execution($1)'],
    retry: ['select howdah.retry_execution($1)'],
    fork: ['select howdah.cancel_execution((howdah.fork_execution($1)).id)'],
    message: [`select howdah.add_input($1, 'And A-1002?')`],
    answer: [
      `select howdah.answer_question(q.id, 'blue') from howdah.questions as q
       where q.execution_id = $1 and q.status = 'open' limit 1`,
    ],
    limit: ['update howdah.executions set max_tokens = 100000 + step_count where id = $1'],
    priority: ['update howdah.executions set priority = 5 - priority where id = $1'],
    metadata: [`update howdah.executions set metadata = '{"a": 1}' where id = $1`],
    risk: [
      `select howdah_private.mark_at_risk(e.owner_worker, e.id, e.fence)
       from howdah.executions as e where e.id = $1 and e.owner_worker is not null`,
    ],
    release: [
      `select howdah_private.release_executions(e.owner_worker, array[e.id::uuid], false)
       from howdah.executions as e where e.id = $1 and e.owner_worker is not null`,
    ],
    died: [
      `select howdah_private.release_executions(e.owner_worker, null, true)
       from howdah.executions as e where e.id = $1 and e.owner_worker is not null`,
    ],
    interrupt: [
      `insert into howdah.executions (agent_id, input, session_id)
       select e.agent_id, 'Stop. Do this.', e.session_id from howdah.executions as e
       where e.id = $1 and e.session_id is not null and e.parent_execution_id is null`,
    ],
    policy: [
      `update howdah.sessions as s set policy = case s.policy when 'queue' then 'interrupt' else 'queue' end
         ::howdah.session_policy
       from howdah.executions as e where e.id = $1 and s.id = e.session_id`,
    ],
    limits: [
      `insert into howdah.limits (metric, period, max_value, scope, subject_id)
       select 'tokens', 'month', 1e9, 'agent', e.agent_id from howdah.executions as e where e.id = $1
       on conflict do nothing`,
    ],
  };

  const control = async (world: World, random: Random, client: pg.Client): Promise<void> => {
    const name = random.pick(Object.keys(CONTROLS));
    const [text] = CONTROLS[name] as [string];
    const { rows } = await client.query(
      `select id from howdah.executions where root_execution_id = any ($1) order by random() limit 1`,
      [world.ids],
    );
    await client.query(text, [rows[0].id]).catch((error) => {
      if (!REFUSALS.includes(error.code)) {
        world.unexpected.push([name, error.code, error.message, error.detail].join('\n'));
      }
    });
  };

  const play = async (world: World, seed: number, lane: number): Promise<void> => {
    const random = randomOf('control races', seed, lane);
    const client = lanes[lane] as pg.Client;
    for (let n = 0; n < OPERATIONS; n += 1) {
      const operation = random.pick([
        commitSome,
        commitSome,
        commitSome,
        claimSome,
        control,
        control,
      ]);
      await operation(world, random, client).catch((error) => {
        world.unexpected.push([error.code, error.message, error.detail, error.where].join('\n'));
      });
    }
  };

  test.each(SEEDS)('end with counters that match the committed steps, seed %i', async (seed) => {
    const session = await makeSession(db.pool, { agent_id: agent });
    const world: World = {
      ...{ workers: [await makeWorker(db.pool), await makeWorker(db.pool)], session },
      ...{ ids: [], held: new Map(), busy: new Set(), written: new Map() },
      ...{ refused: [], unexpected: [] },
    };
    for (let n = 0; n < RUNS; n += 1) {
      world.ids.push(await makeRun(db.pool, { agent_id: agent }));
    }
    await Promise.all(lanes.map((_, lane) => play(world, seed, lane)));
    expect(world.unexpected).toEqual([]);
    const names = [...world.written.values()].flat();
    expect(names.length).toBeGreaterThan(OPERATIONS);
    const log = await all(
      db.pool,
      `select e.id, c.step_count, c.model_count, c.tokens_in::int, c.tokens_out::int, c.cost::float,
         array_agg(s.name order by s.seq) filter (where s.kind = 'model') as names,
         count(s.*)::int as steps
       from howdah.executions as e join howdah.execution_counters as c on c.execution_id = e.id
       left join howdah.steps as s on s.execution_id = e.id
       where e.root_execution_id = any ($1) group by 1, 2, 3, 4, 5, 6`,
      [world.ids],
    );
    for (const run of log) {
      const expected = world.written.get(run.id) ?? [];
      expect((run.names ?? []).toSorted()).toEqual(expected.toSorted());
      expect(run).toMatchObject({
        step_count: run.steps,
        model_count: expected.length,
        tokens_in: 100 * expected.length,
        tokens_out: 50 * expected.length,
      });
      expect(run.cost).toBeCloseTo(0.0002 * expected.length, 8);
    }
    const committedSteps = await all(
      db.pool,
      'select name from howdah.steps where name = any ($1)',
      [world.refused],
    );
    expect(committedSteps).toEqual([]);
    expect(await all(db.pool, 'select rule, detail from howdah.check_all()')).toEqual([]);
    await db.pool.query(
      'select howdah.cancel_execution(id) from howdah.executions where completed_at is null order by depth',
    );
  });

  test('cause no deadlock', async () => {
    await Promise.all(lanes.splice(0).map((lane) => lane.end()));
    await db.pool.query('select pg_stat_force_next_flush()');
    const { deadlocks } = await one(
      db.pool,
      'select deadlocks::int from pg_stat_database where datname = current_database()',
    );
    expect(deadlocks).toBe(0);
  });
});
