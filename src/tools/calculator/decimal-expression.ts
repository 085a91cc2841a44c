import { Decimal } from 'decimal.js';

/** Decimals with more digits than a result shows, so that 1/3*3 is 1. */
const OPTIONS = { precision: 120, maxE: 1000, minE: -1000, defaults: true };
const Number120 = Decimal.clone(OPTIONS);
const SHOWN_DIGITS = 34;
const INTEGER_DIGITS = 100;
const MAX_DEPTH = 50;
/** The largest angle. The reduction of a larger angle takes long and has no exact digits left. */
const LARGEST_ANGLE = 1e15;

/** A fault in an expression, with a message that its author can act on. */
export class ExpressionError extends Error {}

/**
 * Evaluates an expression in decimals and returns the value as text. The expression is parsed and
 * never run as code. Throws `ExpressionError`.
 */
export function evaluate(expression: string): string {
  forgetInterrupted();
  const parser = new Parser(tokensOf(expression));
  const value = finite(parser.whole());
  if (value.isInteger() && value.e < INTEGER_DIGITS) return value.toFixed();
  const shown = value.toSignificantDigits(SHOWN_DIGITS);
  return Math.abs(shown.e) < SHOWN_DIGITS ? shown.toFixed() : shown.toString();
}

/**
 * Restores what an evaluation changes while it works: one that was stopped for its time has not
 * restored it, and later ones would round and overflow in other ways. The library changes the
 * options of a constructor, and a variable of its own that `sum` sets back.
 */
function forgetInterrupted(): void {
  Number120.set(OPTIONS);
  Number120.sum(0);
}

/** The value of an expression, or why it has none. */
export type Calculation = { value: string } | { fault: string };

/** Evaluates an expression as `evaluate` does, without throwing for its faults. */
export function calculate(expression: string): Calculation {
  try {
    return { value: evaluate(expression) };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return { fault: error.message };
  }
}

type Token = { text: string; kind: 'number' | 'name' | 'sign' | 'end'; at: number };

const TOKEN =
  /\s*(?:(?<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?<name>[A-Za-z][A-Za-z0-9]*)|(?<sign>\*\*|[-+*/%^(),]))/y;

function tokensOf(expression: string): Token[] {
  const tokens: Token[] = [];
  const text = expression.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const from = TOKEN.lastIndex;
    const found = TOKEN.exec(text);
    if (!found) {
      const at = from + text.slice(from).search(/\S/);
      const strange = String.fromCodePoint(text.codePointAt(at) ?? 0);
      throw new ExpressionError(`${strange} at character ${at + 1} means nothing here`);
    }
    const { number, name, sign } = found.groups ?? {};
    const said = number ?? name ?? sign ?? '';
    const kind = number ? 'number' : name ? 'name' : 'sign';
    tokens.push({ text: said, kind, at: TOKEN.lastIndex - said.length + 1 });
  }
  return [...tokens, { text: 'the end', kind: 'end', at: text.length + 1 }];
}

type Operation = (left: Decimal, right: Decimal) => Decimal;

const SUM: Record<string, Operation> = {
  '+': (a, b) => a.plus(b),
  '-': (a, b) => a.minus(b),
};
const PRODUCT: Record<string, Operation> = {
  '*': (a, b) => a.times(b),
  '/': (a, b) => a.dividedBy(notZero(b)),
  '%': (a, b) => a.modulo(notZero(b)),
};

