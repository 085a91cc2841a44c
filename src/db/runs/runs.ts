import { promptToConnect } from '../../contracts/account-question.ts';
import type { AgentDefinition, Overrides } from '../../contracts/agents/definition.ts';
import type { HookRow } from '../../contracts/agents/hook.ts';
import type { ConsentRequest } from '../../contracts/connected-account.ts';
import type { LoggedMessage, Message } from '../../contracts/runs/message.ts';
import type { RunSettings } from '../../contracts/runs/run-settings.ts';
import type { Control, LoggedStep, StopReason } from '../../contracts/runs/step.ts';
import type { Trust } from '../../contracts/runs/trust.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import type { Pool, PoolClient } from '../connection/pool.ts';
import { type Commit, commitQuery, PROTOCOL } from './commit-query.ts';

/** A run that this worker now owns, with all data needed to continue it. */
export type ClaimedRun = {
  execution_id: string;
  fence: number;
  tenant_id: string;
  agent_id: string;
  agent_version_id: string;
  session_id: string | null;
  root_execution_id: string;
  is_child: boolean;
  /** True if the run undoes the effects of another run. */
  is_compensation: boolean;
  metadata: JsonObject;
  step_count: number;
  exhausted: StopReason | null;
  active_ms_left: number;
  has_subscribers: boolean;
  /** True if workers died with this run. It is the only run of this worker. */
  is_suspect: boolean;
  messages_at_retry: number;
  /** The estimated size of the shortest request that a model refused as too long, by model. */
  refused: Record<string, number>;
  messages: LoggedMessage[];
  history: Message[];
  steps_since_answer: LoggedStep[];
  /** The lowest trust of the content that the run has read. */
  trust: Trust;
  /** True if the tenant has filters. All output is then filtered before it is recorded. */
  is_filtered: boolean;
  /** True if calls of the tenant may be limited. Each call is then requested before it is made. */
  are_calls_limited: boolean;
  /** The current settings of the tenant, or null when there are none. */
  settings: RunSettings | null;
  /** True if no worker has added a step yet. */
  is_new: boolean;
  /** The task of a workflow's run, with text and data apart. */
  task: { input: string; data: Json } | null;
  /** The differences between the run and its version. */
  overrides: Overrides | null;
  /**
   * A value shared by all runs with the same call rules, or null for a run that shares its rules
   * with no other.
   */
  shared_rules_key: string | null;
  /** The hooks of the tenant and the agent in call order, or null when there are none. */
  hooks: HookRow[] | null;
};

/** Identifies one claim of a run. */
export type Claim = Pick<ClaimedRun, 'execution_id' | 'fence'>;

/**
 * The result of a commit. `inbox`: nothing was written and the run was not completed, because
 * something arrived in its inbox.
 */
export type CommitResult = Control & { outcome: 'committed' | 'stale' | 'inbox' };

/**
 * The settings column. The check runs once for all runs of a statement, because few tenants have
 * settings.
 */
const SETTINGS = `case when (select howdah_private.has_settings()) then howdah_private.run_settings(execution_id) end as settings`;
/**
 * Columns are listed by name, because a newer schema may add columns, and the result of a prepared
 * statement must not change.
 */
const CLAIMED = `execution_id, fence, tenant_id, agent_id, agent_version_id, session_id, root_execution_id, is_child,
  is_compensation, metadata, step_count, exhausted, active_ms_left, watched as has_subscribers, is_suspect, is_new, hooks, messages_at_retry, refused,
  messages, history, attempts as steps_since_answer, task, overrides, alike as shared_rules_key, trust, is_filtered, are_calls_limited,
  ${SETTINGS}`;
const COMMITTED = `execution_id, outcome, status, step_count, exhausted, active_ms_left, watched as has_subscribers, has_inbox,
  is_pause_requested, over_quota, rules_stamp, are_calls_limited,
  ${SETTINGS}`;
/** The items that arrived for a run from outside, as they are now in its log. */
export type TakenInbox = { step_count: number; steps: LoggedStep[]; messages: LoggedMessage[] };

/**
 * Claims those of the runs that are due and free. The result omits the others. The result may
 * instead contain runs of other tenants whose turn it is. `after` is the tenant served last.
 */
export async function claimExecutions(
  pool: Pool,
  worker: string,
  { ids, offered }: { ids: readonly string[]; offered: readonly string[] },
  after: string | null,
  room: number,
): Promise<ClaimedRun[]> {
  const { rows } = await pool.query({
    name: 'claim_executions',
    text: `select ${CLAIMED} from howdah_private.claim_executions($1, $2, ${PROTOCOL}, $3, $4, $5)`,
    values: [worker, ids, after, room, offered],
  });
  return rows.map((row) => ({
    ...row,
    active_ms_left: Number(row.active_ms_left),
    steps_since_answer: row.steps_since_answer.map(dueByOwnClock),
  }));
}

/**
 * Converts the due time to the clock of this process, because the writer of the step may have had
 * another clock.
 */
