import { TOOL_PROVIDER } from '../../contracts/agents/engine.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { Action } from '../../contracts/runs/action.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { RunCommit } from '../held-run/committer.ts';
import type { FilterResult } from '../held-run/filter-result.ts';
import type { HeldRun } from '../held-run/held-run.ts';

type Finish = Extract<Action, { type: 'finish' }>;

/**
 * Ends the run with its answer. The answer of a workflow, or of a tool called without a model, has
 * not passed a filter yet.
 */
export async function finishRun(action: Finish, run: HeldRun): Promise<unknown> {
  const isOfTool = run.definition.models[0]?.provider === TOOL_PROVIDER;
  const filtered =
    isOfTool || run.definition.workflow
      ? await run.applyOutputFilters('output', action.output)
      : { isBlocked: false as const, value: action.output, guardSteps: [] };
  if (filtered.isBlocked) {
    return failOnBlockedAnswer(
      filtered,
      isOfTool ? 'result of the tool' : 'answer of the workflow',
      run,
    );
  }
  const isAsItWas = filtered.value === action.output;
  return run.commit([...filtered.guardSteps, outputOf(filtered.value, run, isOfTool)], {
    status: 'completed',
    stop_reason: 'final_answer',
    output: filtered.value,
    output_data: isAsItWas ? action.output_data : null,
    ...(action.finish_reason && { finish_reason: action.finish_reason }),
  });
}

/**
 * Returns the output step. The answer of an agent is its last message already. The answer of a
 * workflow or of a tool is added as a message.
 */
function outputOf(output: string, { definition }: HeldRun, isOfTool: boolean): StepRecord {
  return definition.workflow || isOfTool
    ? { kind: 'output', messages: [{ role: 'assistant', content: output }] }
    : { kind: 'output' };
}

function failOnBlockedAnswer(
  { filter, guardSteps }: Extract<FilterResult<string>, { isBlocked: true }>,
  what: string,
  run: HeldRun,
): Promise<RunCommit> {
  const message = `the output filter ${filter} withheld the ${what}`;
  const error: RunError = { code: 'content_filtered', message, retryable: false };
  return run.commit([...guardSteps, { kind: 'error', error }], {
    status: 'failed',
    stop_reason: 'error',
    error,
  });
}
