import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import { A2A_PROVIDER } from '../../contracts/agents/engine.ts';
import type { NewQuestion, StepRecord } from '../../contracts/runs/step.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import type { OpenCall } from '../tool-plans/open-calls.ts';
import { questionStep } from '../tool-plans/step-records.ts';
import { commitBlockedCall } from './blocked-call.ts';

type Question = Omit<NewQuestion, 'id'>;
type FilteredQuestion =
  | { isBlocked: false; question: Question; guardSteps: StepRecord[] }
  | { isBlocked: true; filter: string; guardSteps: StepRecord[] };

/**
 * Asks people a question as the output filters leave it. A call of a client tool is a question to
 * the client of the run, which makes the call itself. A question of a remote agent is marked as
 * text from outside. Commits a refusal of the call when a filter blocks the question. Approvals are
 * asked in request-approval.ts.
 */
export async function askQuestion(
  tool: ToolDefinition,
  question: Question,
  open: OpenCall,
  run: HeldRun,
): Promise<void> {
  const started_at = new Date().toISOString();
  const filtered = await filterQuestion(tool, question, open, run);
  if (filtered.isBlocked) {
    return commitBlockedCall(
      tool.name,
      { question: '[withheld]' },
      filtered,
      open,
      run,
      started_at,
    );
  }
  const isOutside = run.definition.models[0]?.provider === A2A_PROVIDER;
  const questionToAsk = {
    ...filtered.question,
    ...(isOutside ? { trust: 'external' as const } : {}),
  };
  await run.commit([questionStep(questionToAsk), ...filtered.guardSteps]);
}

/**
 * Applies the output filters to a question of the model, or to a call of a client tool. Questions
 * about effects are written by Howdah and are not filtered.
 */
async function filterQuestion(
  tool: ToolDefinition,
  question: Question,
  open: OpenCall,
  run: HeldRun,
): Promise<FilteredQuestion> {
  if (question.kind !== 'question') return { isBlocked: false, question, guardSteps: [] };
  const { prompt, options = null, tool_call } = question;
  // each output filter names the places that it checks
  const place = tool.kind === 'client' ? tool : 'question';
  const content = { prompt, options, arguments: tool_call?.arguments ?? null };
  const filtered = await run.applyOutputFilters(place, content, open.call.id);
  if (filtered.isBlocked) return filtered;
  const { value, guardSteps } = filtered;
  return {
    isBlocked: false,
    question: {
      ...question,
      prompt: value.prompt,
      ...(value.options ? { options: value.options } : {}),
      ...(tool_call ? { tool_call: { ...tool_call, arguments: value.arguments } } : {}),
    },
    guardSteps,
  };
}
