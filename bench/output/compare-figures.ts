import { type Figure, median, ratios, roundFigure } from '../figures.ts';

/** The figures of one side, by round. A round in which the bench failed is empty. */
export type SideRounds = readonly (readonly Figure[])[];

/** One figure of two checkouts. */
export type ComparedFigure = {
  bench: string;
  figure: string;
  unit: string;
  role: Figure['role'];
  /** The median of the old side. */
  old: number;
  /** The median of the new side. */
  new: number;
  /** The median of the ratios of new to old in each round, with their minimum and maximum. */
  ratio: number;
  min_ratio: number;
  max_ratio: number;
};

/**
 * Compares figures of the same name, in the order of the new side. A figure that a side lacks is
 * NaN there.
 */
export function compareFigures(oldRounds: SideRounds, newRounds: SideRounds): ComparedFigure[] {
  const byName = new Map<string, Figure>();
  for (const one of [...newRounds.flat(), ...oldRounds.flat()]) {
    if (!byName.has(one.figure)) byName.set(one.figure, one);
  }
  return [...byName.values()].map(({ bench, figure, unit, role }) => {
    const oldValues = valuesOf(oldRounds, figure);
    const newValues = valuesOf(newRounds, figure);
    const roundRatios = finiteValues(ratios(newValues, oldValues));
    return {
      ...{ bench, figure, unit, role },
      old: roundFigure(median(finiteValues(oldValues))),
      new: roundFigure(median(finiteValues(newValues))),
      ratio: roundFigure(median(roundRatios)),
      min_ratio: roundFigure(roundRatios.length > 0 ? Math.min(...roundRatios) : Number.NaN),
      max_ratio: roundFigure(roundRatios.length > 0 ? Math.max(...roundRatios) : Number.NaN),
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
