import type { Command } from 'commander';
import type { Explanation } from '../../../contracts/runs/explanation.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { causesOf, explainCode, looksLikeCode } from '../../help/explain-error.ts';
import { executionId } from '../../input/resolve-id.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { oneLine } from '../../output/terminal-text.ts';

/** The command line for each possible next action. */
const COMMANDS: Readonly<Record<string, string>> = {
  start_worker: 'howdah worker',
  answer_question: 'howdah answer ID TEXT',
  approve: 'howdah approve ID, or howdah reject ID',
  resume_execution: 'howdah runs resume ID',
  retry_execution: 'howdah runs retry ID',
  explain_execution: 'howdah explain ID',
};
const WIDTH = 200;

/**
 * Registers `howdah explain`.
 *
 * - `howdah explain ID` shows why a run is in its state: what it waits for, what blocks it, the
 *   possible causes of its error, and the possible next actions.
 * - `howdah explain CODE` shows what an error means and what to do.
 */
export function register(command: Command, io: CliIo): void {
  command.argument('<id>', 'id of a run, or an error code').option(...API_OPTION);
  command.action(async (text: string, _options: object, self: Command) => {
    if (looksLikeCode(text)) return explainCode(io, text);
    const id = executionId(text);
    show(io, await withBackend(io, self, {}, ({ runs }) => runs.explain(id)));
  });
}

function show(io: CliIo, explanation: Explanation): void {
  if (io.json) {
    printJson(io, explanation);
    return;
  }
  const { status, since, reason, summary, blocked_by, next } = explanation;
  io.out(
    `${status} (${reason}) since ${new Date(since).toISOString()}: ${oneLine(summary, WIDTH)}`,
  );
  for (const { kind, id, name, detail } of blocked_by) {
    const causes = kind === 'error' && name !== null ? causesOf(name) : [];
    const subject = [...new Set([kind, name, id])].filter(Boolean).join(' ');
    // the summary has the message of an error
    io.out(`  by ${subject}: ${causes.length > 0 ? 'possible causes' : oneLine(detail, WIDTH)}`);
    for (const cause of causes) io.out(`    - ${cause}`);
  }
  const commands = next.map(({ action, id }) =>
    COMMANDS[action]?.replaceAll('ID', id ?? explanation.execution_id),
  );
  for (const line of new Set(commands)) if (line) io.out(`  next: ${line}`);
}
