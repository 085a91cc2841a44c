import { useCallback, useState } from 'react';

/** Tells which question a column would ask first: by the place of the column. */
export type TellQuestion = (place: number, id: string | undefined) => void;

/**
 * Returns the first open question over all columns, with the place of its column. One is answered
 * at a time, because the keys of its form act on the whole page.
 */
export function useFirstQuestion() {
  const [open, setOpen] = useState<ReadonlyMap<number, string>>(new Map());
  const tell = useCallback<TellQuestion>((place, id) => {
    setOpen((last) => {
      if (last.get(place) === id) return last;
      const next = new Map(last);
      if (id === undefined) next.delete(place);
      else next.set(place, id);
      return next;
    });
  }, []);
  const [first] = [...open].toSorted(([one], [other]) => one - other);
  return { first: first && { place: first[0], id: first[1] }, tell };
}
