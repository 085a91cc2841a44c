import { nameOfRun } from '../runs/run-name.ts';
import type { StepKind, TimelineStep, TreeRun } from '../server/operations.generated.ts';

/** A line of the timeline: a run of the tree, or a step of one. Times are in milliseconds. */
export type TreeRow = {
  key: string;
  runId: string;
  /** Undefined for the line of a run. */
  seq: number | undefined;
  depth: number;
  kind: StepKind | 'run';
  name: string;
  said: string | null;
  isFailed: boolean;
  /** The time from which a run was due, before it started. */
  queuedFrom: number | undefined;
  from: number | undefined;
  /** Undefined while it is at work. */
  to: number | undefined;
  tokens: number;
  cost: number;
};

/** Steps by run, each in order. */
export type StepsByRun = ReadonlyMap<string, readonly TimelineStep[]>;

/** Kinds that another line shows: the run that was started, or the result of the call. */
const SHOWN_ELSEWHERE: ReadonlySet<StepKind> = new Set(['child_started', 'child']);

/** Returns the lines of a run and of all runs below it, in the order of time. */
export function treeRows(runs: readonly TreeRun[], steps: StepsByRun, subject: string): TreeRow[] {
  const children = Map.groupBy(runs, ({ parentExecutionId }) => parentExecutionId ?? '');
  const rowsOf = (run: TreeRun, depth: number): TreeRow[] => {
    const own = shownSteps(steps.get(run.id) ?? []).map((step) => ({
      at: Date.parse(step.startedAt ?? run.createdAt),
      rows: [stepRow(step, run, depth + 1)],
    }));
    const below = (children.get(run.id) ?? []).map((child) => ({
      at: Date.parse(child.createdAt),
      rows: rowsOf(child, depth + 1),
    }));
    const parts = [...own, ...below].toSorted((a, b) => a.at - b.at);
    return [runRow(run, depth), ...parts.flatMap(({ rows }) => rows)];
  };
  const root = runs.find(({ id }) => id === subject);
  return root ? rowsOf(root, 0) : [];
}

/**
 * Returns the runs of lists in the order of their ids, each once. The subject is always part of
 * them, as it is given: it is read more often than the lists, which may also be too long for it.
 */
export function mergeRuns(
  subject: TreeRun,
  ...lists: readonly (readonly (TreeRun | null)[] | undefined)[]
): TreeRun[] {
  const runs = new Map<string, TreeRun>();
  for (const run of [...lists.flat(), subject]) if (run) runs.set(run.id, run);
  return [...runs.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** Leaves out the start of each call that has a result. */
function shownSteps(steps: readonly TimelineStep[]): TimelineStep[] {
  const results = new Map<string, number>();
  for (const { kind, name } of steps) {
    if (kind === 'tool') results.set(name ?? '', (results.get(name ?? '') ?? 0) + 1);
  }
  return steps.filter(({ kind, name }) => {
    if (kind !== 'tool_started') return kind !== null && !SHOWN_ELSEWHERE.has(kind);
    const left = results.get(name ?? '') ?? 0;
    results.set(name ?? '', left - 1);
    return left <= 0;
  });
}

function runRow(run: TreeRun, depth: number): TreeRow {
  return {
    ...{ key: run.id, runId: run.id, seq: undefined, depth, kind: 'run', said: null },
    name: nameOfRun(run),
    isFailed: run.status === 'failed',
    queuedFrom: Math.max(Date.parse(run.createdAt), Date.parse(run.runAt)),
    from: run.startedAt === null ? undefined : Date.parse(run.startedAt),
    to: run.completedAt === null ? undefined : Date.parse(run.completedAt),
    tokens: Number(run.tokensIn) + Number(run.tokensOut),
    cost: Number(run.cost),
  };
}

function stepRow(step: TimelineStep, run: TreeRun, depth: number): TreeRow {
  const seq = step.seq ?? 0;
  const from = Date.parse(step.startedAt ?? run.createdAt);
  const isOpen = step.kind === 'tool_started' && run.completedAt === null;
  return {
    ...{ key: `${run.id} ${seq}`, runId: run.id, seq, depth, from, queuedFrom: undefined },
    kind: step.kind ?? 'error',
    name: step.name ?? '',
    said: step.said,
    isFailed: step.error !== null,
    to: isOpen ? undefined : from + Number(step.ms ?? 0),
    tokens: (step.tokensIn ?? 0) + (step.tokensOut ?? 0),
    cost: Number(step.cost ?? 0),
  };
}

/** Returns the step that cost most; undefined if fewer than two steps cost anything. */
export function costliestStep(rows: readonly TreeRow[]): TreeRow | undefined {
  const [first, second] = rows
    .filter(({ seq, cost }) => seq !== undefined && cost > 0)
    .toSorted((a, b) => b.cost - a.cost);
  return second && first;
}

/** Returns the first and the last time of the lines. What is at work lasts until now. */
export function spanOf(rows: readonly TreeRow[], now: number): { from: number; to: number } {
  let [from, to] = [Number.POSITIVE_INFINITY, 0];
  for (const row of rows) {
    from = Math.min(from, row.queuedFrom ?? row.from ?? from);
    to = Math.max(to, row.to ?? now);
  }
  return Number.isFinite(from) ? { from, to: Math.max(to, from + 1) } : { from: now, to: now + 1 };
}

/** Returns how long at least one of the steps was at work. Steps may overlap. */
export function activeMs(steps: readonly TimelineStep[]): number {
  const spans = steps
    .map(({ startedAt, ms }) => ({ from: Date.parse(startedAt ?? ''), ms: Number(ms ?? 0) }))
    .filter(({ from, ms }) => ms > 0 && Number.isFinite(from))
    .toSorted((a, b) => a.from - b.from);
  let [total, end] = [0, 0];
  for (const { from, ms } of spans) {
    total += Math.max(0, from + ms - Math.max(end, from));
    end = Math.max(end, from + ms);
  }
  return total;
}
