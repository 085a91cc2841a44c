/**
 * A run of combining marks. The two halfwidth sound marks of Katakana are letters that decompose
 * into combining marks.
 */
const MARKS = /([\p{M}\uFF9E\uFF9F]{1,30})[\p{M}\uFF9E\uFF9F]*/gu;

/**
 * Normalizes a text in linear time. Keeps the first 30 of consecutive combining marks, as the
 * Stream-Safe Text Format of Unicode (UAX #15) allows: `String.prototype.normalize` sorts them in
 * quadratic time, and nothing can interrupt it.
 */
export function normalizeText(text: string, form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): string {
  return text.replace(MARKS, '$1').normalize(form);
}
