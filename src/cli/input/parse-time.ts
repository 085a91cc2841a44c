/** A month, or a day with a time behind it or none: what Date reads beyond that is guessed, such as 5 for May of 2001. */
const DAY = /^\d{4}-\d{2}(-\d{2}.*)?$/;
const TIME = /^([01]?\d|2[0-3]):([0-5]\d)$/;

/** A time as one writes it, in the time zone of this machine unless it names one; undefined when it is none. */
export function parseTime(text: string): Date | undefined {
  const at = new Date(text.trim());
  return DAY.test(text.trim()) && !Number.isNaN(at.getTime()) ? at : undefined;
}

/** The same, or the next time that a clock here shows this: `18:00`. */
export function parseNextTime(text: string, now = new Date()): Date | undefined {
  const [, hours, minutes] = TIME.exec(text.trim()) ?? [];
  if (hours === undefined) return parseTime(text);
  const at = new Date(now);
  at.setHours(Number(hours), Number(minutes), 0, 0);
  if (at <= now) at.setDate(at.getDate() + 1);
  return at;
}
