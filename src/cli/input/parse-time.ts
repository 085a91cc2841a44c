/**
 * A month, or a day with or without a time. Date guesses at any other text: it reads 5 as May 2001.
 */
const DAY = /^\d{4}-\d{2}(-\d{2}.*)?$/;
const TIME = /^([01]?\d|2[0-3]):([0-5]\d)$/;

/**
 * Parses a time in the time zone of this machine, unless the text names one. Returns undefined if
 * it is not a time.
 */
export function parseTime(text: string): Date | undefined {
  const at = new Date(text.trim());
  return DAY.test(text.trim()) && !Number.isNaN(at.getTime()) ? at : undefined;
}

/**
 * Parses a time, or a time of day such as `18:00`, which means its next occurrence on this machine.
 */
export function parseNextTime(text: string, now = new Date()): Date | undefined {
  const [, hours, minutes] = TIME.exec(text.trim()) ?? [];
  if (hours === undefined) return parseTime(text);
  const at = new Date(now);
  at.setHours(Number(hours), Number(minutes), 0, 0);
  if (at <= now) at.setDate(at.getDate() + 1);
  return at;
}
