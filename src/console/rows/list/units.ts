import { formatBytes, formatCount, formatDuration } from '../../messages/format.ts';
import { rowTexts } from '../../messages/row-texts.ts';
import type { FieldType } from '../resource-types.ts';

/** Milliseconds of the units of durations, in which the names of fields end. */
const DURATIONS: Readonly<Record<string, number>> = {
  ms: 1,
  seconds: 1_000,
  minutes: 60_000,
  hours: 3_600_000,
  days: 86_400_000,
};

/** Prices of tokens, which are those of a million. */
const PER_MILLION = /^(input|output|cached_input|cache_write)_price$/;

type Named = Pick<FieldType, 'name' | 'label' | 'schema'>;

/** Returns the unit of a number, in which the name of its field ends: `interval_seconds`. */
function unitOf({ name, schema: { type } }: Named): string | undefined {
  if (type !== 'integer' && type !== 'number') return undefined;
  const [, unit] = /_(ms|seconds|minutes|hours|days|bytes)$/.exec(name) ?? [];
  return unit;
}

/** Returns the label without the unit, where the value is shown with it: Interval. */
export function labelOfShown(field: Named): string {
  if (PER_MILLION.test(field.name)) return rowTexts.perMillion(field.label);
  const unit = unitOf(field);
  return unit ? field.label.replace(new RegExp(` ${unit}$`), '') : field.label;
}

/** Returns the label of an input, with the unit of the number: Interval (seconds). */
export function labelOfInput(field: Named): string {
  const unit = unitOf(field);
  return unit ? `${labelOfShown(field)} (${unit})` : labelOfShown(field);
}

/** Writes a number with its unit, such as 5 min for 300 seconds. */
export function formatNumber(field: Named, value: number): string {
  const unit = unitOf(field);
  const ms = unit === undefined ? undefined : DURATIONS[unit];
  if (ms !== undefined) return formatDuration(value * ms);
  if (unit === 'bytes') return formatBytes(value);
  return Number.isInteger(value) ? formatCount(value) : String(value);
}
