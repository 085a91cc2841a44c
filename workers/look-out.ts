/** Whoever adds to the queue says so; what becomes due by the clock is found within this time. */
const LOOK_MS = 1_000;
/** After a look that found nothing; what is added meanwhile is found by the next one. */
const LEAST_PAUSE_MS = 20;
/** Such a look through a long queue may take long: the pause after it is so many times that. */
const PAUSES_PER_LOOK = 9;

export type LookOut = {
  /** Something may be due. */
  nudge(): void;
  /** Waits for the look under way. */
  stop(): Promise<void>;
};

/**
 * Calls `look` when it is nudged, and each second; never two at a time. Looks that find nothing (they give false) take at
 * most a tenth of the time.
 */
export function keepLooking(look: () => Promise<boolean>): LookOut {
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> | undefined;
  let isNudged = false;
  let isOver = false;
  let earliest = 0;

  const plan = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(begin, ms);
  };
  const begin = (): void => {
    isNudged = false;
    const begun = performance.now();
    underWay = look().then((found) => {
      underWay = undefined;
      const now = performance.now();
      const pause = found ? 0 : Math.max(LEAST_PAUSE_MS, (now - begun) * PAUSES_PER_LOOK);
      earliest = now + Math.min(pause, LOOK_MS);
      if (!isOver) plan(isNudged ? earliest - now : LOOK_MS);
    });
  };

  plan(0);
  return {
    nudge() {
      if (!isNudged && !isOver) {
        isNudged = true;
        if (!underWay) plan(Math.max(0, earliest - performance.now()));
      }
    },
    async stop() {
      isOver = true;
      clearTimeout(timer);
      await underWay;
    },
  };
}
