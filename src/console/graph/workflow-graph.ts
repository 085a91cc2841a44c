import type { EnumLabel } from '../../contracts/enum-labels.generated.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';

/** The nodes that are no members: where the input comes in, and where the answer goes out. */
export const START = ' start';
export const END = ' end';

/** A line from one node to another. The label is a condition, as text. */
export type GraphEdge = { from: string; to: string; label?: string };
/** A workflow as nodes, by the names of its members, and edges. */
export type WorkflowGraph = { nodes: readonly string[]; edges: readonly GraphEdge[] };

/** A workflow as its versions keep it. */
export type Team = {
  type: EnumLabel<'workflow_type'>;
  configuration: JsonObject;
  members: readonly { name: string }[];
};

/** Returns the graph of a workflow. Its type says how the members follow each other. */
export function graphOf(team: Team): WorkflowGraph {
  const members = team.members.map(({ name }) => name);
  const edges = EDGES[team.type](members, team.configuration);
  return { nodes: [START, ...members, END], edges };
}

type EdgesOf = (members: readonly string[], configuration: JsonObject) => GraphEdge[];

const EDGES: Readonly<Record<Team['type'], EdgesOf>> = {
  chain: (members) => inOrder([START, ...members, END]),
  parallel: (members, { aggregator }) => {
    const joins = members.filter((name) => name === aggregator);
    const others = members.filter((name) => name !== aggregator);
    const [join] = joins;
    if (join === undefined) return besideEachOther(others);
    return [...besideEachOther(others, join), { from: join, to: END }];
  },
  voting: (members) => besideEachOther(members),
  map: (members) => besideEachOther(members),
  router: (members) => besideEachOther(members),
  orchestrator: (members) => besideEachOther(members),
  evaluator_optimizer: (members) => {
    const [first, second] = members;
    const again = first && second ? [{ from: second, to: first }] : [];
    return [...inOrder([START, ...members, END]), ...again];
  },
  graph: (members, configuration) => edgesOfGraph(members, configuration),
};

function inOrder(names: readonly string[]): GraphEdge[] {
  return names.slice(1).map((to, index) => ({ from: names[index] ?? START, to }));
}

function besideEachOther(members: readonly string[], end = END): GraphEdge[] {
  return members.flatMap((name) => [
    { from: START, to: name },
    { from: name, to: end },
  ]);
}

/** The edges of a configuration. What no edge leaves gives the answer. */
function edgesOfGraph(members: readonly string[], { start, edges }: JsonObject): GraphEdge[] {
  const written = (Array.isArray(edges) ? edges : []).flatMap((edge): GraphEdge[] => {
    if (!isJsonObject(edge)) return [];
    const { from, to, when } = edge;
    if (typeof from !== 'string' || typeof to !== 'string') return [];
    return [{ from, to, ...(typeof when === 'string' && { label: when }) }];
  });
  const leaves = members.filter((name) => written.every(({ from }) => from !== name));
  return [
    ...startsOf(members, start).map((to) => ({ from: START, to })),
    ...written,
    ...leaves.map((from) => ({ from, to: END })),
  ];
}

/** Returns the members that begin: one name, or a list of names. */
function startsOf(members: readonly string[], start: Json | undefined): readonly string[] {
  const named = [start].flat().filter((name) => typeof name === 'string');
  return named.length > 0 ? named : [members[0] ?? END];
}
