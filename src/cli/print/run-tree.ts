import type { TreeNode } from '../../db/queries/queries.ts';
import { plainNumber } from '../output/output.ts';
import { oneLine } from '../output/terminal-text.ts';

/**
 * Formats a tree of runs as lines of a terminal, parents before their children. `nodes` are in that
 * order.
 */
export function treeLines(nodes: readonly TreeNode[]): string[] {
  return nodes.map((node, index) => `${branch(nodes, index)}${nodeLine(node)}`);
}

function branch(nodes: readonly TreeNode[], index: number): string {
  const depth = depthOf(nodes, index);
  let drawn = '';
  for (let level = 1; level <= depth; level += 1) {
    const goesOn = hasLaterSibling(nodes, index, level);
    drawn += level < depth ? (goesOn ? '│  ' : '   ') : goesOn ? '├─ ' : '└─ ';
  }
  return drawn;
}

/** Returns the depth of a run below the first run of the tree. */
function depthOf(nodes: readonly TreeNode[], index: number): number {
  return (nodes[index]?.depth ?? 0) - (nodes[0]?.depth ?? 0);
}

function hasLaterSibling(nodes: readonly TreeNode[], index: number, level: number): boolean {
  for (let later = index + 1; later < nodes.length; later += 1) {
    const depth = depthOf(nodes, later);
    if (depth <= level) {
      return depth === level;
    }
  }
  return false;
}

function nodeLine(node: TreeNode): string {
  const own = Number(node.tokens_in) + Number(node.tokens_out);
  const total = Number(node.total_tokens_in) + Number(node.total_tokens_out);
  const reason = node.stop_reason ?? node.waiting_for;
  const cut = node.finish_reason === 'length' ? ', cut off by the token limit' : '';
  const why = reason && reason !== node.status ? ` (${reason}${cut})` : '';
  const status = `${node.status}${why}`;
  const tokens = total === own ? `${own} tokens` : `${own} tokens, ${total} in all`;
  const name = oneLine(node.agent ?? node.workflow ?? '');
  return [name, status, timeOf(node), tokens, costOf(node), node.execution_id]
    .filter((part) => part !== undefined)
    .join('  ');
}

/**
 * Returns the time from the first step to the end, or until now. Returns undefined if the run has
 * not started.
 */
function timeOf({ started_at, completed_at }: TreeNode): string | undefined {
  const end = completed_at ?? new Date();
  return started_at ? `${((end.getTime() - started_at.getTime()) / 1000).toFixed(2)} s` : undefined;
}

function costOf({ cost, total_cost }: TreeNode): string | undefined {
  if (Number(total_cost) === 0) return undefined;
  const own = `cost ${plainNumber(cost ?? '0')}`;
  return Number(total_cost) === Number(cost)
    ? own
    : `${own}, ${plainNumber(total_cost ?? '0')} in all`;
}
