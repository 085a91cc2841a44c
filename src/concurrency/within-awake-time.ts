const TICKS = 8;

/**
 * Returns the result of `work`. Throws `late()` if it has not settled after `ms` during which this
 * process was awake. After a busy or frozen period, timers fire before the process reads what
 * arrived meanwhile, so such a gap counts as one tick.
 */
export async function withinAwakeTime<T>(
  ms: number,
  work: Promise<T>,
  late: () => Error,
): Promise<T> {
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  const timer = afterAwakeTime(ms, () => reject(late()));
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearInterval(timer);
  }
}

/** Calls `work` after `ms` during which this process was awake. Cleared by `clearInterval`. */
export function afterAwakeTime(ms: number, work: () => void): NodeJS.Timeout {
  let ticks = 0;
  return setInterval(() => {
    ticks += 1;
    if (ticks === TICKS) work();
  }, ms / TICKS);
}
