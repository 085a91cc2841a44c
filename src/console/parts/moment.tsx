import { Tooltip } from '@mantine/core';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { formatAgo, formatTime, formatUtc } from '../messages/format.ts';

/** The ways in which times are shown. A click on any time changes all of them. */
const WAYS = ['relative', 'local', 'utc'] as const;
type Way = (typeof WAYS)[number];

const NAME = 'howdah.times';
const TICK_MS = 10_000;
const listeners = new Set<() => void>();

function currentWay(): Way {
  const stored = localStorage.getItem(NAME);
  return WAYS.find((way) => way === stored) ?? 'relative';
}

function useWay(): Way {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }, currentWay);
}

function changeWay(): void {
  const next = WAYS[(WAYS.indexOf(currentWay()) + 1) % WAYS.length] ?? 'relative';
  localStorage.setItem(NAME, next);
  for (const listener of listeners) listener();
}

/** Returns the current time, and renders again after each tick while something is shown. */
export function useNow(tickMs = TICK_MS, isOn = true): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (!isOn) return;
    const timer = setInterval(() => setNow(Date.now()), tickMs);
    return () => clearInterval(timer);
  }, [tickMs, isOn]);
  return now;
}

/**
 * A time: relative, local or in UTC. The tooltip has the other two. A plain time stands in a link,
 * so it is no button.
 */
export function Moment({ at, isPlain = false }: { at: string; isPlain?: boolean }) {
  const way = useWay();
  useNow();
  // not the time of the last tick, since `at` may be later
  const texts = { relative: formatAgo(at, Date.now()), local: formatTime(at), utc: formatUtc(at) };
  const others = WAYS.filter((one) => one !== way).map((one) => texts[one]);
  if (isPlain) return <time dateTime={at}>{texts[way]}</time>;
  return (
    <Tooltip label={others.join(' · ')} openDelay={300} withinPortal>
      <button type="button" className="moment" onClick={changeWay}>
        <time dateTime={at}>{texts[way]}</time>
      </button>
    </Tooltip>
  );
}
