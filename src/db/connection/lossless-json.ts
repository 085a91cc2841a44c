import type { Json } from '../../json/json.ts';

/** JSON whose numbers JavaScript cannot hold (bigint, numeric) come as text with all their digits. */
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

/** Without zeros at its ends; those at the end one by one, as an expression would look for the end again from each zero. */
export function withoutZeros(digits: string): string {
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  return digits.slice(0, end).replace(/^0+/, '');
}
