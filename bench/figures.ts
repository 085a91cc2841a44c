/** One measured figure. `holds` says whether it keeps the bound the design sets, null where there is none. */
export type Figure = {
  bench: string;
  figure: string;
  /** The median over the rounds. */
  value: number;
  min: number;
  max: number;
  unit: string;
  bound: string | null;
  holds: boolean | null;
  /** What stands beside ours: what the machine can do at best, or what another system does. */
  role: 'limit' | 'peer' | null;
};

/** At least, or at most, so much. */
export type Bound = { atLeast?: number; atMost?: number };

/** A figure by its rounds (or by one value), with the bound it must keep. */
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
    bound: boundText(bound),
    holds: keeps(value, bound),
    role,
  };
}

/** ">= 3"; null where there is no bound. */
export function boundText({ atLeast, atMost }: Bound): string | null {
  if (atLeast !== undefined) {
    return `>= ${atLeast}`;
  }
  return atMost === undefined ? null : `<= ${atMost}`;
}

/** Null where there is no bound; a value that is no number keeps none. */
export function keeps(value: number, { atLeast, atMost }: Bound): boolean | null {
  if (atLeast === undefined && atMost === undefined) {
    return null;
  }
  return value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity);
}

/** Four digits: more would be noise. */
export function roundFigure(value: number): number {
  return Math.abs(value) >= 1000 ? Math.round(value) : Number(value.toPrecision(4));
}

/** The middle of the values; the lower one of two. */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** The value that `percent` of all are not above. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  const index = Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1);
  return sorted[index] ?? Number.NaN;
}

/** "min / median / max" for the talk of a bench. */
export function spreadOf(values: readonly number[]): string {
  return [Math.min(...values), median(values), Math.max(...values)].map(roundFigure).join(' / ');
}

/** Each of ours over what was measured in the same round. */
export function ratios(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, round) => value / (theirs[round] ?? Number.NaN));
}
