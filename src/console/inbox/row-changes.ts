import type { ChangedRow } from '../../contracts/runs/preview.ts';
import type { Json } from '../../json/json.ts';

/** A column of a changed row. A value is undefined where the row does not exist. */
export type ColumnChange = {
  column: string;
  before: Json | undefined;
  after: Json | undefined;
  isSame: boolean;
};

/** Returns the columns of a row: those that change first, then the others. */
export function columnChanges({ before, after }: ChangedRow): ColumnChange[] {
  const names = [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])];
  const all = names.map((column) => {
    const [old, next] = [before?.[column], after?.[column]];
    return {
      column,
      before: old,
      after: next,
      isSame: JSON.stringify(old) === JSON.stringify(next),
    };
  });
  return [...all.filter(({ isSame }) => !isSame), ...all.filter(({ isSame }) => isSame)];
}