function dueByOwnClock({ due_in_ms, ...step }: LoggedStep & { due_in_ms?: number }): LoggedStep {
  return due_in_ms === undefined || !isJsonObject(step.output)
    ? step
    : { ...step, output: { ...step.output, not_before: isoTime(Date.now() + due_in_ms) } };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** Commits the steps of many runs in one transaction; the result has one entry per run, by id. */
export async function commitSteps(
  database: Pool | PoolClient,
  worker: string,
  commits: readonly Commit[],
): Promise<Map<string, CommitResult>> {
  const { rows } = await database.query({
    // The statement has no name here: SQL of others shares the transaction of this commit, and
    // might have prepared a statement of that name.
    ...('release' in database ? {} : { name: 'commit_steps' }),
    ...commitQuery(worker, commits, COMMITTED),
  });
  return new Map(
    rows.map((row) => [
      row.execution_id,
      {
        ...row,
        active_ms_left: row.active_ms_left === null ? null : Number(row.active_ms_left),
        rules_stamp: row.rules_stamp === null ? null : Number(row.rules_stamp),
      },
    ]),
  );
}

/**
 * Moves the items that arrived for a run into its log. Returns the new entries, or undefined when
 * the run no longer belongs to this worker.
 */
export async function takeInbox(
  pool: Pool,
  worker: string,
  run: Pick<Commit, 'id' | 'fence' | 'after'>,
): Promise<TakenInbox | undefined> {
  const { rows } = await pool.query('select * from howdah_private.take_inbox($1, $2, $3, $4)', [
    worker,
    run.id,
    run.fence,
    run.after,
  ]);
  return rows[0];
}

/** An MCP server that a run starts without, and the error of the attempt to reach it. */
export type MissingServer = { server: string; error: string | null };

/**
 * The wait of a starting run in milliseconds, or the servers it starts without. Undefined when all
 * servers have answered.
 */
export type FirstDiscovery =
  | { waits_ms: number }
  | { missing: MissingServer[] }
  | { asks: AccountQuestion };

/**
 * The question for an account that a person has to connect before the tools of a server can be
 * listed. `is_asked` if it is open.
 */
export type AccountQuestion = { account_id: string; prompt: string; is_asked: boolean };

/** An account as the database describes it, with the link of a page to connect it. */
type MissingAccount = Omit<ConsentRequest, 'link'> & { link: string | null; is_asked: boolean };

/** Reads whether the MCP servers of a run's agent have listed their tools. */
export async function firstDiscovery(
  pool: Pool,
  worker: string,
  id: string,
  fence: number,
): Promise<FirstDiscovery | undefined> {
  const { rows } = await pool.query<{
    found: Exclude<FirstDiscovery, { asks: unknown }> | { consent: MissingAccount } | null;
  }>('select howdah_private.first_discovery($1, $2, $3) as found', [worker, id, fence]);
  const found = rows[0]?.found ?? undefined;
  if (!found || !('consent' in found)) return found;
  const { link, is_asked, ...account } = found.consent;
  const { account_id } = account;
  return { asks: { account_id, is_asked, prompt: promptToConnect(account, link) } };
}

/** Releases a claim of a run, which is then due again. `isCrash` counts against the run. */
export async function releaseExecution(
  pool: Pool,
  worker: string,
  { execution_id, fence }: Claim,
  isCrash: boolean,
): Promise<void> {
  await pool.query('select howdah_private.release_executions($1, $2, $3, $4)', [
    worker,
    [execution_id],
    isCrash,
    fence,
  ]);
}

/** Releases all runs of a worker. */
export async function releaseAll(pool: Pool, worker: string): Promise<void> {
  await pool.query('select howdah_private.release_executions($1, null, false)', [worker]);
}

/**
 * Releases all runs of this worker except `held`. The claimed runs are unknown when the answer to a
 * claim is lost.
 */
export async function releaseUnknownRuns(
  pool: Pool,
  worker: string,
  held: readonly Claim[],
): Promise<number> {
  const text = 'select howdah_private.release_unknown($1, $2, $3) as released';
  const { rows } = await pool.query<{ released: number }>(text, [
    worker,
    held.map(({ execution_id }) => execution_id),
    held.map(({ fence }) => fence),
  ]);
  return rows[0]?.released ?? 0;
}

/** Returns for each claim whether the worker has lost it. A newer claim of the same run ends it. */
export async function areClaimsLost(
  pool: Pool,
  worker: string,
  claims: readonly Claim[],
): Promise<boolean[]> {
  const newest = new Map<string, number>();
  for (const { execution_id, fence } of claims) {
    newest.set(execution_id, Math.max(fence, newest.get(execution_id) ?? fence));
  }
  const { rows } = await pool.query<{ id: string }>(
    'select l.id from howdah_private.lost_runs($1, $2, $3) as l (id)',
    [worker, [...newest.keys()], [...newest.values()]],
  );
  const lost = new Set(rows.map(({ id }) => id));
  return claims.map(
    ({ execution_id, fence }) => lost.has(execution_id) || fence !== newest.get(execution_id),
  );
}

/** Returns whether a run is completed, failed or cancelled. */
export async function hasRunEnded(pool: Pool, id: string): Promise<boolean> {
  const { rows } = await pool.query('select howdah_private.has_run_ended($1) as ended', [id]);
  return rows[0].ended;
}

/** Returns the agent version that a run pinned. The version never changes. */
export async function loadVersion(pool: Pool, id: string): Promise<AgentDefinition> {
  const { rows } = await pool.query('select howdah_private.agent_version($1) as definition', [id]);
  return rows[0].definition;
}

/** Returns the data that the caller gave a run beside its text. */
export async function inputDataOf(pool: Pool, id: string): Promise<Json> {
  const { rows } = await pool.query('select howdah_private.input_data($1) as data', [id]);
  return rows[0].data;
}
