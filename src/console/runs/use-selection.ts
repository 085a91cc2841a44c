import { useHotkeys } from '@mantine/hooks';
import { useEffect, useState } from 'react';

/** The runs that a person has selected: some by id, or all that match the filter. */
export type Selection = {
  ids: readonly string[];
  isAll: boolean;
  has(id: string): boolean;
  toggle(id: string): void;
  /** Selects these rows, or none of them if all are selected. */
  toggleRows(ids: readonly string[]): void;
  selectAll(): void;
  clear(): void;
};

/** Keeps the selection of a list until its filter changes. Escape clears it. */
export function useSelection(filter: string): Selection {
  const [ids, setIds] = useState<readonly string[]>([]);
  const [isAll, setAll] = useState(false);
  const clear = () => {
    setIds([]);
    setAll(false);
  };
  // Fewer dependencies on purpose: another filter has another selection
  useEffect(clear, [filter]);
  useHotkeys([['Escape', clear]]);
  return {
    ids,
    isAll,
    has: (id) => isAll || ids.includes(id),
    toggle(id) {
      setAll(false);
      setIds((last) => (last.includes(id) ? last.filter((one) => one !== id) : [...last, id]));
    },
    toggleRows(rows) {
      const areAll = isAll || rows.every((id) => ids.includes(id));
      setAll(false);
      setIds((last) => (areAll ? [] : [...new Set([...last, ...rows])]));
    },
    selectAll: () => setAll(true),
    clear,
  };
}
