/** The pause after a look that found nothing. The next look finds what comes in that pause. */
const LEAST_PAUSE_MS = 20;
/** A look through a long queue may take long. The pause after it is this many times as long. */
const PAUSES_PER_LOOK = 9;
/** The longest pause after a look that found nothing. */
const MOST_PAUSE_MS = 1_000;

/** The result of a look for due runs. */
export type LookResult = 'found' | 'nothing' | 'no_room';

export type DueRunPoller = {
  /** Looks for due runs, since there may be some. */
  nudge(): void;
  /** Looks if there was no room for what may be due. Call when a run has left. */
  room(): void;
  /** Waits for the look under way. */
  stop(): Promise<void>;
};

/**
 * Calls `look` at once and when it is nudged, never two at a time. Looks that find nothing take at
 * most a tenth of the time. A look without room is made up for when there is room.
 *
 * With `everyMs`, looks are also repeated after that time. Without, a look that found runs is
 * followed by another one at once, because each look takes only a part of the due runs.
 */
export function startDueRunPoller(
  look: () => Promise<LookResult>,
  { everyMs }: { everyMs?: number } = {},
): DueRunPoller {
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> | undefined;
  let isNudged = false;
  let isOver = false;
  let mayBeMore = false;
  let cameRoom = false;
  let earliest = 0;

  const plan = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(begin, ms);
  };
  const nudge = (): void => {
    if (isNudged || isOver) return;
    isNudged = true;
    if (!underWay) plan(Math.max(0, earliest - performance.now()));
  };
  const begin = (): void => {
    isNudged = false;
    cameRoom = false;
    const start = performance.now();
    underWay = look().then((result) => {
      underWay = undefined;
      const now = performance.now();
      const pause = Math.max(LEAST_PAUSE_MS, (now - start) * PAUSES_PER_LOOK);
      earliest = result === 'nothing' ? now + Math.min(pause, MOST_PAUSE_MS) : now;
      mayBeMore = result !== 'nothing';
      isNudged ||= result === 'found' && everyMs === undefined;
      isNudged ||= result === 'no_room' && cameRoom; // a look with room has seen all that is due
      if (isOver) return;
      if (isNudged) plan(earliest - now);
      else if (everyMs !== undefined) plan(everyMs);
    });
  };

  plan(0);
  return {
    nudge,
    room() {
      if (underWay) cameRoom = true;
      else if (mayBeMore) nudge();
    },
    async stop() {
      isOver = true;
      clearTimeout(timer);
      await underWay;
    },
  };
}
