import type { TreeNode } from '../db/queries.ts';
import { oneLine } from './steps.ts';

/** A tree of runs as lines of a terminal, parents before their children; `nodes` come in that order. */
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

/** Counted from the run the tree begins with. */
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
  const status = reason && reason !== node.status ? `${node.status} (${reason})` : node.status;
  const tokens = total === own ? `${own} tokens` : `${own} tokens, ${total} in all`;
  return `${oneLine(node.agent ?? node.workflow ?? '')}  ${status}  ${tokens}  ${node.execution_id}`;
}
