import { type Bound, boundText, type Figure, keeps } from './figures.ts';

/**
 * What a figure must not fall below on any machine, however busy: a regression, not a goal. The goals of the design
 * stand at the figures themselves, as `bound`. A bar leaves about a third of room below what docs/benchmarks.md shows as
 * the worst round of a ratio, and several times as much for times, which a busy machine stretches.
 */
type Bar = Bound & { bench: string; because: string; peer?: string };

export const BARS: Record<string, Bar> = {
  steps_vs_pgbench_ratio: {
    bench: 'steps',
    atLeast: 0.45,
    because:
      'below it a step costs a third more than when this was written; 0.2 is one call per step',
  },
  steps_vs_pgbench_slow_flush_ratio: {
    bench: 'steps',
    atLeast: 0.4,
    because: 'a slow flush must not cost an engine that shares commits more than pgbench',
  },
  steps_vs_dbos_ratio: {
    bench: 'steps',
    peer: 'dbos',
    atLeast: 5,
    because: 'one call per step and system is the least that sharing commits must beat',
  },
  steps_vs_langgraph_ratio: {
    bench: 'steps',
    peer: 'langgraph',
    atLeast: 10,
    because: 'its checkpoint takes two transactions per step',
  },
  transactions_per_step: {
    bench: 'steps',
    atMost: 0.25,
    because: '64 runs share their commits; counted, so noise has little part in it',
  },
  wal_kb_per_step: {
    bench: 'steps',
    atMost: 2.2,
    because: 'half more than it is: an index or a rewritten row too many',
  },
  insert_to_model_ms_p50: {
    bench: 'latency',
    atMost: 15,
    because: 'three times the goal, for machines that do other things beside',
  },
  insert_to_model_ms_p99: {
    bench: 'latency',
    atMost: 100,
    because: 'far above it something polls instead of being notified',
  },
  overhead_per_step_ms_p50: {
    bench: 'latency',
    atMost: 5,
    because: 'a step is one round trip and one commit',
  },
  start_lag_half_full_ms_p99: {
    bench: 'start-lag',
    atMost: 1_000,
    because: 'the goal itself, twenty times what it is: a full worker must not hold a wake-up back',
  },
  start_lag_nearly_full_ms_p99: {
    bench: 'start-lag',
    atMost: 2_000,
    because: 'beyond it wake-ups go from one full worker to the next',
  },
  waiting_vs_promises_ratio: {
    bench: 'waiting',
    atMost: 2.8,
    because: 'half more than it is: a waiting run costs CPU, or a commit each',
  },
  waiting_rss_mb: {
    bench: 'waiting',
    atMost: 1024,
    because: 'the goal itself: memory is not noisy',
  },
  waiting_questions: {
    bench: 'waiting',
    atLeast: 10_000,
    because: 'every one that asked must have its answer',
  },
  bulk_plain_ratio: {
    bench: 'bulk',
    atMost: 3,
    because: 'half more than the goal; work per row instead of per statement shows above it',
  },
  cancel_ms: {
    bench: 'control',
    atMost: 500,
    because: 'the goal itself, fifty times what it is: nothing polls for it',
  },
  subscribers_ms_p99: {
    bench: 'subscribers',
    atMost: 200,
    because: 'four times the goal: a thousand clients share these cores with the server',
  },
  subscribers_lost: { bench: 'subscribers', atMost: 0, because: 'nothing may be lost' },
  recovery_ms_max: {
    bench: 'recovery',
    atMost: 5000,
    because: 'reapers look each half second; far more means that only the heartbeat found the dead',
  },
  recovery_lost: { bench: 'recovery', atMost: 0, because: 'nothing may be lost' },
  recovery_doubled: { bench: 'recovery', atMost: 0, because: 'nothing committed is done again' },
  coldstart_first_answer_s: { bench: 'coldstart', atMost: 20, because: 'twice the goal' },
  help_vs_node_ratio: {
    bench: 'coldstart',
    atMost: 5,
    because:
      'an import too many: on a quiet machine it is three times what Node takes to do nothing',
  },
  dependencies: {
    bench: 'size',
    atMost: 179,
    because: 'an installation has at most 180 packages with Howdah itself; today it is 169',
  },
};

/** A figure beside its bar. */
export type Judged = Figure & { bar: string | null; clears: boolean | null };

export function judge(one: Figure): Judged {
  const bar = BARS[one.figure] ?? {};
  return { ...one, bar: boundText(bar), clears: keeps(one.value, bar) };
}

/**
 * A sentence for each figure that does not clear its bar; and, given a selection, for each that should have been
 * measured and was not. Peers that are not installed are not missed.
 */
export function failures(
  figures: readonly Judged[],
  selection?: { benches: readonly string[]; peers: readonly string[] },
): string[] {
  const below = figures
    .filter(({ clears }) => clears === false)
    .map(
      ({ figure, value, unit, bar }) =>
        `${figure} is ${value} ${unit}, its bar is ${bar}: ${BARS[figure]?.because}`,
    );
  const measured = new Set(figures.map(({ figure }) => figure));
  const missed = Object.entries(BARS)
    .filter(([name, { bench, peer }]) => {
      const isSelected =
        selection?.benches.includes(bench) && (!peer || selection.peers.includes(peer));
      return isSelected && !measured.has(name);
    })
    .map(([name, { bench }]) => `${name} was not measured by ${bench}`);
  return [...below, ...missed];
}
