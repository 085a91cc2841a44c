import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidV7 } from 'uuid';
import { faultOf } from '../../src/db/connection/sqlstate.ts';
import { isTemporaryFailure, retryWhileUnavailable } from '../server.ts';
import type { World } from '../world.ts';
import type { Control, PlannedRun } from './plan.ts';
import { teamKey } from './run-keys.ts';
import { planMapItems } from './teams.ts';

/** The answer to a request: accepted, rejected, or lost with the connection. */
export type Acknowledgement = 'yes' | 'no' | 'unknown';

/** A run that was submitted, and the answers to the controls of its plan. */
export type SubmittedRun = {
  plan: PlannedRun;
  id: string;
  /** Whether the insert was acknowledged. From then on the run must not be lost. */
  isAcknowledged: boolean;
  cancelled?: Acknowledgement;
  steered?: Acknowledgement;
  forked?: Acknowledgement;
};

/**
 * Inserts runs at their times and applies their controls. Resolves when all controls are applied.
 */
export async function submitRuns(
  world: World,
  plans: readonly PlannedRun[],
): Promise<SubmittedRun[]> {
  const sessions = new Map<string, string>();
  const startedAt = performance.now();
  return Promise.all(
    plans.map(async (plan) => {
      await sleep(Math.max(0, plan.at - (performance.now() - startedAt)));
      const run: SubmittedRun = { plan, id: uuidV7(), isAcknowledged: false };
      await insertRun(world, run, sessions);
      run.isAcknowledged = true;
      await applyControl(world, run, plan.control);
      return run;
    }),
  );
}

/**
 * Inserts a run, and its session before the first run of the session. The ids are made here, so an
 * insert can be repeated if its answer was lost.
 */
async function insertRun(
  world: World,
  run: SubmittedRun,
  sessions: Map<string, string>,
): Promise<void> {
  const { pool } = world.server;
  const { session, agent, key, team = null } = run.plan;
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
        [run.id, agent, team, `Please do key=${key}`, items, session_id],
      );
    } catch (error) {
      if (faultOf(error).code !== '23505') throw error;
    }
  });
}

async function applyControl(world: World, run: SubmittedRun, control: Control): Promise<void> {
  switch (control.do) {
    case 'nothing':
      return;
    case 'cancel':
      await sleep(control.after);
      run.cancelled = await callRepeatedly(world, 'select howdah.cancel_execution($1)', [run.id]);
      return;
    case 'pause':
      await sleep(control.after);
      await callRepeatedly(world, 'select howdah.pause_execution($1)', [run.id]);
      await sleep(control.for);
      await callRepeatedly(world, 'select howdah.resume_execution($1)', [run.id]);
      return;
    case 'steer':
      await sleep(control.after);
      run.steered = await callOnce(world, 'select howdah.add_input($1, $2)', [
        run.id,
        `[steer:${run.plan.key}]`,
      ]);
      return;
    case 'fork':
      run.forked = await forkWhenEnded(world, run.id, control);
  }
}

/** Forks a completed run at a step of its log, some time after its end. */
async function forkWhenEnded(
  world: World,
  id: string,
  { at, after }: { at: number; after: number },
): Promise<Acknowledgement> {
  const { pool } = world.server;
  for (let polls = 0; polls < 60; polls += 1) {
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
        ? callOnce(world, 'select howdah.fork_execution($1, $2)', [id, seq])
        : 'no';
    }
    await sleep(500);
  }
  return 'no';
}

/** Calls an idempotent function until the database answers. */
function callRepeatedly(world: World, text: string, values: unknown[]): Promise<Acknowledgement> {
  return acknowledge(() => retryWhileUnavailable(() => world.server.pool.query(text, values)));
}

/** Calls a function that is not idempotent, once. */
function callOnce(world: World, text: string, values: unknown[]): Promise<Acknowledgement> {
  return acknowledge(() => world.server.pool.query(text, values));
}

async function acknowledge(call: () => Promise<unknown>): Promise<Acknowledgement> {
  try {
    await call();
    return 'yes';
  } catch (error) {
    return isTemporaryFailure(error) ? 'unknown' : 'no';
  }
}
