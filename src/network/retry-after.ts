const DAY_MS = 86_400_000;

/**
 * Milliseconds the server asks us to wait, from `retry-after-ms`, `Retry-After` (seconds or an HTTP
 * date) or `x-ratelimit-reset` (seconds, or an epoch in s or ms); at most a day. Undefined when it
 * does not say, or says nonsense.
 */
export function retryAfterMs(headers: Headers | undefined, now = Date.now()): number | undefined {
  const told = (name: string) => headers?.get(name)?.trim() || undefined;
  const asked =
    numeric(told('retry-after-ms')) ??
    scaled(numeric(told('retry-after')), 1000) ??
    dated(told('retry-after'), now) ??
    reset(numeric(told('x-ratelimit-reset')), now);
  return asked === undefined ? undefined : Math.ceil(Math.min(Math.max(asked, 0), DAY_MS));
}

function numeric(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined;
}

const scaled = (value: number | undefined, by: number) =>
  value === undefined ? undefined : value * by;

function dated(text: string | undefined, now: number): number | undefined {
  // `Date.parse` takes "-5" for a year: a date has letters.
  if (text === undefined || !/[a-z]/i.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : at - now;
}

function reset(value: number | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (value > 1e12) return value - now;
  return value > 1e9 ? value * 1000 - now : value * 1000;
}
