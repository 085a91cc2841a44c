import type { Pool } from '../connection/pool.ts';
import {
  type ExecutionRow,
  findExecutionRow,
  type Queries,
  queriesOn,
  type Step,
  stepsAfter,
} from '../queries/queries.ts';
import { type Question, questionsInTheWay } from '../queries/questions.ts';
import type { RunListener } from './run-listener.ts';

/** The position of an item's run: the ids from the followed run down, and its name. */
export type PlaceInTree = { path: string[]; agent: string | null };

/** What is new in a run. Items of a tree have a place. */
export type FollowedItem = Partial<PlaceInTree> &
  (
    | { type: 'step'; id: string; step: Step }
    /** The run does not continue until a person has answered these questions. Read once each. */
    | { type: 'questions'; id: string; questions: Question[] }
    /** A limit is reached. The run continues by itself once there is room. Read once. */
    | { type: 'limited'; id: string }
    | { type: 'end'; id: string; execution: ExecutionRow }
  );

export type ReaderOptions = {
  /** The step after which a followed run is read. */
  after?: number;
  /** True to read all runs below too. */
  tree?: boolean;
};

/**
 * Reads runs, and all runs below them if wanted, with the rights of the caller. It remembers what
 * was read, and reports each step once.
 */
export class RunReader {
  readonly #db: Queries;
  readonly #pool: Pool;
  readonly #listener: RunListener;
  readonly #isTree: boolean;
  readonly #top: readonly string[];
  readonly #cursors: Map<string, number>;
  readonly #places: Map<string, PlaceInTree>;
  readonly #reported = new Set<string>();

  constructor(
    pool: Pool,
    listener: RunListener,
    ids: readonly string[],
    { after = 0, tree = false }: ReaderOptions = {},
  ) {
    this.#db = queriesOn(pool);
    this.#pool = pool;
    this.#listener = listener;
    this.#isTree = tree;
    this.#top = ids;
    this.#cursors = new Map(ids.map((id) => [id, after]));
    this.#places = new Map(ids.map((id) => [id, { path: [id], agent: null }]));
  }

  /** The runs that have not ended. */
  get live(): string[] {
    return [...this.#cursors.keys()];
  }

  /** False when all followed runs have ended. */
  get isLive(): boolean {
    return this.#top.some((id) => this.#cursors.has(id));
  }

  /**
   * Reads what is new in these runs. In a tree, steps of one read are ordered by time, which the
   * clock of the database gives. So a child run comes after its start and before its result, and
   * the end of the followed run is the last item.
   */
  async read(due: readonly string[]): Promise<FollowedItem[]> {
    const items = await this.#readAll(due);
    if (!this.#isTree) return items;
    const end = items.find(({ type, id }) => type === 'end' && this.#top.includes(id));
    if (!end) return inOrder(items);
    // one more read finds what was committed before the end
    items.push(...(await this.#readAll(this.live)));
    return [...inOrder(items.filter((item) => item !== end)), end];
  }

  /**
   * Reads what is new in runs, and in the runs that they have started. A run whose result is read
   * is read once more, since it has committed the rest of its steps before.
   */
  async #readAll(due: readonly string[]): Promise<FollowedItem[]> {
    const items: FollowedItem[] = [];
    const waiting = [...due];
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
      const place = this.#isTree ? this.#places.get(id) : undefined;
      for (const item of await this.#readRun(id)) {
        items.push({ ...item, ...place });
        const child = this.#isTree ? childOf(item) : undefined;
        if (child === undefined) continue;
        if (!this.#places.has(child)) await this.#follow(child, place?.path ?? [id]);
        if (this.#cursors.has(child)) waiting.push(child);
      }
    }
    return items;
  }

  async #readRun(id: string): Promise<FollowedItem[]> {
    const cursor = this.#cursors.get(id);
    if (cursor === undefined) return [];
    // Read the run before its steps, so that its end is not reported too early.
    const execution = await findExecutionRow(this.#db, id);
    const steps = await stepsAfter(this.#db, id, cursor);
    const items = steps.map((step): FollowedItem => ({ type: 'step', id, step }));
    this.#cursors.set(id, steps.at(-1)?.seq ?? cursor);
    if (execution?.status === 'waiting') {
      const questions = (await questionsInTheWay(this.#db, id)).filter((one) =>
        this.#isNew(one.id),
      );
      if (questions.length > 0) items.push({ type: 'questions', id, questions });
    }
    if (execution?.waiting_for === 'quota' && this.#isNew(id)) items.push({ type: 'limited', id });
    if (execution?.completed_at) items.push({ type: 'end', id, execution });
    if (!execution || execution.completed_at) {
      this.#cursors.delete(id);
      this.#listener.forget(id);
    }
    return items;
  }

  #isNew(id: string): boolean {
    const isNew = !this.#reported.has(id);
    this.#reported.add(id);
    return isNew;
  }

  /** Follows a child run. A run that the caller may not see is left out. */
  async #follow(id: string, above: readonly string[]): Promise<void> {
    const row = await findExecutionRow(this.#db, id);
    this.#places.set(id, { path: [...above, id], agent: row?.agent ?? row?.workflow ?? null });
    if (!row) return;
    this.#cursors.set(id, 0);
    await this.#listener.watch(this.#pool, id);
  }
}

/** Returns the run that a step has started, or whose result it has. */
function childOf(item: FollowedItem): string | undefined {
  if (item.type !== 'step' || !item.step.kind.startsWith('child')) return undefined;
  const id = (item.step.output as { execution_id?: unknown } | null)?.execution_id;
  return typeof id === 'string' ? id : undefined;
}

/** Orders items by time. Items without a time, such as questions, come last. */
function inOrder(items: FollowedItem[]): FollowedItem[] {
  const latest = new Map<string, number>();
  const timed = items.map((item) => {
    const at = Math.max(timeOf(item), latest.get(item.id) ?? 0); // keeps the order of each run
    latest.set(item.id, at);
    return { item, at };
  });
  return timed.sort((a, b) => a.at - b.at).map(({ item }) => item);
}

function timeOf(item: FollowedItem): number {
  if (item.type === 'step') return item.step.finished_at.getTime();
  if (item.type === 'end') return item.execution.completed_at?.getTime() ?? Infinity;
  return Infinity;
}
