import type { RunError } from '../../contracts/errors.ts';
import type { Action } from '../../contracts/runs/action.ts';
import type { StepRecord, StopReason } from '../../contracts/runs/step.ts';
import { SizeLimitError } from '../../contracts/size-limits.ts';
import { faultOf, isConnectionLoss, isRefusal } from '../../db/connection/sqlstate.ts';
import { lacksTool } from '../environment/lacks-tool.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import type { RunCommit } from '../held-run/committer.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { StaleRunError } from '../held-run/transactional-commit.ts';
import { BEGINNING } from '../hooks/hook-events.ts';
import { callWithinLimits } from '../model-calls/call-within-limits.ts';
import { ROSTER } from '../teams/member-list.ts';
import { callTools } from '../tool-calls/call-tools.ts';
import { awaitMcpServers } from './await-mcp-servers.ts';
import { finishRun } from './finish-run.ts';
import { runQueryAction } from './run-query-action.ts';
import { decisionSteps, startMembers } from './start-members.ts';

/** The pause before a run is released whose tools this process has lost. */
const PAUSE_MS = 250;

/**
 * Advances a run: fold → next → perform → commit, until the run has ended, is parked, or belongs to
 * another worker. Every action commits its result, and every commit folds it into the state.
 *
 * `mustYield` is called between two actions. Returns true if the run must be released: draining or
 * preemption. The next worker continues the run exactly where its log ends. A run whose tools this
 * process has lost is released too.
 */
export async function advance(
  run: HeldRun,
  world: RuntimeDependencies,
  mustYield: () => boolean,
): Promise<void> {
  await prepare(run);
  while (run.isHeld && !run.abort.signal.aborted && !mustYield()) {
    if (lacksTool(run.definition, world)) {
      // the database may not know yet which tools are left, and offer the run again
      await world.sleep(PAUSE_MS, run.abort.signal);
      break;
    }
    try {
      await (handleRequests(run) ?? performAction(await run.next(), run, world));
      await failOnHookError(run);
    } catch (error) {
      await recover(error, run);
    }
  }
  await run.hooks?.whenNotified();
}

/**
 * Fails the run if one of this process' hooks has thrown. These hooks are called when a step is
 * committed.
 */
async function failOnHookError(run: HeldRun): Promise<void> {
  const error = await run.hooks?.whenNotified();
  if (error) {
    await (run.isHeld ? failRun(run, 'error', error) : run.hooks?.recordErrors([error]));
  }
}

/** Waits for the tools of a run and calls its hooks, before a model is called. */
async function prepare(run: HeldRun): Promise<void> {
  try {
    await awaitMcpServers(run);
    await (run.isHeld && run.hooks?.hasStartHooks ? run.commit([BEGINNING]) : undefined);
  } catch (error) {
    await recover(error, run);
  }
}

/** Handles requests from outside first: pauses the run, or takes what came for it. */
function handleRequests(run: HeldRun): Promise<unknown> | undefined {
  if (run.isPauseRequested) {
    return run.commit([], { status: 'paused' });
  }
  return run.hasInbox ? run.takeInbox() : undefined;
}

async function performAction(
  action: Action,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<unknown> {
  switch (action.type) {
    case 'call_model':
    case 'summarize':
    case 'embed':
      return callWithinLimits(action, run, world);
    case 'call_tools':
      return callTools(action.calls, run, world);
    case 'read_rows':
      return runQueryAction(action, run, world);
    case 'find_members':
      return findCapableAgents(run);
    case 'begin_members':
      return startMembers(action, run);
    case 'wait':
      return run.commit([], { status: 'waiting', waiting_for: action.for });
    case 'guard':
      return run.commit([
        {
          kind: 'guard',
          name: action.name,
          output: { message: action.message },
          messages: [{ role: action.role ?? 'user', content: action.message }],
        },
      ]);
    case 'finish':
      return finishRun(action, run);
    case 'fail':
      return failRun(run, action.stop_reason, action.error, decisionSteps(action));
  }
}

function failRun(
  run: HeldRun,
  stop_reason: StopReason,
  error: RunError,
  before: readonly StepRecord[] = [],
): Promise<RunCommit> {
  const step =
    stop_reason === 'error'
      ? ({ kind: 'error', error } as const)
      : ({ kind: 'guard', name: stop_reason, error } as const);
  return run.commit([...before, step], { status: 'failed', stop_reason, error });
}

/**
 * Handles a thrown error, which is a fault and no outcome. A run that was taken over is left alone.
 * A run that would make a text or a commit beyond its maximum size fails. Content that the database
 * rejects, or a mistake in Howdah's own code, ends the run with an error that says so. After a lost
 * connection or a deadlock the run is released, so that its log is read again.
 */
async function recover(error: unknown, run: HeldRun): Promise<void> {
  if (error instanceof StaleRunError || run.abort.signal.aborted) {
    return;
  }
  if (error instanceof SizeLimitError) {
    const { message, detail: cause = null } = error;
    await failRun(run, 'error', { code: 'limit_reached', message, retryable: false, cause });
    return;
  }
  const { code, message } = faultOf(error);
  const isPassing = /^[0-9A-Z]{5}$/.test(code) && !isRefusal(error);
  if (isPassing || isConnectionLoss(error)) {
    throw error;
  }
  await failRun(run, 'error', {
    code: 'internal',
    message: `the step could not be committed: ${message}`,
    retryable: false,
    cause: { code },
  });
}

/**
 * Looks up the agents that could do the task, and adds them to the log, because the run uses the
 * result of one search.
 */
async function findCapableAgents(run: HeldRun): Promise<void> {
  const started_at = new Date().toISOString();
  const output = await run.capableAgents();
  if (run.abort.signal.aborted) {
    return; // the run is not owned any more
  }
  await run.commit([{ kind: 'tool', ...ROSTER, output, trust: 'internal', started_at }]);
}
