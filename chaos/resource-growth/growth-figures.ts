import { linearRegression, median } from 'simple-statistics';
import type { Sample, StatementSample, TableSample } from './growth-samples.ts';

// Computes figures from the samples of a soak, each with its bound. A figure compares the first
// third of the samples with the last third. The functions are pure.

/**
 * One figure. `first` and `last` are the values of the first and the last third. `measured` must
 * not exceed `bound`.
 */
export type Figure = {
  what: string;
  first: number;
  last: number;
  measured: number;
  bound: number;
};

export const BOUNDS = {
  /** Slope of the second half. A leak of 1 kB per run is 7 MB/h at two runs per second. */
  heap_mb_per_hour: 5,
  /** Factor. V8 retains the pages of its highest usage, which may occur in the last third. */
  rss: 1.5,
  /**
   * Dead rows may be twice as many as the threshold of autovacuum, plus the changes of two minutes,
   * because autovacuum starts once a minute.
   */
  vacuums: 2,
  minutes_of_changes: 2,
  /** Factor by which a table may grow faster than its number of rows. */
  growth: 1.5,
  /** Increase of the share of updates that are not HOT. */
  less_hot: 0.1,
  /** Factors of the buffers and the milliseconds per call. Other load slows statements down. */
  blocks: 2,
  ms: 3,
  /** Factor of live runs and of wake-ups in the queue. */
  live: 2,
};

/** Number of rows from which sequential scans are counted. */
const LARGE = 10_000;
/** Number of updates and deletes below which a table cannot bloat noticeably. */
const MANY_CHANGES = 1_000;
/** Number of statements to examine: those with the most total time. */
const MOST_STATEMENTS = 12;
/** Number of calls in a third below which a statement is ignored. */
const MANY_CALLS = 50;
const MB = 1_048_576;

/** Computes all figures. */
export function growthFigures(samples: readonly Sample[]): Figure[] {
  const third = Math.floor(samples.length / 3);
  const thirds: Thirds = {
    all: samples,
    first: samples.slice(0, third),
    last: samples.slice(samples.length - third),
  };
  return [
    ...memoryFigures(thirds),
    queueFigure('runs that have not ended', thirds, ({ live }) => live),
    queueFigure('wake-ups in the queue', thirds, ({ jobs }) => jobs),
    ...tableFigures(thirds),
    ...statementFigures(thirds),
  ];
}

/** Returns whether a figure exceeds its bound, or could not be measured. */
export function exceedsBound({ measured, bound }: Figure): boolean {
  return !(measured <= bound);
}

/** Returns the slope of the least-squares line through the points. */
export function slope(points: readonly [number, number][]): number {
  return linearRegression(points as [number, number][]).m;
}

type Thirds = { all: readonly Sample[]; first: readonly Sample[]; last: readonly Sample[] };

function memoryFigures({ all, first, last }: Thirds): Figure[] {
  const half = all.slice(Math.floor(all.length / 2));
  const count = all[0]?.workers.length ?? 0;
  return Array.from({ length: count }, (_, index) => index).flatMap((index) =>
    (['heap', 'rss'] as const).map((kind): Figure => {
      const of = ({ workers }: Sample): number => (workers[index]?.[kind] ?? Number.NaN) / MB;
      const [before, after] = [median(first.map(of)), median(last.map(of))];
      const ends = { first: before, last: after };
      const name = `${kind} of worker ${index + 1} in MB`;
      if (kind === 'rss') {
        return { what: name, ...ends, measured: after, bound: BOUNDS.rss * before };
      }
      const measured = slope(half.map((sample) => [sample.at, of(sample)]));
      return { what: `${name}; MB/h`, ...ends, measured, bound: BOUNDS.heap_mb_per_hour };
    }),
  );
}

function queueFigure(
  what: string,
  { first, last }: Thirds,
  of: (sample: Sample) => number,
): Figure {
  const [before, after] = [median(first.map(of)), median(last.map(of))];
  return { what, first: before, last: after, measured: after, bound: BOUNDS.live * before + 10 };
}

