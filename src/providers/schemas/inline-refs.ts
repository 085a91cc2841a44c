import { hasMembers, isJsonObject, type Json, type JsonSchema } from '../../json/json.ts';
import { DATA_KEYWORDS, MAP_KEYWORDS } from '../../json/schema-keywords.ts';
import { isLocalRef, schemaAt } from '../../json/schema-pointer.ts';
import type { Fitted } from './rules.ts';

/** The largest schema after its references are replaced, in values. */
const MAX_VALUES = 10_000;

/** Replaces the references of a schema by what they refer to. Recursion is a fault. */
export function inlineRefs(schema: JsonSchema): Fitted<JsonSchema> {
  const inlining = new Inlining(schema);
  const value = inlining.inline(schema, []) as JsonSchema;
  return inlining.fault === null ? { ok: true, value } : { ok: false, reason: inlining.fault };
}

class Inlining {
  fault: string | null = null;
  readonly #root: JsonSchema;
  #values = 0;

  constructor(root: JsonSchema) {
    this.#root = root;
  }

  /** Returns a schema without references. `open` has the references that are being replaced. */
  inline(schema: Json, open: readonly string[]): Json {
    if (this.#isOver()) return {};
    if (Array.isArray(schema)) return schema.map((one) => this.inline(one, open));
    if (!isJsonObject(schema)) return schema;
    const { $ref, $defs: _, definitions: __, ...rest } = schema;
    const own = Object.fromEntries(
      Object.entries(rest).map(([keyword, value]) => [
        keyword,
        this.#inlineKeyword(keyword, value, open),
      ]),
    );
    if (typeof $ref !== 'string') return own;
    const target = this.#targetOf($ref, open);
    if (typeof target === 'boolean') return Object.keys(own).length > 0 ? own : target;
    return { ...target, ...own };
  }

  #inlineKeyword(keyword: string, value: Json, open: readonly string[]): Json {
    if (DATA_KEYWORDS.has(keyword) || !hasMembers(value)) return value;
    if (!MAP_KEYWORDS.has(keyword) || !isJsonObject(value)) return this.inline(value, open);
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, this.inline(one, open)]),
    );
  }

  #targetOf(ref: string, open: readonly string[]): JsonSchema | boolean {
    const target = isLocalRef(ref) ? schemaAt(this.#root, ref) : undefined;
    if (open.includes(ref)) this.fault ??= `its schema refers to itself (${ref})`;
    else if (target === undefined) this.fault ??= `its schema refers to ${ref}, which is elsewhere`;
    if (this.fault !== null) return {};
    return this.inline(target as Json, [...open, ref]) as JsonSchema | boolean;
  }

  #isOver(): boolean {
    this.#values += 1;
    if (this.#values > MAX_VALUES) {
      this.fault ??= 'its schema is too large once its references are replaced';
    }
    return this.fault !== null;
  }
}
