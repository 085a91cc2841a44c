import type { Json } from '../contracts/json.ts';

/** JSON whose numbers JavaScript cannot hold (bigint, numeric) come as text with all their digits. */
export function exactJson(text: string): Json {
  return /[\d.]{16}/.test(text) ? JSON.parse(text, exactNumber) : JSON.parse(text);
}

function exactNumber(_key: string, value: Json, ...[context]: { source?: string }[]): Json {
  const source = context?.source ?? '';
  return typeof value === 'number' && digits(source) !== digits(String(value)) ? source : value;
}

function digits(number: string): string {
  return number
    .replace(/e.*$/i, '')
    .replace(/[-.]/g, '')
    .replace(/^0+|0+$/g, '');
}
