import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidV7 } from 'uuid';
import { faultOf } from '../../src/db/connection/sqlstate.ts';
import { teamKey } from './run-keys.ts';
import type { Control, PlannedRun } from './plan.ts';
import { isTemporaryFailure, retryWhileUnavailable } from '../server.ts';
import { planMapItems } from './teams.ts';
import type { World } from '../world.ts';

/** What became of something that was asked of the database: it was told yes or no, or never heard. */
export type Acknowledgement = 'yes' | 'no' | 'unknown';

/** A run that was asked for, and what was done to it. */
export type SubmittedRun = {
  plan: PlannedRun;
  id: string;
  /** Its insert was acknowledged: from then on it must not be lost. */
  isAcknowledged: boolean;
  cancelled?: Acknowledgement;
  steered?: Acknowledgement;
  forked?: Acknowledgement;
};

/** Inserts the runs at their times and does to them what is planned. Resolves when all of it has been done. */
export async function submitRuns(
  world: World,
  plans: readonly PlannedRun[],
): Promise<SubmittedRun[]> {
  const sessions = new Map<string, string>();
  const startedAt = performance.now();
  return Promise.all(
    plans.map(async (plan) => {
      await sleep(Math.max(0, plan.at - (performance.now() - startedAt)));
      const order: SubmittedRun = { plan, id: uuidV7(), isAcknowledged: false };
      await insert(world, order, sessions);
      order.isAcknowledged = true;
      await control(world, order, plan.control);
      return order;
    }),
  );
}

/** The id is ours, so an insert whose answer was lost is tried again, and found to be there. */
async function insert(
  world: World,
  order: SubmittedRun,
  sessions: Map<string, string>,
): Promise<void> {
  const { pool } = world.server;
  const { session, agent, key, team = null } = order.plan;
  const items =
    team === 'batch' ? JSON.stringify(planMapItems(world.seed, teamKey(key, team))) : null;
  const session_id = session ? (sessions.get(session.name) ?? uuidV7()) : null;
  if (session && session_id) {
    sessions.set(session.name, session_id);
    await retryWhileUnavailable(() =>
      pool.query(
        `insert into howdah.sessions (id, agent_id, policy) values ($1, howdah.agent($2), $3)
         on conflict do nothing`,
        [session_id, agent, session.policy],
      ),
    );
  }
  await retryWhileUnavailable(async () => {
    try {
      await pool.query(
        `insert into howdah.executions (id, agent_id, workflow_id, input, input_data, session_id)
         values ($1, case when $3::text is null then howdah.agent($2) end,
           case when $3 is not null then howdah.workflow($3) end, $4, $5, $6)`,
        [order.id, agent, team, `Please do key=${key}`, items, session_id],
      );
    } catch (error) {
      if (faultOf(error).code !== '23505') throw error;
    }
  });
}

async function control(world: World, order: SubmittedRun, what: Control): Promise<void> {
  switch (what.do) {
    case 'nothing':
      return;
    case 'cancel':
      await sleep(what.after);
      order.cancelled = await tell(world, 'select howdah.cancel_execution($1)', [order.id], true);
      return;
    case 'pause':
      await sleep(what.after);
      await tell(world, 'select howdah.pause_execution($1)', [order.id], true);
      await sleep(what.for);
      await tell(world, 'select howdah.resume_execution($1)', [order.id], true);
      return;
    case 'steer':
      await sleep(what.after);
      order.steered = await tell(
        world,
        'select howdah.add_input($1, $2)',
        [order.id, `[steer:${order.plan.key}]`],
        false,
      );
      return;
    case 'fork':
      order.forked = await fork(world, order.id, what);
  }
}

/** Some time after it has ended, at some step of its log. */
async function fork(
  world: World,
  id: string,
  { at, after }: { at: number; after: number },
): Promise<Acknowledgement> {
  const { pool } = world.server;
  for (let waited = 0; waited < 60; waited += 1) {
    const { rows } = await retryWhileUnavailable(() =>
      pool.query(
        `select status, step_count from howdah.executions where id = $1 and completed_at is not null`,
        [id],
      ),
    );
    if (rows[0]) {
      await sleep(after);
      const seq = Math.floor(at * rows[0].step_count);
      return rows[0].status === 'completed'
        ? tell(world, 'select howdah.fork_execution($1, $2)', [id, seq], false)
        : 'no';
    }
    await sleep(500);
  }
  return 'no';
}

/** What may be said twice is said until it is heard. */
async function tell(
  { server }: World,
  text: string,
  values: unknown[],
  isRepeatable: boolean,
): Promise<Acknowledgement> {
  const say = () => server.pool.query(text, values);
  try {
    await (isRepeatable ? retryWhileUnavailable(say) : say());
    return 'yes';
  } catch (error) {
    return isTemporaryFailure(error) ? 'unknown' : 'no';
  }
}