function tableFigures(thirds: Thirds): Figure[] {
  const end = thirds.all.at(-1)?.tables ?? [];
  const minutes = ((thirds.all.at(-1)?.at ?? 0) - (thirds.all[0]?.at ?? 0)) * 60;
  return end.flatMap(({ name, rows, updates, deletes }) => {
    const ofTable = (all: readonly Sample[]): TableSample[] =>
      all.flatMap((sample) => sample.tables.find((table) => table.name === name) ?? []);
    const samples: TableThirds = {
      all: ofTable(thirds.all),
      first: ofTable(thirds.first),
      last: ofTable(thirds.last),
    };
    if (samples.first.length === 0) return []; // a partition that was created later
    const isChanged = updates + deletes >= MANY_CHANGES;
    return [
      ...(isChanged ? [deadRowsFigure(name, samples, minutes)] : []),
      ...(updates >= MANY_CHANGES ? [hotUpdatesFigure(name, samples)] : []),
      ...(isChanged || rows >= LARGE ? [sizeFigure(name, samples)] : []),
      ...(rows >= LARGE ? [scansFigure(name, samples)] : []),
    ];
  });
}

type TableThirds = { all: TableSample[]; first: TableSample[]; last: TableSample[] };

function deadRowsFigure(name: string, { all, first, last }: TableThirds, minutes: number): Figure {
  const most = (samples: TableSample[]) => Math.max(...samples.map((sample) => sample.dead));
  const vacuumAt = Math.max(...all.map(({ vacuum_at }) => vacuum_at));
  const [from, to] = [all[0] as TableSample, all.at(-1) as TableSample];
  const changes = to.updates - from.updates + to.deletes - from.deletes;
  const recentChanges = (BOUNDS.minutes_of_changes * changes) / minutes;
  return {
    what: `dead rows of ${name}, at most`,
    first: most(first),
    last: most(last),
    measured: most(all),
    bound: BOUNDS.vacuums * vacuumAt + recentChanges,
  };
}

/** Compares the size with the number of rows. If space is not reused, the size grows faster. */
function sizeFigure(name: string, { first, last }: TableThirds): Figure {
  const [before, after] = [first.at(-1) as TableSample, last.at(-1) as TableSample];
  const grown = Math.max(1, after.rows / Math.max(1, before.rows));
  return {
    what: `size of ${name} in MB`,
    first: before.bytes / MB,
    last: after.bytes / MB,
    measured: after.bytes / MB,
    bound: (before.bytes / MB) * grown * BOUNDS.growth + 1,
  };
}

function hotUpdatesFigure(name: string, { first, last }: TableThirds): Figure {
  const share = (samples: TableSample[]): number => {
    const [from, to] = [samples[0] as TableSample, samples.at(-1) as TableSample];
    const updates = to.updates - from.updates;
    return updates === 0 ? 0 : 1 - (to.hot_updates - from.hot_updates) / updates;
  };
  return {
    what: `updates of ${name} that are not HOT, share`,
    first: share(first),
    last: share(last),
    measured: share(last),
    bound: share(first) + BOUNDS.less_hot,
  };
}

function scansFigure(name: string, { all, first, last }: TableThirds): Figure {
  const whileLarge = (samples: TableSample[]): number =>
    samples.slice(1).reduce((sum, sample, index) => {
      const before = samples[index] as TableSample;
      return sum + (before.rows < LARGE ? 0 : sample.seq_scans - before.seq_scans);
    }, 0);
  return {
    what: `sequential scans of ${name} since it had ${LARGE} rows`,
    first: whileLarge(first),
    last: whileLarge(last),
    measured: whileLarge(all),
    bound: 0,
  };
}

type PerCall = { calls: number; ms: number; blocks: number };

/** Returns figures of the statements that took most of the time, without rarely called ones. */
function statementFigures({ all, first, last }: Thirds): Figure[] {
  const hottest = (all.at(-1)?.statements ?? [])
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, MOST_STATEMENTS);
  return hottest.flatMap(({ id, text }) => {
    const [before, after] = [perCall(id, first), perCall(id, last)];
    if (Math.min(before.calls, after.calls) < MANY_CALLS) return [];
    const figure = (unit: 'blocks' | 'ms', slack: number): Figure => ({
      what: `${unit} a call of: ${text}`,
      first: before[unit],
      last: after[unit],
      measured: after[unit],
      bound: BOUNDS[unit] * before[unit] + slack,
    });
    return [figure('blocks', 10), figure('ms', 1)];
  });
}

function perCall(id: string, samples: readonly Sample[]): PerCall {
  const none: StatementSample = { id, text: '', calls: 0, ms: 0, blocks: 0 };
  const at = (sample: Sample | undefined): StatementSample =>
    sample?.statements.find((one) => one.id === id) ?? none;
  const [from, to] = [at(samples[0]), at(samples.at(-1))];
  const calls = to.calls - from.calls;
  const each = (of: 'ms' | 'blocks'): number => (calls === 0 ? 0 : (to[of] - from[of]) / calls);
  return { calls, ms: each('ms'), blocks: each('blocks') };
}
