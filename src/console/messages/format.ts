// Numbers and times as people read them, in the language of the browser.

const counts = new Intl.NumberFormat();
const smallCosts = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 2 });
const costs = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 4 });
const wholeCosts = new Intl.NumberFormat(undefined, { maximumFractionDigits: 20 });
/** Costs below this have too many zeros to be counted. */
const MIN_PLAIN_COST = 1e-7;
const relevance = new Intl.NumberFormat(undefined, { maximumSignificantDigits: 3 });
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });
const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto', style: 'short' });

/** Writes a count, such as 1,234. */
export function formatCount(value: number | string): string {
  return counts.format(Number(value));
}

/** Writes a large count with few digits, such as 12.3K. */
export function formatCompact(value: number | string): string {
  const number = Number(value);
  return number < 10_000 ? counts.format(number) : compact.format(number);
}

/**
 * Writes a cost in the currency of the prices, with the digits that matter: 12,346, 1.235, 0.0012,
 * 0.000012 or 1.2e-9.
 */
export function formatCost(value: number | string): string {
  const number = Number(value);
  const size = Math.abs(number);
  if (size >= 1_000) return counts.format(Math.round(number));
  if (size >= 1) return costs.format(number);
  if (size >= MIN_PLAIN_COST || size === 0) return smallCosts.format(number);
  return number.toExponential(1);
}

/**
 * Writes a cost with all its digits. A number has at most 15, since the digits of a double beyond
 * them come from adding.
 */
export function formatWholeCost(value: number | string): string {
  const digits = typeof value === 'string' ? value : String(Number(value.toPrecision(15)));
  return wholeCosts.format(digits as `${number}`);
}

/** Writes the score of a search, such as 2.98 or 0.0164. */
export function formatRelevance(score: number): string {
  return relevance.format(score);
}

/** Adds costs. The sum is for people, so the digits of a double suffice. */
export function sum(values: readonly (number | string | null)[]): number {
  return values.reduce<number>((total, value) => total + Number(value ?? 0), 0);
}

/** Writes a duration in the largest units that matter, such as 1.2 s or 3 min 5 s. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  const seconds = Math.round(ms / 1_000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor((seconds % 86_400) / 3_600), 'h'],
    [Math.floor((seconds % 3_600) / 60), 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([value]) => value > 0);
  const shown = parts.slice(first, first + 2).filter(([value]) => value > 0);
  return shown.map(([value, unit]) => `${value} ${unit}`).join(' ');
}

/** Writes a time in the time zone of the browser. */
export function formatTime(at: string): string {
  return dateTime.format(new Date(at));
}

/** Writes a time in UTC, as SQL shows it. */
export function formatUtc(at: string): string {
  return `${new Date(at).toISOString().replace('T', ' ').slice(0, 19)} UTC`;
}

/** Writes how long ago a time was, or how far ahead it is. */
export function formatAgo(at: string, now: number): string {
  const seconds = (new Date(at).getTime() - now) / 1_000;
  const size = Math.abs(seconds);
  if (size < 45) return relative.format(Math.round(seconds), 'second');
  if (size < 2_700) return relative.format(Math.round(seconds / 60), 'minute');
  if (size < 79_200) return relative.format(Math.round(seconds / 3_600), 'hour');
  return relative.format(Math.round(seconds / 86_400), 'day');
}

/** Writes a size in bytes. */
export function formatBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000
    ? `${Math.round(bytes / 1_000)} kB`
    : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

export const DAY_MS = 86_400_000;

/** Returns the day in UTC, some days before another. */
export function dayBefore(now: number, days: number): string {
  return new Date(now - days * DAY_MS).toISOString().slice(0, 10);
}
