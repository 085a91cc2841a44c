import type pg from 'pg';
import type { JsonObject } from '../../src/json/json.ts';
import { decryptRows } from '../faults/encryption.ts';
import type { TeamName } from '../load/plan.ts';
import { findInputKey, memberKey, teamKey } from '../load/run-keys.ts';

// Reads the runs of one round and their effects from the database, decrypted where necessary.

/** A run of the round. */
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
  /** Milliseconds since the epoch, of the database's clock; null until the run ends. */
  ended: number | null;
  model_steps: number;
  model_retries: number;
  /** Number of times a worker lost the run while it owned it. */
  interruptions: number;
  /** Messages of users after the first. */
  inputs: string[];
};

/** A tool call that succeeded. `key` comes from its arguments. */
export type CallRow = { execution_id: string; tool: string; key: string };
/** A question about an interrupted effect that was answered `again`. */
export type RepeatRow = { execution_id: string; key: string };

/** The rows of one round. `bookings` are the keys of the rows that the SQL tool inserted. */
export type Observations = {
  runs: RunRow[];
  calls: CallRow[];
  repeats: RepeatRow[];
  bookings: string[];
  zombies: { execution_id: string; seq: number; worker: string }[];
  violations: { rule: string; execution_id: string | null; detail: string }[];
};

/**
 * Reads the runs of a round, which were created since `since` and have its number in their keys.
 */
export async function observeRound(
  pool: pg.Pool,
  round: number,
  since: Date,
): Promise<Observations> {
  const query = async <T>(text: string, values: unknown[] = [since]): Promise<T[]> =>
    (await pool.query(text, values)).rows;
  const readRows = async <T extends { execution_id: string }>(text: string): Promise<T[]> =>
    decryptRows(pool, await query<T>(text), ({ execution_id }) => execution_id);
  const prefix = `${round}.`;
  const stored = await decryptRows(pool, await query<StoredRun>(RUNS), ({ id }) => id);
  const runs = stored.map(toRunRow).filter(({ key }) => key.startsWith(prefix));
  const ids = new Set(runs.map(({ id }) => id));
  const isOfRound = ({ execution_id }: { execution_id: string }): boolean => ids.has(execution_id);
  const bookings = await query<{ key: string }>(
    'select key from shop.bookings where starts_with(key, $1)',
    [prefix],
  );
  return {
    runs,
    calls: (await readRows<StoredCall>(CALLS)).filter(isOfRound).map(toCallRow),
    repeats: (await readRows<StoredRepeat>(REPEATS)).filter(isOfRound).map(toRepeatRow),
    bookings: bookings.map(({ key }) => key),
    zombies: await query(ZOMBIES),
    violations: await query('select rule, execution_id, detail from howdah.violations', []),
  };
}

type StoredRun = Omit<RunRow, 'key'> & {
  input: string;
  workflow: TeamName | null;
  /** The name of the member, in runs of workflow members. */
  member: string | null;
};
type StoredCall = Omit<CallRow, 'key'> & { input: JsonObject | null };
type StoredRepeat = { execution_id: string; tool_call: { arguments: { key: string } } };

function toRunRow({ input, workflow, member, ...run }: StoredRun): RunRow {
  const key = findInputKey(input);
  if (workflow !== null) return { ...run, key: teamKey(key, workflow) };
  return { ...run, key: member === null ? key : memberKey(key, member) };
}

function toCallRow({ input, ...call }: StoredCall): CallRow {
  const { key, question, message } = input ?? {};
  return {
    ...call,
    key: key === undefined ? findInputKey(String(question ?? message)) : String(key),
  };
}

function toRepeatRow({ execution_id, tool_call }: StoredRepeat): RepeatRow {
  return { execution_id, key: tool_call.arguments.key };
}

const RUNS = `
  select e.id, e.input, w.name as workflow, substring(e.overrides ->> 'mission_override' from 'member=(\\S+)') as member,
    e.status, e.stop_reason, e.error ->> 'code' as error_code, e.output,
    e.parent_execution_id as parent, e.root_execution_id as root, e.forked_from_execution_id as forked_from,
    e.session_id, extract(epoch from e.completed_at)::float8 * 1000 as ended, s.model_steps, s.model_retries, o.interruptions, m.inputs
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
    select coalesce(array_agg(m.content), '{}') as inputs from howdah.messages as m
    where m.execution_id = e.id and m.role = 'user' and m.seq > 1
  ) as m
  where e.created_at >= $1`;

const CALLS = `
  select s.execution_id, s.name as tool, s.input
  from howdah.steps as s join howdah.executions as e on e.id = s.execution_id
  where e.created_at >= $1 and s.kind = 'tool' and s.error is null and s.seq > coalesce(e.forked_from_seq, 0)`;

const REPEATS = `
  select q.execution_id, q.tool_call
  from howdah.questions as q join howdah.executions as e on e.id = q.execution_id
  where e.created_at >= $1 and q.kind = 'effect' and q.answer = 'again'`;

// Steps that a worker finished while it did not own the run.
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

/**
 * Returns for each fault the milliseconds until the next step of a run that the fault interrupted;
 * null if there was none.
 */
export async function measureRecoveries(
  pool: pg.Pool,
  faults: readonly { at: number; interrupted: string[] }[],
): Promise<(number | null)[]> {
  const { rows } = await pool.query<{ ms: number | null }>(
    `select (
       select extract(epoch from min(s.finished_at))::float8 * 1000 - f.at
       from howdah.steps as s
       where s.execution_id = any (f.interrupted) and s.finished_at > to_timestamp(f.at / 1000)
     ) as ms
     from rows from (jsonb_to_recordset($1) as (at float8, interrupted uuid[])) with ordinality
       as f (at, interrupted, position)
     order by f.position`,
    [JSON.stringify(faults)],
  );
  return rows.map(({ ms }) => ms);
}
