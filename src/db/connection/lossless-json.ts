import type { Json } from '../../json/json.ts';

/**
 * Parses JSON. A number that JavaScript cannot represent exactly (bigint, numeric) is returned as
 * text with all its digits.
 */
export function parseLosslessJson(text: string): Json {
  return /[\d.]{16}/.test(text) ? JSON.parse(text, exactNumber) : JSON.parse(text);
}

function exactNumber(_key: string, value: Json, ...[context]: { source?: string }[]): Json {
  const source = context?.source ?? '';
  return typeof value === 'number' && digits(source) !== digits(String(value)) ? source : value;
}

function digits(number: string): string {
  return withoutZeros(number.replace(/e.*$/i, '').replace(/[-.]/g, ''));
}

/**
 * Removes the zeros at both ends. The zeros at the end are removed one by one, because a regular
 * expression would search for the end again from each zero.
 */
export function withoutZeros(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  return digits.slice(0, end).replace(/^0+/, '');
}
