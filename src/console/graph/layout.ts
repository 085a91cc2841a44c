import type { WorkflowGraph } from './workflow-graph.ts';

/** The size of a node and of the space around it, in pixels. */
export const NODE = { width: 190, height: 62 };
const GAP = { x: 80, y: 22 };

export type Point = { x: number; y: number };
/** The left upper corners of the nodes, and the size of the whole. */
export type Layout = { places: ReadonlyMap<string, Point>; width: number; height: number };

/**
 * Places nodes in columns: a node stands after all nodes that lead to it, except those that only a
 * cycle leads back from. Within a column, nodes stand in the order of the nodes before them.
 */
export function layoutOf({ nodes, edges }: WorkflowGraph): Layout {
  const forward = withoutCycles(nodes, edges);
  const ranks = ranksOf(nodes, forward);
  const columns = columnsOf(nodes, ranks);
  const order = new Map<string, number>();
  const tallest = Math.max(1, ...columns.map((column) => column.length));
  const height = tallest * (NODE.height + GAP.y) - GAP.y;
  const places = new Map<string, Point>();
  columns.forEach((column, at) => {
    const weights = new Map(column.map((node) => [node, weightOf(node, forward, order)]));
    column.sort((a, b) => (weights.get(a) ?? 0) - (weights.get(b) ?? 0));
    const own = column.length * (NODE.height + GAP.y) - GAP.y;
    column.forEach((node, index) => {
      order.set(node, index / column.length);
      places.set(node, {
        x: at * (NODE.width + GAP.x),
        y: (height - own) / 2 + index * (NODE.height + GAP.y),
      });
    });
  });
  return { places, width: columns.length * (NODE.width + GAP.x) - GAP.x, height };
}

/** Returns the nodes of each column. */
function columnsOf(nodes: readonly string[], ranks: ReadonlyMap<string, number>): string[][] {
  const found = Map.groupBy(nodes, (node) => ranks.get(node) ?? 0);
  return [...found].toSorted(([a], [b]) => a - b).map(([, column]) => column);
}

type Edges = readonly { from: string; to: string }[];

/** Leaves out the edges that lead back to a node on the way to them. */
function withoutCycles(nodes: readonly string[], edges: Edges): Edges {
  const next = Map.groupBy(edges, ({ from }) => from);
  const state = new Map<string, 'open' | 'done'>();
  const acyclicEdges: { from: string; to: string }[] = [];
  const visit = (node: string) => {
    state.set(node, 'open');
    for (const edge of next.get(node) ?? []) {
      if (state.get(edge.to) === 'open') continue;
      acyclicEdges.push(edge);
      if (!state.has(edge.to)) visit(edge.to);
    }
    state.set(node, 'done');
  };
  for (const node of nodes) if (!state.has(node)) visit(node);
  return acyclicEdges;
}

/** Returns the column of each node: the length of the longest way to it. */
function ranksOf(nodes: readonly string[], edges: Edges): Map<string, number> {
  const before = Map.groupBy(edges, ({ to }) => to);
  const ranks = new Map<string, number>();
  const rankOf = (node: string): number => {
    const known = ranks.get(node);
    if (known !== undefined) return known;
    const rank = Math.max(0, ...(before.get(node) ?? []).map(({ from }) => rankOf(from) + 1));
    ranks.set(node, rank);
    return rank;
  };
  for (const node of nodes) rankOf(node);
  return ranks;
}

/** Returns the mean place of the nodes that lead to a node. */
function weightOf(node: string, edges: Edges, order: ReadonlyMap<string, number>): number {
  const from = edges.filter(({ to }) => to === node).map((edge) => order.get(edge.from) ?? 0);
  return from.length === 0 ? 0 : from.reduce((sum, one) => sum + one, 0) / from.length;
}

/** Returns the path of an edge. One that leads back passes below the nodes. */
export function pathOf(from: Point, to: Point): string {
  const start = { x: from.x + NODE.width, y: from.y + NODE.height / 2 };
  const end = { x: to.x, y: to.y + NODE.height / 2 };
  if (end.x > start.x) {
    const middle = (start.x + end.x) / 2;
    return `M${start.x},${start.y} C${middle},${start.y} ${middle},${end.y} ${end.x},${end.y}`;
  }
  const below = Math.max(from.y, to.y) + NODE.height + GAP.y;
  const [x1, x2] = [from.x + NODE.width / 2, to.x + NODE.width / 2];
  return `M${x1},${from.y + NODE.height} C${x1},${below} ${x2},${below} ${x2},${to.y + NODE.height}`;
}
