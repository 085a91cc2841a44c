import type pg from 'pg';
import { expect } from 'vitest';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { ExportedRun } from '../../../src/contracts/runs/exported-run.ts';
import { replayRun } from '../../../src/index.ts';
import { eventually } from '../../support/database.ts';
import { waitForEnd } from '../arrange.ts';

/** Returns a custom tool with any arguments. */
export function tool(
  name: string,
  run: CustomTool['run'],
  effect: CustomTool['effect'] = 'idempotent',
): CustomTool {
  return { name, description: `It is ${name}.`, parameters: { type: 'object' }, effect, run };
}

/** Returns a tool that hangs until its call is aborted, and opens the latch when it starts. */
export function createHangingTool(name: string, started: { open(): void }): CustomTool {
  return tool(
    name,
    () => {
      started.open();
      return new Promise(() => {});
    },
    'once',
  );
}

export async function loadExport(pool: pg.Pool, id: string): Promise<ExportedRun> {
  const { rows } = await pool.query('select howdah.export_run($1) as run', [id]);
  return rows[0].run;
}

/** Exports the run and asserts that its replay is equal and covers all of its own steps. */
export async function expectEqualReplay(pool: pg.Pool, id: string): Promise<ExportedRun> {
  const run = await loadExport(pool, id);
  const replay = await replayRun(run);
  expect(replay.divergences).toEqual([]);
  expect(replay).toMatchObject({ equal: true, steps: ownSteps(run) });
  return run;
}

function ownSteps({ steps, children }: ExportedRun): number {
  return children.reduce((sum, child) => sum + ownSteps(child), steps.length);
}

/** Returns the question of a run once the run waits for it. */
export async function waitForQuestion(pool: pg.Pool, execution: string): Promise<string> {
  const { id } = await eventually<{ id: string }>(
    pool,
    'a question is open',
    `select q.id from howdah.questions as q join howdah.executions as e on e.id = q.execution_id
     where (q.execution_id = $1 or q.root_execution_id = $1) and q.status = 'open' and e.status = 'waiting'`,
    [execution],
  );
  return id;
}

/** Answers the open question of a run, and waits for its end. */
export async function answerAndWait(
  pool: pg.Pool,
  execution: string,
  sql: string,
  values: unknown[] = [],
) {
  const id = await waitForQuestion(pool, execution);
  await pool.query(sql, [id, ...values]);
  return waitForEnd(pool, execution);
}

/** Adds a message of a person to a live run. */
export async function addMessage(pool: pg.Pool, execution: string, content: string): Promise<void> {
  await pool.query(
    `with said as (
       insert into howdah_private.inbox (execution_id, tenant_id, kind, content)
       select e.id, e.tenant_id, 'input', $2 from howdah.executions as e where e.id = $1
       returning execution_id
     )
     select howdah_private.wake_runs(array_agg(s.execution_id)) from said as s`,
    [execution, content],
  );
}
