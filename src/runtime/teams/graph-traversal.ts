import type { Team } from '../../contracts/agents/definition.ts';
import type { RunState } from '../../contracts/runs/action.ts';
import { MAX_TEXT_BYTES } from '../../contracts/size-limits.ts';
import { isJsonObject } from '../../json/json.ts';
import { areConditionsTrue, type Verdict } from './condition.ts';
import { joinAnswers, type NamedTask } from './join-answers.ts';
import { type MemberTask, runInputOf } from './tasks.ts';

/** One execution of a member in a graph, the first one or a repeated one. */
export type Visit = { id: string; node: string; input: string };

export type GraphTraversal = {
  visits: Visit[];
  /** Visits after which no other visit came, in the order in which they ended. */
  ends: Visit[];
  /** True when nothing is running and nothing is to start. */
  isOver: boolean;
};

/** Reason why the traversal ends without an answer. */
type Fault = { fault: string; code: 'member_failed' | 'invalid_condition' | 'limit_reached' };

/** The answer of a member that an edge carries to a node, with its place among all of them. */
type Token = NamedTask & { place: number };

/** The answers that wait at a node, by the members that gave them, each in their order. */
type Waiting = Map<string, Token[]>;

const MAX_VISITS = 10;

/**
 * Walks the graph from its start along the ends of visits, in the order of the log. The same log
 * therefore always gives the same visits, however its workers read the log. A node with several
 * incoming edges starts in one of two ways. With `any`, the node starts after each edge that fires.
 * With `all`, it starts when all edges have fired, or when nothing is running any more that could
 * still fire an edge.
 */
export function traverseGraph(
  team: Team,
  state: RunState,
  tasks: ReadonlyMap<string, MemberTask>,
): GraphTraversal | Fault {
  const walker = new Walker(team, runInputOf(state));
  walker.start();
  for (const id of endsOf(state)) {
    const task = tasks.get(id);
    if (task?.state === 'failed') {
      return { fault: `node ${nodeOf(id)} failed: ${task.error}`, code: 'member_failed' };
    }
    if (task?.state === 'answered') {
      walker.end(id, task);
    }
  }
  return walker.fault ?? walker.result();
}

/**
 * Returns the ids of visits in the order in which they ended. Visits that start again after a retry
 * by hand end later.
 */
function endsOf({ steps_since_answer: steps }: RunState): string[] {
  const ends = new Set<string>();
  for (const { kind, call_id } of steps) {
    if ((kind === 'child' || kind === 'answer') && call_id) {
      ends.delete(call_id);
      ends.add(call_id);
    }
  }
  return [...ends];
}

function nodeOf(id: string): string {
  return id.slice(0, id.lastIndexOf('#'));
}

class Walker {
  readonly #team: Team;
  readonly #input: string;
  readonly #edgesFrom: ReadonlyMap<string, readonly Edge[]>;
  /** The number of members with an edge to a node. */
  readonly #leading: ReadonlyMap<string, number>;
  readonly #visits = new Map<string, Visit>();
  readonly #counts = new Map<string, number>();
  readonly #live = new Set<string>();
  /** By nodes. Each end looks only at the nodes that it leads to, so that the walk stays linear. */
  readonly #waiting = new Map<string, Waiting>();
  #tokens = 0;
  readonly #ends: Visit[] = [];
  fault: Fault | undefined;

