import { useLocation, useSearch } from 'wouter';

type Changes = Readonly<Record<string, string | undefined>>;

/** Returns the parameters of the URL of a page, and a function that changes some of them. */
export function useParameters(path: string) {
  const [, navigate] = useLocation();
  const search = useSearch();
  const parameters = Object.fromEntries(new URLSearchParams(search)) as Record<
    string,
    string | undefined
  >;
  const change = (changes: Changes) => {
    const next = new URLSearchParams(search);
    for (const [name, value] of Object.entries(changes)) {
      if (value) next.set(name, value);
      else next.delete(name);
    }
    navigate(next.size > 0 ? `${path}?${next}` : path);
  };
  return { parameters, change };
}
