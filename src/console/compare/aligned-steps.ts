import type { Comparison, StepChange } from '../../contracts/runs/comparison.ts';

/** A row of two logs: a step of each that are the same action, or a step that only one has. */
export type AlignedStep = {
  /** The places of the step in the logs. */
  a: number | undefined;
  b: number | undefined;
  /** Undefined if the steps are equal. */
  change: StepChange | undefined;
};

/** Equal steps in a row, which are shown when a person opens them, or a change. */
export type StepGroup =
  | { kind: 'equal'; steps: readonly AlignedStep[] }
  | { kind: 'change'; step: AlignedStep & { change: StepChange } };

/**
 * Returns the rows of two logs. The comparison lists the changes in their order; the steps between
 * two changes are equal, so both logs advance together. After the last listed change the rest is
 * known only if no change was left off.
 */
export function alignSteps({ steps }: Pick<Comparison, 'steps'>): AlignedStep[] {
  const rows: AlignedStep[] = [];
  let [a, b, equal] = [1, 1, 0];
  const advance = () => {
    rows.push({ a, b, change: undefined });
    [a, b, equal] = [a + 1, b + 1, equal + 1];
  };
  for (const change of steps.changes) {
    while ((change.a ?? a) > a || (change.b ?? b) > b) advance();
    rows.push({ a: change.a ?? undefined, b: change.b ?? undefined, change });
    if (change.a !== null) a = change.a + 1;
    if (change.b !== null) b = change.b + 1;
  }
  while (steps.left_off === 0 && equal < steps.same) advance();
  return rows;
}

/** Gathers equal steps in a row. */
export function groupSteps(rows: readonly AlignedStep[]): StepGroup[] {
  const groups: StepGroup[] = [];
  let equal: AlignedStep[] = [];
  const close = () => {
    if (equal.length > 0) groups.push({ kind: 'equal', steps: equal });
    equal = [];
  };
  for (const row of rows) {
    if (row.change === undefined) equal.push(row);
    else {
      close();
      groups.push({ kind: 'change', step: { ...row, change: row.change } });
    }
  }
  close();
  return groups;
}
