/** One measured figure. `holds` says whether it keeps the bound the design sets, null where there is none. */
export type Figure = {
  bench: string;
  figure: string;
  value: number;
  unit: string;
  bound: string | null;
  holds: boolean | null;
};

/** A figure that must be at least, or at most, so much. */
export function figure(
  bench: string,
  name: string,
  value: number,
  unit: string,
  bound?: { atLeast: number } | { atMost: number },
): Figure {
  const rounded = Number(value.toPrecision(4));
  if (bound === undefined) {
    return { bench, figure: name, value: rounded, unit, bound: null, holds: null };
  }
  return 'atLeast' in bound
    ? {
        bench,
        figure: name,
        value: rounded,
        unit,
        bound: `>= ${bound.atLeast}`,
        holds: value >= bound.atLeast,
      }
    : {
        bench,
        figure: name,
        value: rounded,
        unit,
        bound: `<= ${bound.atMost}`,
        holds: value <= bound.atMost,
      };
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
export function spread(values: readonly number[]): string {
  const round = (value: number): string => Number(value.toPrecision(4)).toString();
  return [Math.min(...values), median(values), Math.max(...values)].map(round).join(' / ');
}
