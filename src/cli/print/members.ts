import type { TreeNode } from '../../db/queries/queries.ts';
import type { RunBackend } from '../backend/backend.ts';
import { plainNumber } from '../output/output.ts';
import { oneLine } from '../output/terminal-text.ts';

/** Most members whose answers are shown. */
const MOST = 20;

/**
 * Returns lines about the runs that a run started, such as members of a workflow: what each
 * answered, the tokens and the cost of all, and how to see more. Returns none for a run alone.
 */
export async function memberLines(
  runs: Pick<RunBackend, 'find' | 'tree'>,
  id: string,
): Promise<string[]> {
  const nodes = await runs.tree(id);
  const top = nodes.find(({ execution_id }) => execution_id === id);
  const children = nodes.filter(({ parent_execution_id }) => parent_execution_id === id);
  if (!top || children.length === 0) return [];
  const lines: string[] = [];
  for (const child of children.slice(0, MOST)) {
    const { output } = await runs.find(child.execution_id ?? '');
    lines.push(`member    ${memberLine(child, output)}`);
  }
  if (children.length > MOST) lines.push(`member    … ${children.length - MOST} more`);
  const tokens = Number(top.total_tokens_in) + Number(top.total_tokens_out);
  const cost = plainNumber(top.total_cost ?? 0);
  lines.push(`in all    ${tokens} tokens · cost ${cost} · all runs: howdah show ${id} --tree`);
  return lines;
}

function memberLine({ agent, workflow, status }: TreeNode, output: string | null): string {
  const state = status === 'completed' ? '' : ` (${status})`;
  return `${oneLine(agent ?? workflow ?? '')}${state}: ${oneLine(output ?? '')}`.trimEnd();
}
