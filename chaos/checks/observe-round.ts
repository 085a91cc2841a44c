import type pg from 'pg';
import type { JsonObject } from '../../src/json/json.ts';
import { decryptRows } from '../faults/encryption.ts';
import { findInputKey, memberKey, teamKey } from '../load/run-keys.ts';
import type { TeamName } from '../load/plan.ts';

// What the database says of the runs of one round, for the checker.

export type RunRow = {
  id: string;
  key: string;
  status: string;
  stop_reason: string | null;
  error_code: string | null;
  output: string | null;
  parent: string | null;
  root: string;
  forked_from: string | null;
  session_id: string | null;
  /** Milliseconds of the database's clock; null while it lives. */
  ended: number | null;
  model_steps: number;
  model_retries: number;
  /** How often somebody who worked on it lost it. */
  interruptions: number;
  /** Messages of people after the first. */
  heard: string[];
};

/** Calls that finished well, with what they were about. */
export type CallRow = { execution_id: string; tool: string; key: string };
/** An effect question that was answered `again`. */
export type AgainRow = { execution_id: string; key: string };

export type Observations = {
  runs: RunRow[];
  calls: CallRow[];
  agains: AgainRow[];
  bookings: string[];
  zombies: { execution_id: string; seq: number; worker: string }[];
  violations: { rule: string; execution_id: string | null; detail: string }[];
};

/** The runs of a round are those that were created since it began. */
export async function observeRound(
  pool: pg.Pool,
  round: number,
  since: Date,
): Promise<Observations> {
  const ask = async <T>(text: string, values: unknown[] = [since]): Promise<T[]> =>
    (await pool.query(text, values)).rows;
  const read = async <T extends { execution_id: string }>(text: string): Promise<T[]> =>
    decryptRows(pool, await ask<T>(text), ({ execution_id }) => execution_id);
  const prefix = `${round}.`;
  const found = await decryptRows(pool, await ask<FoundRun>(RUNS), ({ id }) => id);
  const runs = found
    .map(({ input, workflow, member, ...run }): RunRow => {
      const key = findInputKey(input);
      if (workflow !== null) return { ...run, key: teamKey(key, workflow) };
      return { ...run, key: member === null ? key : memberKey(key, member) };
    })
    .filter(({ key }) => key.startsWith(prefix));
  const ids = new Set(runs.map(({ id }) => id));
  const ofRound = ({ execution_id }: { execution_id: string }): boolean => ids.has(execution_id);
  return {
    runs,
    calls: (await read<FoundCall>(CALLS)).filter(ofRound).map(callOf),
    agains: (await read<FoundAgain>(AGAINS)).filter(ofRound).map(againOf),
    bookings: (
      await ask<{ key: string }>('select key from shop.bookings where starts_with(key, $1)', [
        prefix,
      ])
    ).map(({ key }) => key),
    zombies: await ask(ZOMBIES),
    violations: await ask('select rule, execution_id, detail from howdah.violations', []),
  };
}

type FoundRun = Omit<RunRow, 'key'> & {
  input: string;
  workflow: TeamName | null;
  /** Who it is, as a member of a workflow. */
  member: string | null;
};
type FoundCall = Omit<CallRow, 'key'> & { input: JsonObject | null };
type FoundAgain = { execution_id: string; tool_call: { arguments: { key: string } } };

function callOf({ input, ...call }: FoundCall): CallRow {
  const { key, question, message } = input ?? {};
  return {
    ...call,
    key: key === undefined ? findInputKey(String(question ?? message)) : String(key),
  };
}

function againOf({ execution_id, tool_call }: FoundAgain): AgainRow {
  return { execution_id, key: tool_call.arguments.key };
}

const RUNS = `
  select e.id, e.input, w.name as workflow, substring(e.overrides ->> 'mission_override' from 'member=(\\S+)') as member,
    e.status, e.stop_reason, e.error ->> 'code' as error_code, e.output,
    e.parent_execution_id as parent, e.root_execution_id as root, e.forked_from_execution_id as forked_from,
    e.session_id, extract(epoch from e.completed_at)::float8 * 1000 as ended, s.model_steps, s.model_retries, o.interruptions, m.heard
  from howdah.executions as e
  left join howdah.workflows as w on w.id = e.workflow_id
  cross join lateral (
    select count(*) filter (where s.kind = 'model')::int as model_steps,
      count(*) filter (where s.kind = 'retry' and s.model_id is not null)::int as model_retries
    from howdah.steps as s where s.execution_id = e.id and s.seq > coalesce(e.forked_from_seq, 0)
  ) as s
  cross join lateral (
    select count(*)::int as interruptions from chaos.ownership as o
    where o.execution_id = e.id and o.old_owner is not null and o.new_owner is null
      and o.status not in ('waiting', 'completed')
  ) as o
  cross join lateral (
    select coalesce(array_agg(m.content), '{}') as heard from howdah.messages as m
    where m.execution_id = e.id and m.role = 'user' and m.seq > 1
  ) as m
  where e.created_at >= $1`;

const CALLS = `
  select s.execution_id, s.name as tool, s.input
  from howdah.steps as s join howdah.executions as e on e.id = s.execution_id
  where e.created_at >= $1 and s.kind = 'tool' and s.error is null and s.seq > coalesce(e.forked_from_seq, 0)`;

const AGAINS = `
  select q.execution_id, q.tool_call
  from howdah.questions as q join howdah.executions as e on e.id = q.execution_id
  where e.created_at >= $1 and q.kind = 'effect' and q.answer = 'again'`;

// A step of a worker at a moment when the run was not its own.
const ZOMBIES = `
  select s.execution_id, s.seq, s.worker from howdah.steps as s
  join howdah.executions as e on e.id = s.execution_id
  where e.created_at >= $1 and s.worker is not null and s.seq > coalesce(e.forked_from_seq, 0) and not exists (
    select from (
      select o.new_owner, o.at, lead(o.at) over (order by o.id) as until
      from chaos.ownership as o where o.execution_id = s.execution_id
    ) as o
    where o.new_owner = s.worker and s.finished_at between o.at and coalesce(o.until, 'infinity')
  )`;

/** Milliseconds from each moment until the first step that any of these runs had after it. */
export async function recoveries(
  pool: pg.Pool,
  faults: readonly { at: number; held: string[] }[],
): Promise<(number | null)[]> {
  const { rows } = await pool.query<{ ms: number | null }>(
    `select (
       select extract(epoch from min(s.finished_at))::float8 * 1000 - f.at
       from howdah.steps as s
       where s.execution_id = any (f.held) and s.finished_at > to_timestamp(f.at / 1000)
     ) as ms
     from rows from (jsonb_to_recordset($1) as (at float8, held uuid[])) with ordinality as f (at, held, position)
     order by f.position`,
    [JSON.stringify(faults)],
  );
  return rows.map(({ ms }) => ms);
}
