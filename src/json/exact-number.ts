// JavaScript has one type of number, the double. It holds integers up to 2^53 and about 15 digits.
// JSON and `jsonb` have numbers of any length, so an id of 64 bits would become another id. A JSON
// number that is safe as a double is a `number` here. Any other number is an `ExactNumber`, which
// keeps its digits and is written with them.

/** The members of `JSON` that the types of TypeScript lack. */
const rawJson = JSON as typeof JSON & {
  rawJSON(json: string): object;
  isRawJSON(value: unknown): boolean;
};

/**
 * A JSON number that a JavaScript number would round: an integer beyond 2^53, or more digits than a
 * double holds. `JSON.stringify` writes it with all its digits.
 *
 * @example
 * const { id } = parseJson('{"id": 1915883588174806058}') as { id: ExactNumber };
 * String(id); // '1915883588174806058'
 * JSON.stringify({ id }); // '{"id":1915883588174806058}'
 */
export class ExactNumber {
  /** The number as JSON writes it. */
  readonly text: string;

  constructor(text: string) {
    if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) {
      throw new SyntaxError(`${text} is not a number of JSON`);
    }
    this.text = text;
  }

  /** Returns an integer as a BigInt, and undefined for a number with a fraction. */
  toBigInt(): bigint | undefined {
    const { coefficient, exponent } = decimalOf(this);
    return exponent < 0 ? undefined : coefficient * 10n ** BigInt(exponent);
  }

  toString(): string {
    return this.text;
  }

  toJSON(): object {
    return rawJson.rawJSON(this.text);
  }

  /** Returns the nearest double where a number is wanted, such as in `Number()`, else digits. */
  [Symbol.toPrimitive](hint: string): number | string {
    return hint === 'number' ? Number(this.text) : this.text;
  }
}

/** Returns whether a replacer of `JSON.stringify` gets this value for an `ExactNumber`. */
export function isRawNumber(value: unknown): boolean {
  return rawJson.isRawJSON(value);
}

/** Returns whether a value is a number of JSON, however long. */
export function isJsonNumber(value: unknown): value is number | ExactNumber {
  return typeof value === 'number' || value instanceof ExactNumber;
}

/** Returns whether a number is an integer. `1.0` is one, as in JSON Schema. */
export function isWhole(number: number | ExactNumber): boolean {
  return typeof number === 'number' ? Number.isInteger(number) : decimalOf(number).exponent >= 0;
}

/** Returns a negative number, 0 or a positive number, as `one` is less than, equal to or more. */
export function compareNumbers(one: number | ExactNumber, other: number | ExactNumber): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other;
  const [a, b] = toSameExponent(one, other);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Returns whether a number is a multiple of another one, in decimal digits. */
export function isMultipleOf(number: number | ExactNumber, factor: number | ExactNumber): boolean {
  const [a, b] = toSameExponent(number, factor);
  return b !== 0n && a % b === 0n;
}

/** Returns the one spelling of a number: `15e-1` for `1.5`, `1.50` and `15E-1`. */
export function canonicalNumber(number: number | ExactNumber): string {
  const { coefficient, exponent } = decimalOf(number);
  return `${coefficient}e${exponent}`;
}

/**
 * Returns the number that a text writes in digits. Returns undefined for any other text, also for
 * one that begins with `+`, a space or a zero.
 */
export function numberIn(text: string): number | ExactNumber | undefined {
  return /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text) ? toJsonNumber(text) : undefined;
}

/** Returns a number of JSON: a `number` if it is safe, else an `ExactNumber`. */
export function toJsonNumber(text: string): number | ExactNumber {
  const number = Number(text);
  return isSafe(number, text) ? number : new ExactNumber(text);
}

/** Returns whether a double is the number that a text of JSON writes, and an integer is safe. */
export function isSafe(number: number, text: string): boolean {
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) return false;
  const written = String(number);
  return written === text || significantDigits(written) === significantDigits(text);
}

function significantDigits(text: string): string {
  return withoutZeros(text.replace(/e.*/i, '').replace(/[-.]/g, ''));
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

/** A number as `coefficient * 10 ** exponent`. The coefficient does not end with a zero. */
type Decimal = { coefficient: bigint; exponent: number };

function decimalOf(number: number | ExactNumber): Decimal {
  const [mantissa = '', power = '0'] = String(number).toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = (whole + fraction).replace(/^0+/, '');
  let end = digits.length;
  while (digits[end - 1] === '0') end -= 1;
  if (end === 0) return { coefficient: 0n, exponent: 0 };
  const coefficient = BigInt(digits.slice(0, end));
  return {
    coefficient: mantissa.startsWith('-') ? -coefficient : coefficient,
    exponent: Number(power) - fraction.length + (digits.length - end),
  };
}

function toSameExponent(one: number | ExactNumber, other: number | ExactNumber): [bigint, bigint] {
  const [a, b] = [decimalOf(one), decimalOf(other)];
  const exponent = Math.min(a.exponent, b.exponent);
  const scaled = (decimal: Decimal) =>
    decimal.coefficient * 10n ** BigInt(decimal.exponent - exponent);
  return [scaled(a), scaled(b)];
}
