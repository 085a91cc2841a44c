const TICKS = 8;

/**
 * Returns the result of `work`. Throws `late()` when it has not settled after `ms` during which this
 * process was awake. After a busy or frozen period, timers fire before the process reads what
 * arrived meanwhile, so such a gap counts as one tick.
 */
export async function withinAwakeTime<T>(
  ms: number,
  work: Promise<T>,
  late: () => Error,
): Promise<T> {
  const { promise: deadline, reject } = Promise.withResolvers<never>();
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
    if (ticks === TICKS) reject(late());
  }, ms / TICKS);
  try {
    return await Promise.race([work, deadline]);
  } finally {
    clearInterval(timer);
  }
}
