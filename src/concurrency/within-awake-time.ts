const TICKS = 8;

/**
 * Gives the result of `work`, or throws `late()` when it has not settled after `ms` of the time this process was awake. After a
 * process was busy or frozen its timers fire before it reads what arrived meanwhile, so such a gap counts as one tick.
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
