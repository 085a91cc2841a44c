import { InvalidArgumentError } from 'commander';

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/**
 * Returns a parser of options such as `8h`. The parser returns seconds, at most `mostDays` days.
 */
export function parseDuration(mostDays: number): (text: string) => number {
  return (text) => {
    const [, number, unit = ''] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
    const seconds = Number(number) * (SECONDS[unit] ?? Number.NaN);
    if (seconds > 0 && seconds <= mostDays * 86_400) return seconds;
    throw new InvalidArgumentError(
      `Use a number with s, m, h or d, such as 8h; at most ${mostDays}d.`,
    );
  };
}
