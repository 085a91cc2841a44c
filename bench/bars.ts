import { type Bound, type Figure, formatBound, meetsBound } from './figures.ts';

/**
 * The bound that a figure must meet on any machine, however busy. A figure that misses its bar
 * shows a regression. The goals of the design are stated with the figures, as `bound`.
 *
 * The bar of a ratio leaves about a third of room below the worst round of docs/benchmarks.md. The
 * bar of a time leaves several times as much, because a busy machine prolongs times.
 */
type Bar = Bound & { bench: string; reason: string; peer?: string };

export const BARS: Record<string, Bar> = {
  steps_vs_pgbench_ratio: {
    bench: 'steps',
    atLeast: 0.45,
    reason:
      'a lower ratio means that a step costs a third more than before; 0.2 is one call per step',
  },
  steps_vs_pgbench_slow_flush_ratio: {
    bench: 'steps',
    atLeast: 0.4,
    reason: 'a slow flush must not cost more than in pgbench, because steps share commits',
  },
  steps_vs_dbos_ratio: {
    bench: 'steps',
    peer: 'dbos',
    atLeast: 5,
    reason: 'steps that share commits must be much faster than one call per step',
  },
  steps_vs_langgraph_ratio: {
    bench: 'steps',
    peer: 'langgraph',
    atLeast: 10,
    reason: 'LangGraph commits two transactions per step',
  },
  transactions_per_step: {
    bench: 'steps',
    atMost: 0.25,
    reason: '64 runs share their commits; this is a count, so it has little noise',
  },
  wal_kb_per_step: {
    bench: 'steps',
    atMost: 2.2,
    reason: 'half more than usual means one index or one rewritten row too many',
  },
  insert_to_model_ms_p50: {
    bench: 'latency',
    atMost: 15,
    reason: 'three times the goal, for machines that do other work meanwhile',
  },
  insert_to_model_ms_p99: {
    bench: 'latency',
    atMost: 100,
    reason: 'a much larger time means that a worker polls instead of being notified',
  },
  overhead_per_step_ms_p50: {
    bench: 'latency',
    atMost: 5,
    reason: 'a step is one round trip and one commit',
  },
  start_lag_half_full_ms_p99: {
    bench: 'start-lag',
    atMost: 1_000,
    reason: 'the goal, twenty times the usual value: a full worker must not delay a wake-up',
  },
  start_lag_nearly_full_ms_p99: {
    bench: 'start-lag',
    atMost: 2_000,
    reason: 'a larger time means that wake-ups pass from one full worker to the next',
  },
  waiting_vs_promises_ratio: {
    bench: 'waiting',
    atMost: 2.8,
    reason: 'half more than usual means that a waiting run costs CPU or a commit',
  },
  waiting_rss_mb: {
    bench: 'waiting',
    atMost: 1024,
    reason: 'the goal, because memory has little noise',
  },
  waiting_questions: {
    bench: 'waiting',
    atLeast: 10_000,
    reason: 'every run that asked must complete with its answer',
  },
  bulk_plain_ratio: {
    bench: 'bulk',
    atMost: 3,
    reason: 'half more than the goal: a larger ratio shows work per row instead of per statement',
  },
  first_insert_vs_plain_ratio: {
    bench: 'guards',
    atMost: 12,
    reason: 'twice the goal: programs without a pool pay for each plan and table at every insert',
  },
  write_back_vs_runs_ratio: {
    bench: 'write-back',
    atMost: 2.2,
    reason: 'half more than the goal: a larger ratio means a commit, a job or a search per answer',
  },
  write_back_growth_ratio: {
    bench: 'write-back',
    atMost: 1.6,
    reason: 'a larger ratio means that the time per answer grows with their number',
  },
  cancel_ms: {
    bench: 'control',
    atMost: 500,
    reason: 'the goal, fifty times the usual value: no worker polls for cancellations',
  },
  subscribers_ms_p99: {
    bench: 'subscribers',
    atMost: 200,
    reason: 'four times the goal, because 1,000 clients share the cores with the server',
  },
  subscribers_lost: { bench: 'subscribers', atMost: 0, reason: 'no step may be lost' },
  recovery_ms_max: {
    bench: 'recovery',
    atMost: 5000,
    reason: 'reapers run every 0.5 s; a larger time means that only the heartbeat found the death',
  },
  recovery_lost: { bench: 'recovery', atMost: 0, reason: 'no run may be lost' },
  recovery_doubled: { bench: 'recovery', atMost: 0, reason: 'no committed call is repeated' },
  coldstart_first_answer_s: { bench: 'coldstart', atMost: 20, reason: 'twice the goal' },
  help_vs_node_ratio: {
    bench: 'coldstart',
    atMost: 5,
    reason:
      'a larger ratio means one import too many: usually help takes three times as long as Node',
  },
  dependencies: {
    bench: 'size',
    atMost: 179,
    reason: 'an installation has at most 180 packages, one of which is Howdah',
  },
};

/** A figure with its bar. `clears` states whether the figure meets the bar, null without a bar. */
export type JudgedFigure = Figure & { bar: string | null; clears: boolean | null };

/** Adds the bar of a figure, and whether the figure meets it. */
export function judge(one: Figure): JudgedFigure {
  const bar = BARS[one.figure] ?? {};
  return { ...one, bar: formatBound(bar), clears: meetsBound(one.value, bar) };
}

/**
 * Returns a sentence for each figure that misses its bar. With a selection it also returns one for
 * each figure that has a bar, belongs to a selected bench and was not measured. Figures of peers
 * that are not installed are no failures.
 */
export function describeFailures(
  figures: readonly JudgedFigure[],
  selection?: { benches: readonly string[]; peers: readonly string[] },
): string[] {
  const belowBar = figures
    .filter(({ clears }) => clears === false)
    .map(
      ({ figure, value, unit, bar }) =>
        `${figure} is ${value} ${unit}, its bar is ${bar}: ${BARS[figure]?.reason}`,
    );
  const measured = new Set(figures.map(({ figure }) => figure));
  const unmeasured = Object.entries(BARS)
    .filter(([name, { bench, peer }]) => {
      const isSelected =
        selection?.benches.includes(bench) && (!peer || selection.peers.includes(peer));
      return isSelected && !measured.has(name);
    })
    .map(([name, { bench }]) => `${name} was not measured by ${bench}`);
  return [...belowBar, ...unmeasured];
}
