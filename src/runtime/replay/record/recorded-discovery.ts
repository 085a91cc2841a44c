import { CONNECTED_ACCOUNT } from '../../../contracts/agents/call-host.ts';
import type { ExportedRun, ExportedStep } from '../../../contracts/runs/exported-run.ts';
import type { AccountQuestion, FirstDiscovery, MissingServer } from '../../../db/runs/runs.ts';
import { isJsonObject } from '../../../json/json.ts';
import { SERVER_MISSING } from '../../loop/await-mcp-servers.ts';

/** Returns whether a step belongs to a question for an account before the start of the run. */
export function isForAccount({ kind, call_id }: ExportedStep): boolean {
  return (kind === 'question' || kind === 'answer') && call_id === null;
}

/**
 * Returns the account that a run asked for in the first of these steps, or the MCP servers that it
 * started without.
 */
export function recordedDiscovery(
  steps: readonly ExportedStep[],
  questions: ExportedRun['questions'],
): FirstDiscovery | undefined {
  const asks = accountQuestionIn(steps[0], questions);
  if (asks) return { asks };
  const other = steps.findIndex(({ kind, name }) => kind !== 'guard' || name !== SERVER_MISSING);
  const guards = other < 0 ? steps : steps.slice(0, other);
  const missing = guards.map(({ output }) => output as unknown as MissingServer);
  return missing.length > 0 ? { missing } : undefined;
}

/** Returns the question for an account that a step asks, if it does. */
function accountQuestionIn(
  step: ExportedStep | undefined,
  questions: ExportedRun['questions'],
): AccountQuestion | undefined {
  if (step?.kind !== 'question' || !isForAccount(step)) return undefined;
  const { question_id, prompt } = step.input as { question_id: string; prompt: string };
  const schema = questions.find(({ id }) => id === question_id)?.schema;
  const account_id = isJsonObject(schema) ? String(schema[CONNECTED_ACCOUNT]) : '';
  return { account_id, prompt, is_asked: false };
}
