/** A number after opening brackets and before closing brackets. */
const OPERAND = String.raw`(?:[-(]\s*)*\d+(?:\.\d+)?(?:\s*\))*`;
const CALCULATION = new RegExp(
  String.raw`(?<![\p{L}\d.,:/(-])${OPERAND}(?:\s*[-+*/%^×÷]\s*${OPERAND})+(?![\p{L}\d-])`,
  'gu',
);
const SIGNS: Readonly<Record<string, string>> = { '×': '*', '÷': '/' };
/** Dates and similar texts: `2026-11-21` is no calculation, `9 - 3 - 2` is a calculation. */
const JOINED = /^\d+([-/])\d+(?:\1\d+)+$/;

const MAX_READ = 8000;

/**
 * Returns the calculations in a text, in the form that a calculator takes: `6 * 7` for "What is 6 ×
 * 7?".
 */
export function calculationsIn(text: string): string[] {
  const plain = text
    .slice(0, MAX_READ)
    .replace(/(?<![\d.,])\d{1,3}(?:,\d{3})+(?![\d,])/g, (one) => one.replaceAll(',', ''));
  return (plain.match(CALCULATION) ?? [])
    .map((one) => one.trim())
    .filter((one) => !JOINED.test(one) && isBalanced(one))
    .map((one) => one.replace(/[×÷]/g, (sign) => SIGNS[sign] ?? sign));
}

function isBalanced(text: string): boolean {
  let open = 0;
  for (const one of text) {
    if (one === '(') open += 1;
    if (one === ')') open -= 1;
    if (open < 0) return false;
  }
  return open === 0;
}
