/** One measured figure. */
export type Figure = {
  bench: string;
  figure: string;
  /** The median of the rounds. */
  value: number;
  min: number;
  max: number;
  unit: string;
  /** The goal of the design, such as `<= 5`, null if there is none. */
  bound: string | null;
  /** Whether the figure meets its bound, null if there is none. */
  holds: boolean | null;
  /**
   * Null for a figure of Howdah, `peer` for a figure of another system, and `limit` for the best
   * result that the machine can reach without Howdah.
   */
  role: 'limit' | 'peer' | null;
};

/** A lower or an upper bound. */
export type Bound = { atLeast?: number; atMost?: number };

/** Makes a figure from the values of its rounds, or from one value, with its bound. */
export function figure(
  bench: string,
  name: string,
  measured: number | readonly number[],
  unit: string,
  { role = null, ...bound }: Bound & { role?: 'limit' | 'peer' | null } = {},
): Figure {
  const rounds = typeof measured === 'number' ? [measured] : measured;
  const value = median(rounds);
  return {
    bench,
    figure: name,
    value: roundFigure(value),
    min: roundFigure(Math.min(...rounds)),
    max: roundFigure(Math.max(...rounds)),
    unit,
    bound: formatBound(bound),
    holds: meetsBound(value, bound),
    role,
  };
}

/** Formats a bound as ">= 3" or "<= 3". Returns null if there is no bound. */
export function formatBound({ atLeast, atMost }: Bound): string | null {
  if (atLeast !== undefined) {
    return `>= ${atLeast}`;
  }
  return atMost === undefined ? null : `<= ${atMost}`;
}

/** Returns whether a value meets a bound, or null if there is no bound. NaN meets no bound. */
export function meetsBound(value: number, { atLeast, atMost }: Bound): boolean | null {
  if (atLeast === undefined && atMost === undefined) {
    return null;
  }
  return value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity);
}

/** Rounds to four significant digits, and values from 1000 on to whole numbers. */
export function roundFigure(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}

/** Returns the median. For an even number of values it is the lower of the two in the middle. */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Returns the smallest value that at least `percent` percent of the values do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  const index = Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1);
  return sorted[index] ?? Number.NaN;
}

/** Formats values as "min / median / max", for a line of progress. */
export function formatSpread(values: readonly number[]): string {
  return [Math.min(...values), median(values), Math.max(...values)].map(roundFigure).join(' / ');
}

/** Divides each value of `ours` by the value of `theirs` in the same round. */
export function ratios(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, round) => value / (theirs[round] ?? Number.NaN));
}
