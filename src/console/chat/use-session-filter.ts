import { useDebouncedCallback } from '@mantine/hooks';
import { useEffect, useRef, useState } from 'react';
import { useLocation, useSearch } from 'wouter';

/** The pause in typing after which the words are searched for. */
const TYPING_MS = 300;

/**
 * The filter of the list of conversations. The URL has it, as `?q=WORDS&with=AGENT`, so that a link
 * or a reload shows the same list.
 */
export function useSessionFilter() {
  const [path, navigate] = useLocation();
  const search = useSearch();
  const query = new URLSearchParams(search);
  const words = query.get('q') ?? '';
  const change = (name: 'q' | 'with', value: string | null) => {
    const next = new URLSearchParams(search);
    if (value) next.set(name, value);
    else next.delete(name);
    navigate(next.size > 0 ? `${path}?${next}` : path, { replace: true });
  };
  return {
    words,
    agent: query.get('with'),
    ...useTyped(words, (typed) => change('q', typed)),
    choose: (agent: string | null) => change('with', agent),
  };
}

/** The text of a field whose value is set after a pause in typing, and may change elsewhere. */
function useTyped(value: string, set: (value: string) => void) {
  const [written, setWritten] = useState(value);
  const own = useRef(value);
  const setLater = useDebouncedCallback((typed: string) => {
    own.current = typed.trim();
    set(own.current);
  }, TYPING_MS);
  useEffect(() => {
    if (value !== own.current) setWritten(value);
    own.current = value;
  }, [value]);
  return {
    written,
    write: (typed: string) => {
      setWritten(typed);
      setLater(typed);
    },
  };
}

/** Returns the part of the URL that keeps the filter of the list on another page of the chat. */
export function useFilterQuery(): string {
  const search = new URLSearchParams(useSearch());
  const filter = new URLSearchParams(
    ['q', 'with'].flatMap((name) => {
      const value = search.get(name);
      return value ? [[name, value]] : [];
    }),
  );
  return filter.size > 0 ? `?${filter}` : '';
}
