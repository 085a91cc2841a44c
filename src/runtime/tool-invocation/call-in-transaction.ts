import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { DryRun } from '../../contracts/runs/preview.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { PoolClient } from '../../db/connection/pool.ts';
import { tenantPool } from '../../db/connection/tenant-pool.ts';
import {
  type BuiltinCall,
  type BuiltinOutcome,
  callBuiltinInCommit,
  isDatabaseBuiltin,
} from '../../db/sql-tools/builtin-call.ts';
import type { CapturedChanges } from '../../db/sql-tools/captured-changes.ts';
import {
  type BeforeCall,
  callInCommit,
  NotAsPreviewedError,
  type SqlFunction,
  type SqlToolCall,
} from '../../db/sql-tools/sql-tool.ts';
import type { JsonObject } from '../../json/json.ts';
import { changesDigest } from '../dry-run/digest.ts';
import type { RecordedCalls, RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import type { TransactionalCommit } from '../held-run/transactional-commit.ts';
import { embedSearchedQuery } from './embed-searched-query.ts';
import { callTimeout } from './invoke-tool.ts';
import { rerankSearchedQuery } from './rerank-searched-query.ts';

// A tool that is a function of the database runs in the transaction that commits its step, so that
// its effect and its log exist together or not at all. In this order:
//
// 1. If hooks of the database may lock rows, or if the tool may lock the row of the run, the call
//    waits, before it begins, until no other commit of the run is under way. All other calls wait
//    for this only after the tool has run.
// 2. The transaction begins. Hooks see the start of the call; they may change or refuse it.
// 3. The tool runs under a savepoint. What a failing tool has done is undone; its error stays.
// 4. The step is written, and the transaction commits.

/** A call that may be made, with the step of its start. */
export type PermittedCall = {
  tool: ToolDefinition;
  startStep: StepRecord;
  /** True if a person has approved the call. */
  isApproved: boolean;
  /** The effects that the approver was shown. Other effects are undone. */
  shown: DryRun | undefined;
};

/**
 * Creates the steps of the end of a call. `started` is the step of its start as hooks left it. That
 * step is not logged, since it would be committed together with the end.
 */
export type RecordOutcome = (outcome: ToolOutcome, started: StepRecord) => StepRecord[];

/**
 * The result of a call in a transaction.
 *
 * - `ended`: the end of the call is committed.
 * - `not_as_previewed`: the call was undone, because its effects were not those that were shown.
 * - `waits_ms`: the call has not ended. It is to be made again after that time.
 */
export type TransactedCall = 'ended' | 'not_as_previewed' | { waits_ms: number };

/** Returns true for a tool that is a function of the database. */
export function isDatabaseTool(tool: ToolDefinition): boolean {
  return tool.kind === 'sql' || (tool.kind === 'builtin' && isDatabaseBuiltin(tool.name));
}

/** Makes a call of a database tool and commits its step, in one transaction. */
export async function callInTransaction(
  call: PermittedCall,
  run: HeldRun,
  world: RuntimeDependencies,
  record: RecordOutcome,
): Promise<TransactedCall> {
  if (world.recordedCalls) {
    return replayCall(call, run, world.recordedCalls, record);
  }
  const { kind, name } = call.tool;
  // hooks may change or refuse the query, and a provider must not see it before
  const isFinal = !run.hooks?.hasHook('tool_before');
  if (kind === 'builtin' && name === 'knowledge_search' && isFinal) {
    await embedSearchedQuery(world.sqlToolPool, argsOf(call.startStep), run, world);
    await rerankSearchedQuery(world.sqlToolPool, argsOf(call.startStep), run, world);
  }
  try {
    return await run.commitWithin((commit) => callAndCommit(call, commit, run, world, record));
  } catch (error) {
    if (error instanceof NotAsPreviewedError) return 'not_as_previewed';
    throw error;
  }
}

async function replayCall(
  { tool, startStep, isApproved }: PermittedCall,
  run: HeldRun,
  recorded: RecordedCalls,
  record: RecordOutcome,
): Promise<TransactedCall> {
  if (isApproved && recorded.isApprovalRepeated(startStep.call_id ?? '')) return 'not_as_previewed';
  const outcome = await recorded.outcomeOf(
    tool,
    argsOf(startStep),
    startStep.idempotency_key ?? '',
  );
  if ('ok' in outcome) await run.commit(record(outcome, startStep));
  return 'ended';
}

async function callAndCommit(
  { tool, startStep, shown }: PermittedCall,
  commit: TransactionalCommit,
  run: HeldRun,
  world: RuntimeDependencies,
  record: RecordOutcome,
): Promise<TransactedCall> {
  const { hooks, context, abort } = run;
  let started = startStep;
  let result: TransactedCall = 'ended';
  const before: BeforeCall | undefined =
    hooks &&
    (async (client) => {
      const { steps, to } = await hooks.reviseCallOn(client, startStep);
      started = steps[0] ?? startStep;
      return started.kind === startStep.kind
        ? argsOf(started)
        : void (await commit.write(client, steps, to));
    });
  const end = (client: PoolClient, outcome: BuiltinOutcome): Promise<void> => {
    if ('ok' in outcome) return commit.write(client, record(outcome, started));
    result = outcome;
    return commit.write(client, []);
  };
  const user = { tenant: context.tenant_id, signal: abort.signal };
  const pool = tenantPool(world.sqlToolPool, 'tools', user);
  if (hooks?.mayLockRows) {
    await commit.begin();
  }
  await (tool.kind === 'sql'
    ? callInCommit(pool, sqlCall(tool, argsOf(startStep), run, shown), end, before)
    : callBuiltinInCommit(pool, builtinCall(tool, startStep, run), commit.begin, end, before));
  return result;
}

function argsOf(start: StepRecord): JsonObject {
  return start.input as JsonObject;
}

function builtinCall(
  { name, configuration }: ToolDefinition,
  startStep: StepRecord,
  run: HeldRun,
): BuiltinCall {
  const { call_id = '' } = startStep;
  return { name, execution_id: run.id, call_id, args: argsOf(startStep), configuration };
}

/**
 * Builds the database call of a tool in SQL. When effects were shown to an approver, the call fails
 * unless its effects are the same.
 */
export function sqlCall(
  tool: ToolDefinition,
  args: JsonObject,
  run: HeldRun,
  shown?: DryRun,
): SqlToolCall {
  const fn = tool.configuration as unknown as SqlFunction;
  const boundTo = { tenantId: run.context.tenant_id, executionId: run.id };
  const check = (changes: CapturedChanges): void => {
    if (shown && changesDigest(changes, shown.ignored) !== shown.digest)
      throw new NotAsPreviewedError();
  };
  const timeoutMs = callTimeout(tool, run);
  const call = { boundTo, fn, args, timeoutMs, signal: run.abort.signal };
  return shown ? { ...call, check } : call;
}
