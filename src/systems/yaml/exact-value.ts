import type { Scalar } from 'yaml';
import { toJsonNumber } from '../../json/exact-number.ts';

/**
 * Returns the value of a scalar. A decimal number keeps its digits; YAML may write it with a plus,
 * with zeros before it, or without a digit beside its point.
 */
export function exactValueOf({ value, source = '' }: Scalar): unknown {
  if (typeof value !== 'number') return value;
  const [, sign = '', whole, fraction = '', exponent = ''] = DECIMAL.exec(source) ?? [];
  if (whole === undefined) return value;
  const digits = whole.replace(/^0+(?=\d)/, '') || '0';
  const number = `${sign === '-' ? '-' : ''}${digits}${fraction === '' ? '' : `.${fraction}`}${exponent}`;
  return toJsonNumber(number);
}

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(e[+-]?\d+)?$/i;
