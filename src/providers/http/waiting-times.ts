import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { atMostADay, retryAfterMs } from '../../network/retry-after.ts';
import type { ErrorReport } from './error-codes.ts';

/** A place in which vendors write how long to wait. */
export type WaitingTimeRow = { place: string; form: string; vendors: string };

/** Where waiting times are read. `docs/reference/providers.md` is generated from this table. */
export const WAITING_TIMES: readonly WaitingTimeRow[] = [
  { place: 'header `retry-after-ms`', form: 'milliseconds', vendors: 'OpenAI, Azure' },
  { place: 'header `Retry-After`', form: 'seconds, or an HTTP date', vendors: 'all' },
  {
    place: 'body `error.details[].retryDelay` (RetryInfo)',
    form: 'a duration such as `3.5s`',
    vendors: 'Google',
  },
  {
    place: 'body `error.retry_after`, `error.metadata.retry_after`, `error.retry_after_ms`',
    form: 'seconds, or milliseconds',
    vendors: 'gateways',
  },
  {
    place: 'sentence `try again in …`, `retry after …`, `wait …`, `resets in …`',
    form: 'a duration such as `1m2.5s`, `20 seconds`, or a time (RFC 3339) after `after` or `at`',
    vendors: 'OpenAI, Groq, Google, Azure',
  },
  {
    place: 'header `x-ratelimit-reset`',
    form: 'seconds, or an epoch in s or ms',
    vendors: 'OpenRouter, gateways',
  },
  {
    place: 'header `x-ratelimit-reset-requests`, `x-ratelimit-reset-tokens`, …',
    form: 'a duration, or seconds; only if `x-ratelimit-remaining-…` is not left',
    vendors: 'OpenAI, Groq',
  },
  {
    place: 'header `anthropic-ratelimit-…-reset`',
    form: 'a time (RFC 3339); only if `anthropic-ratelimit-…-remaining` is 0',
    vendors: 'Anthropic',
  },
];

/**
 * Returns the milliseconds that a model server asks to wait, at most a day; undefined if it does
 * not say. What it says of this request counts before what its headers say of limits.
 */
export function waitingTimeMs(
  headers: Headers | undefined,
  report: ErrorReport,
  now = Date.now(),
): number | undefined {
  const wait =
    retryAfterMs(withoutReset(headers), now) ??
    delayIn(report.error) ??
    delayInText(report.message, now) ??
    retryAfterMs(headers, now) ??
    resetIn(headers, now);
  return wait === undefined ? undefined : atMostADay(wait);
}

function withoutReset(headers: Headers | undefined): Headers {
  const rest = new Headers(headers);
  rest.delete('x-ratelimit-reset');
  return rest;
}

/** Returns the delay in fields of an error. */
function delayIn(error: JsonObject): number | undefined {
  const details = Array.isArray(error.details) ? error.details.filter(isJsonObject) : [];
  const delays = details.map(({ retryDelay }) => durationMs(retryDelay));
  const metadata = isJsonObject(error.metadata) ? error.metadata : {};
  const seconds = [error.retry_after, metadata.retry_after, metadata.retry_after_seconds];
  const { retry_after_ms: ms } = error;
  const wait_ms = typeof ms === 'number' && ms >= 0 ? ms : undefined;
  return [...delays, ...seconds.map(durationMs), wait_ms].find((delay) => delay !== undefined);
}

const SENTENCE =
  /(?:(?:try again|retry|wait|resets?)\s+(?:in|after|for)|wait)\s+(?:about\s+)?((?:\d+(?:\.\d+)?\s*(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|h|days?|d)(?![a-z])\s*)+|\d+(?:\.\d+)?(?![\w:/-]|\.\d))/i;
const SENTENCE_WITH_TIME =
  /(?:try again|retry|wait|resets?)\s+(?:after|at|until)\s+(\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:?\d\d))/i;

function delayInText(message: string, now: number): number | undefined {
  const text = message.slice(0, 10_000);
  const time = SENTENCE_WITH_TIME.exec(text)?.[1];
  if (time !== undefined) return untilTime(time, now);
  const duration = SENTENCE.exec(text)?.[1];
  return duration === undefined ? undefined : durationMs(duration.trim());
}

const UNITS: readonly [pattern: RegExp, ms: number][] = [
  [/^(ms|milliseconds?)$/, 1],
  [/^(s|secs?|seconds?)$/, 1_000],
  [/^(m|mins?|minutes?)$/, 60_000],
  [/^(h|hours?)$/, 3_600_000],
  [/^(d|days?)$/, 86_400_000],
];

/** Reads a duration: a number of seconds, or numbers with units. */
function durationMs(value: Json | undefined): number | undefined {
  if (typeof value === 'number') return value >= 0 ? value * 1_000 : undefined;
  if (typeof value !== 'string') return undefined;
  const text = value.trim().toLowerCase();
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1_000;
  if (!/^(\d+(\.\d+)?\s*[a-z]+\s*)+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)\s*([a-z]+)/g)) {
    const ms = UNITS.find(([pattern]) => pattern.test(unit))?.[1];
    if (ms === undefined) return undefined;
    sum += Number(amount) * ms;
  }
  return sum;
}

const RESETS =
  /^(?:x-ratelimit-reset-(?<dimension>[a-z-]+)|anthropic-ratelimit-(?<limit>[a-z-]+)-reset)$/;

/** Returns the longest time until a limit of the account that is used up is full again. */
function resetIn(headers: Headers | undefined, now: number): number | undefined {
  const waits: number[] = [];
  for (const [name, value] of headers ?? []) {
    const groups = RESETS.exec(name)?.groups;
    if (!groups) continue;
    const { dimension, limit } = groups;
    const left = headers?.get(
      dimension ? `x-ratelimit-remaining-${dimension}` : `anthropic-ratelimit-${limit}-remaining`,
    );
    const isUsedUp = left === null || left === undefined || Number(left) === 0;
    // a request may need more tokens than are left
    const isTooSmall = (dimension ?? limit ?? '').includes('tokens');
    if (!isUsedUp && !isTooSmall) continue;
    const wait = untilTime(value, now) ?? durationMs(value);
    if (wait !== undefined) waits.push(wait);
  }
  return waits.length === 0 ? undefined : Math.max(...waits);
}

function untilTime(value: string, now: number): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT/.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at - now;
}
