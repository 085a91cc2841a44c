/** Writes a share as a percentage. */
export const percent = (share: number): string => `${Number((share * 100).toFixed(1))} %`;

/** Writes a rate with its 95 % interval. */
export const interval = (rate: number, low: number | null, high: number | null) =>
  low === null || high === null
    ? percent(rate)
    : `${percent(rate)} (${percent(low)} to ${percent(high)})`;

/** Rounds a figure of a table, also one of more digits than a double; an absent one is empty. */
export const rounded = (value: number | null, digits = 3) =>
  value === null ? '' : Number(Number(value).toFixed(digits));
