import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { DATA_KEYWORDS } from '../../json/schema-keywords.ts';
import { stripCodeFence } from '../../text/strip-code-fence.ts';
import { fitSchema } from './fit-schema.ts';
import { COMBINING, followRef } from './fit-tools.ts';
import type { Fitted, SchemaRules } from './rules.ts';

/** A schema for an answer as a vendor accepts it. */
export type FittedAnswer = {
  schema: JsonSchema;
  /** The only property of the object that the answer was wrapped in. */
  wrapper?: string;
};

/**
 * Returns a schema that a vendor accepts for an answer. A schema whose root is no object becomes
 * the only property of an object, if the vendor requires one.
 */
export function fitAnswer(schema: JsonSchema, rules: SchemaRules): Fitted<FittedAnswer> {
  const root = followRef(schema);
  const isWrapped = rules.root === 'object' && !isPlainObject(root);
  const wrapper = isWrapped ? freeName(schema) : undefined;
  const whole = wrapper === undefined ? asObject(root) : wrap(schema, wrapper);
  const fitted = fitSchema(whole, rules);
  if (!fitted.ok) return fitted;
  return { ok: true, value: { schema: fitted.value, ...(wrapper && { wrapper }) } };
}

/** Returns whether every value of a schema is an object, and its root has no combination. */
function isPlainObject(root: JsonSchema): boolean {
  const isObject = root.type === undefined ? isJsonObject(root.properties) : root.type === 'object';
  return isObject && !COMBINING.some((keyword) => Object.hasOwn(root, keyword));
}

function asObject(root: JsonSchema): JsonSchema {
  return root.type === undefined && isJsonObject(root.properties)
    ? { type: 'object', ...root }
    : root;
}

const NAMES = ['answer', 'result', 'value', 'output', 'content'];

/** Returns a name for the wrapper that the schema does not contain. */
function freeName(schema: JsonSchema): string {
  const text = JSON.stringify(schema);
  const names = [...NAMES, ...NAMES.map((name) => `wrapped_${name}`)];
  return names.find((name) => !text.includes(`"${name}"`)) ?? 'only_property_of_the_answer';
}

function wrap(schema: JsonSchema, name: string): JsonSchema {
  const { $schema, $defs, definitions, ...root } = schema;
  const shared = Object.entries({ $schema, $defs, definitions }).flatMap(([keyword, value]) =>
    value === undefined ? [] : [[keyword, moveRefs(value, name)]],
  );
  return {
    ...(Object.fromEntries(shared) as JsonObject),
    type: 'object',
    properties: { [name]: moveRefs(root, name) },
    required: [name],
    additionalProperties: false,
  };
}

/** Rewrites the references to the root of a schema that became a property. */
function moveRefs(value: Json, name: string): Json {
  if (Array.isArray(value)) return value.map((one) => moveRefs(one, name));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([keyword, one]): [string, Json] => {
      if (keyword === '$ref' && typeof one === 'string') return [keyword, movedRef(one, name)];
      return [keyword, DATA_KEYWORDS.has(keyword) ? one : moveRefs(one, name)];
    }),
  );
}

function movedRef(ref: string, name: string): string {
  if (/^#\/(\$defs|definitions)(\/|$)/.test(ref) || !/^#(\/|$)/.test(ref)) return ref;
  return `#/properties/${name}${ref.slice(1)}`;
}

/** Returns the answer within a wrapper, as the text that the model wrote; any other unchanged. */
export function unwrapAnswer(content: string, wrapper: string): string {
  const text = stripCodeFence(content).trim();
  if (!hasOnly(text, wrapper)) return content;
  return withoutEnd(text.replace(beginningOf(wrapper), ''));
}

/** Removes the brace at the end of a text, and the blanks around it. */
function withoutEnd(text: string): string {
  const whole = text.trimEnd();
  return whole.endsWith('}') ? whole.slice(0, -1).trimEnd() : whole;
}

function beginningOf(wrapper: string): RegExp {
  return new RegExp(`^\\s*\\{\\s*"${wrapper}"\\s*:\\s*`);
}

function hasOnly(text: string, wrapper: string): boolean {
  if (!beginningOf(wrapper).test(text)) return false;
  try {
    const value = parseJson(text);
    return isJsonObject(value) && Object.keys(value).length === 1;
  } catch {
    return false;
  }
}

/**
 * Takes the wrapper from an answer that is streamed. Keeps back what may belong to it. A text that
 * begins in another way passes unchanged.
 */
export class UnwrappingStream {
  readonly #beginning: RegExp;
  /** The beginning without blanks. */
  readonly #prefix: string;
  #state: 'beginning' | 'within' | 'other' = 'beginning';
  #held = '';

  constructor(wrapper: string) {
    this.#beginning = beginningOf(wrapper);
    this.#prefix = `{"${wrapper}":`;
  }

  /** Returns the part of the text that may be shown now. */
  pass(piece: string): string {
    const text = this.#held + piece;
    this.#held = '';
    if (this.#state === 'other') return text;
    if (this.#state === 'within') return this.#showWithin(text);
    const within = text.replace(this.#beginning, '');
    if (within !== '' && within !== text) {
      this.#state = 'within';
      return this.#showWithin(within);
    }
    if (this.#mayBegin(text)) {
      this.#held = text;
      return '';
    }
    this.#state = 'other';
    return text;
  }

  /** Returns what was kept back and does not belong to the wrapper. */
  end(): string {
    return this.#state === 'within' ? '' : this.#held;
  }

  #mayBegin(text: string): boolean {
    const solid = text.replaceAll(/\s/g, '');
    return this.#prefix.startsWith(solid) || solid === this.#prefix;
  }

  /** Keeps back the end of the text from its last brace or blank on. */
  #showWithin(text: string): string {
    const shown = withoutEnd(text);
    this.#held = text.slice(shown.length);
    return shown;
  }
}
