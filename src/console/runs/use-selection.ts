import { useEffect, useEffectEvent, useLayoutEffect, useState } from 'react';
import { isTyping } from '../parts/use-keys.ts';

/** The runs that a person has selected: some by id, or all that match the filter. */
export type Selection = {
  ids: readonly string[];
  isAll: boolean;
  has(id: string): boolean;
  toggle(id: string): void;
  /** Selects the rows of this page, or none of them if all are selected. */
  toggleRows(): void;
  selectAll(): void;
  clear(): void;
};

/** Keeps the selection of a list until its filter changes. Escape clears it. */
export function useSelection(filter: string, list: readonly { id: string }[]): Selection {
  const rows = list.map(({ id }) => id);
  const [ids, setIds] = useState<readonly string[]>([]);
  const [isAll, setAll] = useState(false);
  const clear = () => {
    setIds([]);
    setAll(false);
  };
  // Fewer dependencies on purpose: another filter has another selection
  useEffect(clear, [filter]);
  useEscape(clear);
  // Once a row is taken out of all, what stays is what the person sees and has seen
  const listed = isAll ? [...new Set([...ids, ...rows])] : ids;
  const has = (id: string) => isAll || ids.includes(id);
  const choose = (next: readonly string[]) => {
    setAll(false);
    setIds(next);
  };
  return {
    ids,
    isAll,
    has,
    toggle: (id) => choose(has(id) ? listed.filter((one) => one !== id) : [...listed, id]),
    toggleRows: () =>
      choose(
        rows.every(has)
          ? listed.filter((id) => !rows.includes(id))
          : [...new Set([...listed, ...rows])],
      ),
    selectAll: () => setAll(true),
    clear,
  };
}

/**
 * Acts on Escape, unless it closes something. It looks before that is closed: an effect of the
 * layout is registered before those of dialogs, and the window is told before all elements.
 */
function useEscape(act: () => void): void {
  const press = useEffectEvent((event: KeyboardEvent) => {
    if (event.key !== 'Escape' || isTyping(event.target)) return;
    if (document.querySelector('[role="dialog"], [role="menu"]') === null) act();
  });
  useLayoutEffect(() => {
    const listener = (event: KeyboardEvent) => press(event);
    window.addEventListener('keydown', listener, { capture: true });
    return () => window.removeEventListener('keydown', listener, { capture: true });
  }, []);
}
