const DAY_MS = 86_400_000;

/**
 * Returns the milliseconds that a server asks to wait, at most a day. The headers are
 * `retry-after-ms`, `Retry-After` (seconds or an HTTP date) and `x-ratelimit-reset` (seconds, or an
 * epoch in s or ms). Returns undefined if they are absent or make no sense.
 */
export function retryAfterMs(headers: Headers | undefined, now = Date.now()): number | undefined {
  const header = (name: string) => headers?.get(name)?.trim() || undefined;
  const waitMs =
    parseNumber(header('retry-after-ms')) ??
    multiply(parseNumber(header('retry-after')), 1000) ??
    untilDate(header('retry-after'), now) ??
    untilReset(parseNumber(header('x-ratelimit-reset')), now);
  return waitMs === undefined ? undefined : atMostADay(waitMs);
}

/** Returns a wait in whole milliseconds, from none to a day. */
export function atMostADay(waitMs: number): number {
  return Math.ceil(Math.min(Math.max(waitMs, 0), DAY_MS));
}

function parseNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

const multiply = (value: number | undefined, by: number) =>
  value === undefined ? undefined : value * by;

function untilDate(text: string | undefined, now: number): number | undefined {
  // `Date.parse` reads "-5" as a year, but a date has letters.
  if (text === undefined || !/[a-z]/i.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at - now;
}

function untilReset(value: number | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (value > 1e12) return value - now;
  return value > 1e9 ? value * 1000 - now : value * 1000;
}
