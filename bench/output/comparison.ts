import { type Figure, median, ratios, roundFigure } from '../figures.ts';

/** Figures of one side by round; a bench that broke left an empty round. */
export type SideRounds = readonly (readonly Figure[])[];

/** One figure of two checkouts: the medians, and new over old of each round. */
export type ComparedFigure = {
  bench: string;
  figure: string;
  unit: string;
  role: Figure['role'];
  old: number;
  new: number;
  /** The median of new over old, with the least and the most of all rounds. */
  ratio: number;
  min_ratio: number;
  max_ratio: number;
};

/** Compares figures of equal name, in the order of the new side; one that a side lacks is NaN there. */
export function compareFigures(oldRounds: SideRounds, newRounds: SideRounds): ComparedFigure[] {
  const known = new Map<string, Figure>();
  for (const one of [...newRounds.flat(), ...oldRounds.flat()]) {
    if (!known.has(one.figure)) known.set(one.figure, one);
  }
  return [...known.values()].map(({ bench, figure, unit, role }) => {
    const old = valuesOf(oldRounds, figure);
    const now = valuesOf(newRounds, figure);
    const each = finiteValues(ratios(now, old));
    return {
      ...{ bench, figure, unit, role },
      old: roundFigure(median(finiteValues(old))),
      new: roundFigure(median(finiteValues(now))),
      ratio: roundFigure(median(each)),
      min_ratio: roundFigure(each.length > 0 ? Math.min(...each) : Number.NaN),
      max_ratio: roundFigure(each.length > 0 ? Math.max(...each) : Number.NaN),
    };
  });
}

function valuesOf(rounds: SideRounds, name: string): number[] {
  return rounds.map(
    (figures) => figures.find(({ figure }) => figure === name)?.value ?? Number.NaN,
  );
}

function finiteValues(values: readonly number[]): number[] {
  return values.filter((value) => Number.isFinite(value));
}
