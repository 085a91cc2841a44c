import { connectionForm } from '../../contracts/account-question.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { AccountQuestion, MissingServer } from '../../db/runs/runs.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { questionStep } from '../tool-plans/step-records.ts';

/** The name of the guard for an MCP server whose tools a run lacks. */
export const SERVER_MISSING = 'mcp_server_missing';

/**
 * Parks a starting run until the MCP servers of its agent have listed their tools. If that takes
 * the account of a person who has not consented, the run asks for it first. The run starts without
 * servers that failed or did not answer within a minute, and its log says so.
 */
export async function awaitMcpServers(run: HeldRun): Promise<void> {
  const discovery = await run.firstDiscovery();
  if (!discovery) return;
  if ('waits_ms' in discovery) {
    const delay_ms = discovery.waits_ms;
    await run.commit([], { status: 'waiting', waiting_for: 'timer', delay_ms });
  } else if ('asks' in discovery) {
    await run.commit(questionFor(discovery.asks), { status: 'waiting', waiting_for: 'question' });
  } else {
    await run.commit(discovery.missing.map(guardFor));
  }
}

/** Returns the step of the question for an account, or no step if the question is open. */
function questionFor({ account_id, prompt, is_asked }: AccountQuestion): StepRecord[] {
  if (is_asked) return [];
  const form = connectionForm(account_id);
  return [questionStep({ kind: 'question', prompt, ...form, trust: 'external' })];
}

function guardFor({ server, error }: MissingServer): StepRecord {
  const reason = error === null ? 'has not answered yet' : `cannot be reached: ${error}`;
  const message = `the MCP server ${server} ${reason}; this run continues without its tools`;
  return { kind: 'guard', name: SERVER_MISSING, output: { server, error, message } };
}
