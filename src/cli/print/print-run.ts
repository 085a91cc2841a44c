import type { FilterHit } from '../../db/access/output-filters.ts';
import type { ExecutionRow, Step, TreeNode } from '../../db/queries/queries.ts';
import type { Question } from '../../db/queries/questions.ts';
import { type CliIo, printJson } from '../output/output.ts';
import { plainText } from '../output/terminal-text.ts';
import { questionLines } from './question.ts';
import { treeLines } from './run-tree.ts';
import { endLine, errorOf, stepLine } from './step-line.ts';

/**
 * A run as `show` prints it, from a database or a server. Nobody may see the URL that the run calls
 * back to.
 */
export type PrintedRun = {
  execution: Omit<ExecutionRow, 'callback_url' | 'contents_key_id' | 'counted_steps'>;
  steps: Step[];
};

/** Prints the whole run. Its questions and members are read only for people. */
export async function printRun(
  io: CliIo,
  { execution, steps }: PrintedRun,
  readQuestions: () => Promise<Question[]>,
  readMembers: () => Promise<string[]>,
): Promise<void> {
  if (io.json) return printJson(io, { ...execution, steps });
  io.out(`execution ${execution.id}`);
  io.out(
    execution.workflow === null
      ? `agent     ${execution.agent}, version ${execution.agent_version}`
      : `workflow  ${execution.workflow}, version ${execution.workflow_version}`,
  );
  const keys = keysOf(execution);
  if (keys) io.out(`keys      ${plainText(keys)}`);
  io.out(`status    ${execution.completed_at ? endLine(execution) : statusOf(execution)}`);
  io.out(`input     ${plainText(execution.input)}`);
  const hits = hitsOf(execution.input_hits);
  if (hits) io.out(`filtered  ${hits}`);
  for (const step of steps) io.out(stepLine({ ...io, color: false }, step));
  for (const line of await readMembers()) io.out(line);
  for (const question of await readQuestions()) io.out(questionLines(question).join('\n'));
  const error = errorOf(execution.error);
  if (error || execution.output !== null) {
    io.out(error ? `error     ${error}` : `output    ${plainText(execution.output ?? '')}`);
  }
}

/** Describes the state of a run that has not ended, with what it waits for. */
function statusOf({ status, waiting_for, wake_at, id }: PrintedRun['execution']): string {
  if (waiting_for === 'timer' && wake_at) {
    return `${status} until ${new Date(wake_at).toISOString()} (howdah explain ${id})`;
  }
  return waiting_for === null ? status : `${status} (${waiting_for})`;
}

/** Describes the filters that matched what people sent to a run. */
function hitsOf(hits: unknown): string {
  return ((hits ?? []) as FilterHit[])
    .map(({ filter, action, matches }) => `${filter} (${action}, ${matches}×)`)
    .join(', ');
}

function keysOf(execution: PrintedRun['execution']): string {
  const { concurrency_key, debounce_key, debounce_ms } = execution;
  return [
    concurrency_key !== null && `concurrency_key ${concurrency_key}`,
    debounce_key !== null && `debounce_key ${debounce_key} (${debounce_ms} ms)`,
  ]
    .filter(Boolean)
    .join(', ');
}

/** Prints the tree that a run belongs to. */
export function printTree(io: CliIo, nodes: readonly TreeNode[]): void {
  if (io.json) printJson(io, { items: nodes });
  else treeLines(nodes).forEach(io.out);
}
