// biome-ignore-all lint/suspicious/noThenProperty: a keyword of JSON Schema
import type { Json } from '../../../src/json/json.ts';

/** Returns a seeded generator of numbers between 0 and 1, without 1 (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const NAMES = ['a', 'b', 'ab', 'c'];
const TEXTS = ['', 'a', 'ab', 'abc', 'B1', '🐘', 'a b', '2026-01-31', 'ann@example.com', '::1'];
const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];
const PATTERNS = ['^a', 'b$', '\\d', '^[a-z]*$', '^\\w+$', '^.$'];
const REFERENCES = ['#/$defs/text', '#/$defs/count', '#/$defs/node'];

/** Generates schemas, and values that may match them. */
class Draw {
  #next: () => number;

  constructor(seed: number) {
    this.#next = seeded(seed);
  }

  below(limit: number): number {
    return Math.floor(this.#next() * limit);
  }

  one<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  some<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }

  named<T>(make: () => T): Record<string, T> {
    return Object.fromEntries(this.some(3, () => [this.one(NAMES), make()]));
  }

  value(depth: number): Json {
    const leaves = [
      () => this.one(TEXTS),
      () => this.below(6) - 1,
      () => this.below(9) / 2,
      () => this.one([true, false, null]),
    ];
    const deeper = [
      () => this.some(4, () => this.value(depth - 1)),
      () => this.named(() => this.value(depth - 1)),
    ];
    return this.one<() => Json>(depth > 0 ? [...leaves, ...deeper, ...deeper] : leaves)();
  }

  /**
   * Generates a schema with one to three keywords. References occur only below the value, so that
   * validation ends.
   */
  schema(depth: number, below = false): Json {
    const part = (): Json => this.schema(depth - 1, below);
    const inner = (): Json => this.schema(depth - 1, true);
    const names = () => [...new Set(this.some(2, () => this.one(NAMES)))];
    const leaves: (() => Record<string, Json>)[] = [
      () => ({ type: this.one(TYPES) }),
      () => ({ type: [...new Set([this.one(TYPES), this.one(TYPES)])] }),
      () => ({ enum: [this.value(1), this.value(1), this.one(TEXTS)] }),
      () => ({ const: this.value(1) }),
      () => ({ minimum: this.below(4), exclusiveMaximum: this.below(4) + 2 }),
      () => ({ exclusiveMinimum: this.below(3) - 1, maximum: this.below(5) }),
      () => ({ multipleOf: this.one([1, 2, 0.5]) }),
      () => ({ minLength: this.below(3), maxLength: this.below(4) + 1 }),
      () => ({ pattern: this.one(PATTERNS) }),
      () => ({ format: this.one(['date', 'email', 'ipv6', 'of its own']) }),
      () => ({ minItems: this.below(3), maxItems: this.below(3) + 1 }),
      () => ({ uniqueItems: this.one([true, false]) }),
      () => ({ required: names() }),
      () => ({ minProperties: this.below(2), maxProperties: this.below(3) + 1 }),
      () => ({ dependentRequired: this.named(names) }),
      ...(below ? [() => ({ $ref: this.one(REFERENCES) })] : []),
    ];
    const deeper: (() => Record<string, Json>)[] = [
      () => ({ properties: this.named(inner), additionalProperties: inner() }),
      () => ({
        properties: this.named(inner),
        patternProperties: { [this.one(PATTERNS)]: inner() },
      }),
      () => ({ propertyNames: part(), dependentSchemas: this.named(part) }),
      () => ({ items: inner() }),
      () => ({ prefixItems: [inner(), inner()], items: inner() }),
      () => ({ contains: inner(), minContains: this.below(3), maxContains: this.below(3) + 1 }),
      () => ({ allOf: [part(), part()] }),
      () => ({ anyOf: [part(), part()] }),
      () => ({ oneOf: [part(), part(), part()] }),
      () => ({ not: part() }),
      () => ({ if: part(), then: part(), else: part() }),
    ];
    if (this.below(20) === 0) {
      return this.one([true, false]);
    }
    const pick = () => this.one(depth > 0 ? [...leaves, ...deeper, ...deeper] : leaves)();
    return Object.assign({}, ...this.some(2, pick), pick());
  }
}

/** Returns this many schemas with this many values each. The result is always the same. */
export function pairs(schemas: number, values: number): { schema: Json; value: Json }[] {
  const draw = new Draw(2020_12);
  return Array.from({ length: schemas }, () => {
    const root = draw.schema(3);
    const schema: Json = {
      ...(typeof root === 'object' ? (root as Record<string, Json>) : { not: !root }),
      $defs: {
        text: { type: 'string', minLength: 1 },
        count: { type: 'integer', minimum: 0 },
        node: { properties: { a: { $ref: '#/$defs/node' } }, required: ['b'] },
      },
    };
    return Array.from({ length: values }, () => ({ schema, value: draw.value(3) }));
  }).flat();
}
