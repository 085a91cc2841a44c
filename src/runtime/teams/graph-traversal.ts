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

/** The answer of a member, which an edge carries to the node `to`. */
type Token = NamedTask & { to: string };

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
  readonly #edges: readonly Edge[];
  readonly #visits = new Map<string, Visit>();
  readonly #counts = new Map<string, number>();
  readonly #live = new Set<string>();
  readonly #waiting: Token[] = [];
  readonly #ends: Visit[] = [];
  fault: Fault | undefined;

  constructor(team: Team, input: string) {
    this.#team = team;
    this.#input = input;
    this.#edges = edgesOf(team);
  }

  start(): void {
    const { start } = this.#team.configuration;
    const named = [start].flat().filter((name) => typeof name === 'string');
    const unled = this.#team.members
      .map(({ name }) => name)
      .filter((name) => !this.#edges.some(({ to }) => to === name));
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
    for (const { from, to } of fired.edges) this.#waiting.push({ name: from, task, to });
    if (fired.edges.length === 0) this.#ends.push(visit);
    this.#beginWhatMay();
  }

  /** Returns the edges of a node whose condition is true, or the first that is not decided. */
  #firedEdges(node: string, task: MemberTask): { edges: Edge[] } | Fault {
    const edges = this.#edges.filter(({ from }) => from === node);
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

  #beginWhatMay(): void {
    for (const to of new Set(this.#waiting.map((token) => token.to))) {
      this.#beginJoined(to, false);
    }
    const [stuck] = this.#waiting;
    if (stuck && this.#live.size === 0 && !this.fault) {
      this.#beginJoined(stuck.to, true); // nothing can fire the other edges any more
    }
  }

  #beginJoined(to: string, isLast: boolean): void {
    const leading = new Set(this.#edges.filter((edge) => edge.to === to).map(({ from }) => from));
    const joins = this.#team.configuration.joins;
    const isAny = leading.size < 2 || (isJsonObject(joins) && joins[to] === 'any');
    for (;;) {
      const ready = new Map<string, Token>();
      for (const token of this.#waiting.filter((one) => one.to === to)) {
        if (!ready.has(token.name) && (!isAny || ready.size === 0)) {
          ready.set(token.name, token);
        }
      }
      const isReady = isAny ? ready.size > 0 : ready.size === leading.size;
      if (ready.size === 0 || !(isReady || isLast)) {
        return;
      }
      for (const token of ready.values()) {
        this.#waiting.splice(this.#waiting.indexOf(token), 1);
      }
      this.#visit(to, inputOf([...ready.values()]));
    }
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
