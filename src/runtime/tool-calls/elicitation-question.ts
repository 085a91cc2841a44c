import type { PendingElicitation } from '../../contracts/agents/call-host.ts';
import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { JsonObject } from '../../json/json.ts';
import { blockedCallError } from '../held-run/filter-result.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { isElicitation, type OpenCall } from '../tool-plans/open-calls.ts';
import { questionForCall } from '../tool-plans/questions.ts';
import { questionStep } from '../tool-plans/step-records.ts';

/**
 * Maximum number of questions in one call, because a server that asks something else each time
 * would ask forever.
 */
const MAX_ELICITATIONS = 10;

type QuestionOrFailure =
  | { steps: StepRecord[] }
  | { outcome: ToolOutcome; guardSteps: StepRecord[] };

/**
 * Handles a call that an MCP server interrupted to ask people something. Returns the steps that ask
 * the question, or the failure of the call if a filter blocks the question or the server asked too
 * often. While the question is open, the run waits as a row of the database. With the answer, the
 * call is made again. People read the question as the output filters leave it.
 */
export async function questionForElicitation(
  { elicitation, prompt, schema, options }: PendingElicitation,
  tool: ToolDefinition,
  open: OpenCall,
  args: JsonObject,
  run: HeldRun,
): Promise<QuestionOrFailure> {
  const earlierQuestions = run.state.steps_since_answer.filter(
    (note) => note.call_id === open.call.id && isElicitation(note),
  ).length;
  if (earlierQuestions >= MAX_ELICITATIONS) {
    const message = `the server of this tool may ask people at most ${MAX_ELICITATIONS} times in one call`;
    const error = { code: 'limit_reached', message, retryable: false } as const;
    return { outcome: { ok: false, error }, guardSteps: [] };
  }
  const content = { prompt, schema, options } as {
    prompt: string;
    schema: JsonObject;
    options: string[];
  };
  const filtered = await run.applyOutputFilters('question', content, open.call.id);
  if (filtered.isBlocked) {
    const error = blockedCallError(
      "the question of the tool's server was not shown to people",
      filtered.filter,
    );
    // The guard step comes before the end of the call.
    return { outcome: { ok: false, error }, guardSteps: filtered.guardSteps };
  }
  const question = questionForCall('question', tool, open, args, filtered.value.prompt);
  const step = questionStep({ ...question, ...filtered.value, trust: 'external' }, { elicitation });
  return { steps: [step, ...filtered.guardSteps] };
}
