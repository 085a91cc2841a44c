import { linearRegression, median } from 'simple-statistics';
import type { Sample, StatementSample, TableSample } from './growth-samples.ts';

// What an hour of samples comes to, each figure with the bound it is held against. Pure.

/** `first` and `last` are of the first and the last third; `measured` is what must not be above the bound. */
export type Figure = {
  what: string;
  first: number;
  last: number;
  measured: number;
  bound: number;
};

export const BOUNDS = {
  /** By least squares over the second half. A kilobyte kept for each run at two runs a second is 7 MB/h. */
  heap_mb_per_hour: 5,
  /** V8 keeps the pages that its worst moment needed; from the first third to the last there may be a worse one. */
  rss: 1.5,
  /** Autovacuum comes once a minute: it may find as much again as calls for it, and what two minutes have changed. */
  vacuums: 2,
  minutes_of_changes: 2,
  /** A table may grow as its rows do, and half as much again. */
  growth: 1.5,
  /** Of all updates, that may be less HOT than they were. */
  less_hot: 0.1,
  /** Buffers per call, and milliseconds, which others on the machine make longer. */
  blocks: 2,
  ms: 3,
  live: 2,
};

/** From so many rows on a table is not read as a whole. */
const LARGE = 10_000;
/** Updates and deletes; a table with fewer cannot bloat. */
const MANY_CHANGES = 1_000;
const HOTTEST = 12;
const MANY_CALLS = 50;
const MB = 1_048_576;

export function growthFigures(samples: readonly Sample[]): Figure[] {
  const third = Math.floor(samples.length / 3);
  const thirds: Thirds = {
    all: samples,
    first: samples.slice(0, third),
    last: samples.slice(samples.length - third),
  };
  return [
    ...memory(thirds),
    queue('runs that have not ended', thirds, ({ live }) => live),
    queue('wake-ups in the queue', thirds, ({ jobs }) => jobs),
    ...tables(thirds),
    ...statements(thirds),
  ];
}

export function isBroken({ measured, bound }: Figure): boolean {
  return !(measured <= bound);
}

/** Of a line through these points, per unit of x. */
export function slope(points: readonly [number, number][]): number {
  return linearRegression(points as [number, number][]).m;
}

type Thirds = { all: readonly Sample[]; first: readonly Sample[]; last: readonly Sample[] };

function memory({ all, first, last }: Thirds): Figure[] {
  const half = all.slice(Math.floor(all.length / 2));
  const count = all[0]?.workers.length ?? 0;
  return Array.from({ length: count }, (_, index) => index).flatMap((index) =>
    (['heap', 'rss'] as const).map((kind): Figure => {
      const of = ({ workers }: Sample): number => (workers[index]?.[kind] ?? Number.NaN) / MB;
      const [before, after] = [median(first.map(of)), median(last.map(of))];
      const ends = { first: before, last: after };
      const who = `${kind} of worker ${index + 1} in MB`;
      if (kind === 'rss') {
        return { what: who, ...ends, measured: after, bound: BOUNDS.rss * before };
      }
      const measured = slope(half.map((sample) => [sample.at, of(sample)]));
      return { what: `${who}; MB/h`, ...ends, measured, bound: BOUNDS.heap_mb_per_hour };
    }),
  );
}

function queue(what: string, { first, last }: Thirds, of: (sample: Sample) => number): Figure {
  const [before, after] = [median(first.map(of)), median(last.map(of))];
  return { what, first: before, last: after, measured: after, bound: BOUNDS.live * before + 10 };
}

function tables(thirds: Thirds): Figure[] {
  const end = thirds.all.at(-1)?.tables ?? [];
  const minutes = ((thirds.all.at(-1)?.at ?? 0) - (thirds.all[0]?.at ?? 0)) * 60;
  return end.flatMap(({ name, rows, updates, deletes }) => {
    const ofTable = (samples: readonly Sample[]): TableSample[] =>
      samples.flatMap((sample) => sample.tables.find((table) => table.name === name) ?? []);
    const seen = {
      all: ofTable(thirds.all),
      first: ofTable(thirds.first),
      last: ofTable(thirds.last),
    };
    if (seen.first.length === 0) return []; // a partition that was made meanwhile
    const isChanged = updates + deletes >= MANY_CHANGES;
    return [
      ...(isChanged ? [dead(name, seen, minutes)] : []),
      ...(updates >= MANY_CHANGES ? [hot(name, seen)] : []),
      ...(isChanged || rows >= LARGE ? [size(name, seen)] : []),
      ...(rows >= LARGE ? [scans(name, seen)] : []),
    ];
  });
}

type TableThirds = { all: TableSample[]; first: TableSample[]; last: TableSample[] };

function dead(name: string, { all, first, last }: TableThirds, minutes: number): Figure {
  const most = (samples: TableSample[]) => Math.max(...samples.map((sample) => sample.dead));
  const vacuumAt = Math.max(...all.map(({ vacuum_at }) => vacuum_at));
  const [from, to] = [all[0] as TableSample, all.at(-1) as TableSample];
  const changes = to.updates - from.updates + to.deletes - from.deletes;
  const unseen = (BOUNDS.minutes_of_changes * changes) / minutes;
  return {
    what: `dead rows of ${name}, at most`,
    first: most(first),
    last: most(last),
    measured: most(all),
    bound: BOUNDS.vacuums * vacuumAt + unseen,
  };
}

/** Grown out of proportion to its rows: what was deleted or updated is not used again. */
function size(name: string, { first, last }: TableThirds): Figure {
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

function hot(name: string, { first, last }: TableThirds): Figure {
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

function scans(name: string, { all, first, last }: TableThirds): Figure {
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

/** The statements that took most of the time; those asked seldom say nothing. */
function statements({ all, first, last }: Thirds): Figure[] {
  const hottest = (all.at(-1)?.statements ?? []).toSorted((a, b) => b.ms - a.ms).slice(0, HOTTEST);
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
