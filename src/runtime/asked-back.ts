import type { RunState } from '../contracts/action.ts';
import type { ToolDefinition } from '../contracts/definition.ts';
import type { JsonObject } from '../contracts/json.ts';
import type { AskedBack } from '../contracts/mcp-host.ts';
import type { StepRecord } from '../contracts/step.ts';
import type { ToolOutcome } from '../contracts/tool.ts';
import { isAskedBack, type OpenCall } from './calls.ts';
import { questionAbout } from './question-about.ts';
import { asked } from './tool-steps.ts';

/** A server that says something else each time would ask for ever. */
const MOST = 10;

/** The question a call was given up for: while it is open the run waits as a row, and with its answer the call is made again. */
export function askedBack(
  { elicitation, prompt, schema, options }: AskedBack,
  tool: ToolDefinition,
  open: OpenCall,
  args: JsonObject,
  state: RunState,
): StepRecord | ToolOutcome {
  const before = state.attempts.filter(
    (note) => note.call_id === open.call.id && isAskedBack(note),
  ).length;
  if (before >= MOST) {
    const message = `its server asked people more than ${MOST} times in this call, and was not let ask again`;
    return { ok: false, error: { code: 'limit_reached', message, retryable: false } };
  }
  const question = questionAbout('question', tool, open, args, prompt);
  return asked({ ...question, schema, options, trust: 'external' }, { elicitation });
}
