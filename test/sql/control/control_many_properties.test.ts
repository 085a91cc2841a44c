import { beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  claim,
  commit,
  completed,
  type Db,
  failed,
  makeAgent,
  makeRun,
  makeSession,
  makeWorker,
  one,
  rolledBack,
  spawn,
} from '../support.ts';

// Compares one call for many runs with one call for each run, from the same random state: both
// forms have the same errors and leave the same rows.

const SEEDS = 6;
const RUNS = 24;

const db = testDatabase();
let agent: string;
let worker: string;

beforeAll(async () => {
  agent = await makeAgent(db.pool);
  worker = await makeWorker(db.pool);
});

/** Returns a generator of whole numbers below a limit, repeatable by its seed. */
function createRandom(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

type Claimed = { id: string; fence: number };

const waitFor = (waiting_for: string) => ({ status: 'waiting', waiting_for });
const asks = async () => {
  const { id } = await one(db.pool, 'select howdah.uuid_v7() as id');
  const question = { id, kind: 'question', call_id: 'call_1', prompt: 'Which one?' };
  return { kind: 'question', name: 'question', call_id: 'call_1', question };
};

/** Brings a claimed run into one of its states. */
const MOVES: ((run: Claimed) => Promise<unknown>)[] = [
  async () => undefined,
  async (run) => commit(db.pool, worker, [{ ...run, after: 0, steps: [answer] }]),
  async (run) =>
    commit(db.pool, worker, [{ ...run, after: 0, steps: [await asks()], to: waitFor('question') }]),
  async (run) => {
    const to = { ...waitFor('timer'), delay_ms: 3_600_000 };
    await commit(db.pool, worker, [{ ...run, after: 0, steps: [answer], to }]);
  },
  async (run) => {
    const last = { kind: 'output', output: completed.output };
    await commit(db.pool, worker, [{ ...run, after: 0, steps: [answer, last], to: completed }]);
  },
  async (run) => {
    const last = { kind: 'error', error: failed.error };
    const to = { ...failed, stop_reason: 'max_steps' };
    await commit(db.pool, worker, [{ ...run, after: 0, steps: [answer, last], to }]);
  },
  async (run) => {
    await spawn(db.pool, worker, { ...run, after: 0 }, agent);
    await commit(db.pool, worker, [{ ...run, after: 1, steps: [answer], to: waitFor('child') }]);
  },
  async ({ id }) => db.pool.query('select howdah.cancel_execution($1)', [id]),
  async ({ id }) => db.pool.query('select howdah.pause_execution($1)', [id]),
];

/** Makes runs in random states, some of them in sessions, and returns all of them in order. */
async function makeRandomRuns(random: (below: number) => number): Promise<string[]> {
  const sessions = [await makeSession(db.pool), await makeSession(db.pool)];
  const first = await one(db.pool, 'select howdah.uuid_v7() as id');
  for (let n = 0; n < RUNS; n += 1) {
    const session_id = random(2) === 0 ? sessions[random(2)] : null;
    const id = await makeRun(db.pool, { agent_id: agent, session_id });
    if (random(6) === 0) continue;
    const [claimed] = await claim(db.pool, worker, [id]);
    if (claimed) await MOVES[random(MOVES.length)]?.({ id, fence: claimed.fence });
    else if (random(2) === 0) await db.pool.query('select howdah.pause_execution($1)', [id]);
  }
  const rows = await all(
    db.pool,
    'select id::uuid as id from howdah.executions where id > $1 order by id',
    [first.id],
  );
  return rows.map(({ id }) => id);
}

/** Reads all rows that a control may change, without times. */
const stateOf = async (client: Db) => [
  await all(
    client,
    `select e.id::uuid, e.status, e.waiting_for, e.paused_from, e.is_pause_requested, e.stop_reason, e.error,
       e.owner_worker, e.fence, e.live_children, e.members_waiting, e.has_inbox, e.max_steps, e.first_limits,
       e.wake_at is null as is_awake, e.completed_at is null as is_live, h.step_count, h.message_count
     from howdah.executions as e cross join lateral howdah_private.with_head(e) as h order by e.id`,
  ),
  await all(
    client,
    'select id, live_execution_id, late_turns, turns from howdah.sessions order by id',
  ),
  await all(
    client,
    'select id, status, answer, answer_data, answered_by from howdah.questions order by id',
  ),
  await all(
    client,
    `select execution_id, seq, kind, name, input, error from howdah.steps order by 1, 2`,
  ),
  await all(
    client,
    `select execution_id, kind, name, call_id, output from howdah_private.inbox order by 1, output::text`,
  ),
  await all(
    client,
    // a child that its parent has cancelled before is not recorded by a call of its own
    `select i.object_id, i.action, count(*)::int from howdah_private.audit_inbox as i
     join howdah.executions as e on e.id = i.object_id::uuid and e.depth = 0
     group by 1, 2 order by 1, 2`,
  ),
  await all(client, 'select key from howdah_private.queue_jobs order by key'),
];

type Outcome = { id: string; code: string | null };

const CONTROLS = ['cancel', 'pause', 'resume', 'retry'] as const;

test.each(Array.from({ length: SEEDS }, (_, n) => n + 1))(
  'one call leaves what a call for each run leaves (seed %i)',
  async (seed) => {
    const random = createRandom(seed);
    const ids = (await makeRandomRuns(random)).filter(() => random(4) > 0);
    for (const name of CONTROLS) {
      const one_by_one = await rolledBack(db.pool, async (client) => {
        const outcomes: Outcome[] = [];
        for (const id of ids) {
          await client.query('savepoint single');
          const code = await client
            .query(`select howdah.${name}_execution($1)`, [id])
            .then(() => null)
            .catch(async (error) => {
              await client.query('rollback to savepoint single');
              return error.code as string;
            });
          outcomes.push({ id, code });
        }
        return { outcomes, state: await stateOf(client) };
      });
      const at_once = await rolledBack(db.pool, async (client) => {
        const rows = await all(client, `select * from howdah.${name}_executions($1)`, [ids]);
        const outcomes = rows.map(({ id, error }) => ({ id, code: error?.code ?? null }));
        return { outcomes, state: await stateOf(client) };
      });
      expect(at_once).toEqual(one_by_one);
    }
  },
  60_000,
);
