import { useHotkeys } from '@mantine/hooks';
import { useRef } from 'react';

/** Returns a reference of a list, in which J and K move between the links of its rows. */
export function useRowKeys<Element extends HTMLElement>() {
  const list = useRef<Element>(null);
  const move = (step: number) => {
    const links = [
      ...(list.current?.querySelectorAll<HTMLElement>('.row-link, .result-link') ?? []),
    ];
    const at = links.indexOf(document.activeElement as HTMLElement);
    links[Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
  };
  useHotkeys([
    ['J', () => move(1)],
    ['K', () => move(-1)],
  ]);
  return list;
}