  constructor(team: Team, input: string) {
    this.#team = team;
    this.#input = input;
    const edges = edgesOf(team);
    this.#edgesFrom = Map.groupBy(edges, ({ from }) => from);
    const edgesTo = Map.groupBy(edges, ({ to }) => to);
    this.#leading = new Map(
      [...edgesTo].map(([to, all]) => [to, new Set(all.map(({ from }) => from)).size]),
    );
  }

  start(): void {
    const { start } = this.#team.configuration;
    const named = [start].flat().filter((name) => typeof name === 'string');
    const unled = this.#team.members
      .map(({ name }) => name)
      .filter((name) => !this.#leading.has(name));
    const first = named.length > 0 ? named : unled.length > 0 ? unled : [this.#firstMember()];
    for (const node of first) {
      this.#visit(node, this.#input);
    }
  }

  /**
   * Handles the answer of a member: fires its edges, and starts each node that has everything it
   * waits for.
   */
  end(id: string, task: MemberTask): void {
    const visit = this.#visits.get(id);
    if (!visit || this.fault || !this.#live.delete(id)) {
      return;
    }
    const fired = this.#firedEdges(visit.node, task);
    if ('fault' in fired) {
      this.fault = fired;
      return;
    }
    for (const { from, to } of fired.edges) this.#wait(to, from, task);
    if (fired.edges.length === 0) this.#ends.push(visit);
    this.#beginWhatMay(new Set(fired.edges.map(({ to }) => to)));
  }

  #wait(node: string, name: string, task: MemberTask): void {
    const waiting: Waiting = this.#waiting.get(node) ?? new Map();
    this.#waiting.set(node, waiting);
    const queue = waiting.get(name);
    const token = { name, task, place: this.#tokens };
    this.#tokens += 1;
    if (queue) queue.push(token);
    else waiting.set(name, [token]);
  }

  /** Returns the edges of a node whose condition is true, or the first that is not decided. */
  #firedEdges(node: string, task: MemberTask): { edges: Edge[] } | Fault {
    const edges = this.#edgesFrom.get(node) ?? [];
    const conditions = edges.flatMap(({ when }) => when ?? []);
    const verdicts = areConditionsTrue(conditions, task, node).values();
    const fired: Edge[] = [];
    for (const edge of edges) {
      const verdict = edge.when === undefined ? TRUE : (verdicts.next().value as Verdict);
      if (!verdict.ok) {
        const fault = `the edge from ${edge.from} to ${edge.to}: ${verdict.message}`;
        return { fault, code: 'invalid_condition' };
      }
      if (verdict.value) fired.push(edge);
    }
    return { edges: fired };
  }

  result(): GraphTraversal {
    const isOver = this.#live.size === 0;
    return { visits: [...this.#visits.values()], ends: this.#ends, isOver };
  }

  #firstMember(): string {
    return this.#team.members[0]?.name ?? '';
  }

  /** Begins the nodes that new answers wait at, the one with the oldest answer first. */
  #beginWhatMay(reached: ReadonlySet<string>): void {
    const ready = [...reached].filter((node) => this.#isReady(node));
    for (const node of this.#byOldest(ready)) this.#beginJoined(node, false);
    if (this.#live.size > 0 || this.fault) return;
    const [stuck] = this.#byOldest([...this.#waiting.keys()]);
    if (stuck !== undefined) this.#beginJoined(stuck, true); // nothing can fire the other edges
  }

  #isAny(node: string): boolean {
    const { joins } = this.#team.configuration;
    const leading = this.#leading.get(node) ?? 0;
    return leading < 2 || (isJsonObject(joins) && joins[node] === 'any');
  }

  /** Returns whether a node has all the answers that it waits for. */
  #isReady(node: string): boolean {
    const size = this.#waiting.get(node)?.size ?? 0;
    return size > 0 && (this.#isAny(node) || size === this.#leading.get(node));
  }

  #byOldest(nodes: readonly string[]): string[] {
    const oldest = (node: string) =>
      Math.min(...firstTokens(this.#waiting.get(node) ?? new Map()).map(({ place }) => place));
    return nodes
      .map((node) => ({ node, place: oldest(node) }))
      .sort((one, other) => one.place - other.place)
      .map(({ node }) => node);
  }

  #beginJoined(node: string, isLast: boolean): void {
    const waiting = this.#waiting.get(node) ?? new Map<string, Token[]>();
    const isAny = this.#isAny(node);
    while (waiting.size > 0 && (isLast || this.#isReady(node))) {
      const tokens = firstTokens(waiting).sort((one, other) => one.place - other.place);
      const ready = isAny ? tokens.slice(0, 1) : tokens;
      for (const { name } of ready) {
        const queue = waiting.get(name) ?? [];
        queue.shift();
        if (queue.length === 0) waiting.delete(name);
      }
      this.#visit(node, inputOf(ready));
    }
    if (waiting.size === 0) this.#waiting.delete(node);
  }

  #visit(node: string, input: string): void {
    const count = (this.#counts.get(node) ?? 0) + 1;
    const most = Number(this.#team.configuration.max_visits ?? MAX_VISITS);
    if (count > most) {
      const fault = `${node} would run more than ${most} times (configuration.max_visits)`;
      this.fault ??= { fault, code: 'limit_reached' };
      return;
    }
    this.#counts.set(node, count);
    const id = `${node}#${count}`;
    this.#visits.set(id, { id, node, input });
    this.#live.add(id);
  }
}

/** Returns the first answer of each member that waits at a node. */
function firstTokens(waiting: Waiting): Token[] {
  return [...waiting.values()].flatMap(([first]) => first ?? []);
}

const TRUE = { ok: true, value: true } as const;

type Edge = { from: string; to: string; when: string | undefined };

function edgesOf({ configuration }: Team): Edge[] {
  const edges = Array.isArray(configuration.edges) ? configuration.edges : [];
  return edges.filter(isJsonObject).map(({ from, to, when }) => {
    return {
      from: String(from),
      to: String(to),
      when: typeof when === 'string' ? when : undefined,
    };
  });
}

/** Returns the input of a node: one answer unchanged, or several answers joined. */
function inputOf(tokens: readonly Token[]): string {
  const [first, second] = tokens;
  return first && !second ? first.task.output : joinAnswers(tokens, MAX_TEXT_BYTES);
}