/** A parser by precedence: sum, product, sign, power (right to left), value. */
class Parser {
  readonly tokens: readonly Token[];
  place = 0;
  depth = 0;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
  }

  whole(): Decimal {
    const value = this.sum();
    if (this.next.kind !== 'end') throw unexpectedToken(this.next);
    return value;
  }

  get next(): Token {
    return this.tokens[this.place] as Token;
  }

  take(...signs: string[]): string | undefined {
    const { text, kind } = this.next;
    if (kind !== 'sign' || !signs.includes(text)) return undefined;
    this.place += 1;
    return text;
  }

  sum(): Decimal {
    return this.chain(SUM, () => this.chain(PRODUCT, () => this.signedValue()));
  }

  chain(operations: Record<string, Operation>, operand: () => Decimal): Decimal {
    let value = operand();
    for (;;) {
      const sign = this.take(...Object.keys(operations));
      if (sign === undefined) return value;
      value = finite((operations[sign] as Operation)(value, operand()));
    }
  }

  signedValue(): Decimal {
    const sign = this.take('-', '+');
    if (sign === undefined) return this.power();
    const value = this.deeper(() => this.signedValue());
    return sign === '-' ? value.negated() : value;
  }

  power(): Decimal {
    const base = this.value();
    return this.take('^', '**')
      ? power(
          base,
          this.deeper(() => this.signedValue()),
        )
      : base;
  }

  value(): Decimal {
    const token = this.next;
    if (this.take('(')) {
      const value = this.deeper(() => this.sum());
      this.close();
      return value;
    }
    if (token.kind === 'sign' || token.kind === 'end') throw unexpectedToken(token);
    this.place += 1;
    return token.kind === 'number' ? finite(new Number120(token.text)) : this.namedValue(token);
  }

  namedValue(token: Token): Decimal {
    const name = token.text.toLowerCase();
    if (Object.hasOwn(CONSTANTS, name)) return CONSTANTS[name] as Decimal;
    const known = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
    if (!known) {
      const names = [...Object.keys(CONSTANTS), ...Object.keys(FUNCTIONS)].join(', ');
      throw new ExpressionError(
        `${token.text} at character ${token.at} is not known; known are ${names}`,
      );
    }
    const [least, most, work] = known;
    const values = this.deeper(() => this.argumentList());
    if (values.length < least || values.length > most) {
      const wanted =
        least === most
          ? `${least}`
          : most === Infinity
            ? `${least} or more`
            : `${least} to ${most}`;
      throw new ExpressionError(`${name} takes ${wanted} values and has ${values.length}`);
    }
    return finite(work(...values));
  }

  argumentList(): Decimal[] {
    if (!this.take('(')) throw unexpectedToken(this.next);
    const values: Decimal[] = [];
    while (values.length === 0 || this.take(',')) values.push(this.sum());
    this.close();
    return values;
  }

  close(): void {
    if (!this.take(')')) throw unexpectedToken(this.next);
  }

  deeper<T>(read: () => T): T {
    this.depth += 1;
    if (this.depth > MAX_DEPTH) {
      throw new ExpressionError(`it is nested more than ${MAX_DEPTH} deep`);
    }
    const value = read();
    this.depth -= 1;
    return value;
  }
}

type Work = [least: number, most: number, work: (...values: Decimal[]) => Decimal];

const one = (work: (value: Decimal) => Decimal): Work => [1, 1, work as Work[2]];
const many = (work: (...values: Decimal[]) => Decimal): Work => [1, Number.POSITIVE_INFINITY, work];
const angle = (work: (value: Decimal) => Decimal): Work =>
  one((value) => {
    if (value.abs().greaterThan(LARGEST_ANGLE)) {
      throw new ExpressionError(`an angle is at most ${LARGEST_ANGLE}`);
    }
    return work(value);
  });

const CONSTANTS: Record<string, Decimal> = {
  pi: Number120.acos(-1),
  e: Number120.exp(1),
};

const FUNCTIONS: Record<string, Work> = {
  round: [1, 2, (x, places) => x.toDecimalPlaces(placesOf(places), Decimal.ROUND_HALF_UP)],
  floor: one((x) => x.floor()),
  ceil: one((x) => x.ceil()),
  trunc: one((x) => x.trunc()),
  abs: one((x) => x.abs()),
  sqrt: one((x) => x.sqrt()),
  cbrt: one((x) => x.cbrt()),
  exp: one((x) => x.exp()),
  ln: one((x) => x.ln()),
  log: [1, 2, (x, base) => x.log(base ?? 10)],
  log10: one((x) => x.log(10)),
  log2: one((x) => x.log(2)),
  pow: [2, 2, (x, y) => power(x as Decimal, y as Decimal)],
  sin: angle((x) => x.sin()),
  cos: angle((x) => x.cos()),
  tan: angle((x) => x.tan()),
  asin: one((x) => x.asin()),
  acos: one((x) => x.acos()),
  atan: one((x) => x.atan()),
  min: many((...all) => Number120.min(...all)),
  max: many((...all) => Number120.max(...all)),
  sum: many((...all) => Number120.sum(...all)),
  avg: many((...all) => Number120.sum(...all).dividedBy(all.length)),
};

function power(base: Decimal, exponent: Decimal): Decimal {
  if (base.isZero() && exponent.isNegative()) notZero(base);
  return finite(base.pow(exponent));
}

function placesOf(places: Decimal | undefined): number {
  const count = places?.toNumber() ?? 0;
  if (!Number.isInteger(count) || count < 0 || count > INTEGER_DIGITS) {
    throw new ExpressionError(`the places of round are a whole number from 0 to ${INTEGER_DIGITS}`);
  }
  return count;
}

function notZero(value: Decimal): Decimal {
  if (value.isZero()) throw new ExpressionError('something is divided by zero');
  return value;
}

function finite(value: Decimal): Decimal {
  if (value.isNaN())
    throw new ExpressionError('it has no real value, as the root of a negative number');
  if (!value.isFinite())
    throw new ExpressionError('a value in it is infinite or has more than 1000 digits');
  return value;
}

function unexpectedToken({ text, at, kind }: Token): ExpressionError {
  return new ExpressionError(
    kind === 'end' ? 'it ends too early' : `${text} at character ${at} is not expected there`,
  );
}
