import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../../json/json.ts';
import { schemaFormFault } from '../../json/schema-fault.ts';
import { inlineRefs } from './inline-refs.ts';
import { mergeSchemas } from './merge-schemas.ts';
import type { Fitted, SchemaRules } from './rules.ts';

/** The largest schema that is sent, in characters. */
const MAX_SCHEMA = 262_144;
/** The longest description of what a vendor does not accept, in characters. */
const MAX_RULES = 4_000;

/** Keywords that restrict no value. They are left out without a word. */
const SILENT: ReadonlySet<string> = new Set([
  ...['$schema', '$id', '$anchor', '$comment', '$defs', 'definitions', 'examples', 'example'],
  ...['deprecated', 'readOnly', 'writeOnly', 'contentEncoding', 'contentMediaType', 'nullable'],
]);

function isSilent(keyword: string, value: Json): boolean {
  return SILENT.has(keyword) || (typeof value === 'boolean' && keyword.endsWith('Properties'));
}

/**
 * Returns a schema that a vendor accepts in place of a stored one. What the vendor cannot check is
 * described in words where it stood, and is checked against the stored schema afterwards.
 */
export function fitSchema(schema: JsonSchema, rules: SchemaRules): Fitted<JsonSchema> {
  const fault = schemaFormFault(schema);
  if (fault !== null) return { ok: false, reason: `its schema is not valid: ${fault}` };
  const whole: Fitted<JsonSchema> =
    rules.refs === 'replaced' ? inlineRefs(schema) : { ok: true, value: schema };
  if (!whole.ok) return whole;
  const fitting = new Fitting(rules);
  const value = fitting.fit(whole.value) as JsonSchema;
  if (fitting.fault !== null) return { ok: false, reason: fitting.fault };
  const size = JSON.stringify(value).length;
  return size > MAX_SCHEMA
    ? { ok: false, reason: `its schema has ${size} characters, at most ${MAX_SCHEMA} are sent` }
    : { ok: true, value };
}

/** Fits the parts of one schema to the rules of a vendor. */
class Fitting {
  fault: string | null = null;
  readonly #rules: SchemaRules;

  constructor(rules: SchemaRules) {
    this.#rules = rules;
  }

  fit(schema: Json): Json {
    if (schema === true) return this.fit({});
    if (!isJsonObject(schema)) return schema;
    const { node, dropped } = this.#rewrite(schema);
    const kept: JsonObject = {};
    for (const [keyword, value] of Object.entries(node)) {
      if (this.#isSent(keyword)) kept[keyword] = this.#fitKeyword(keyword, value);
      else if (!isSilent(keyword, value)) dropped[keyword] = value;
    }
    if (this.#rules.isStrict && kept.$ref !== undefined) return { $ref: kept.$ref };
    return describe(this.#close(this.#fitProperties(kept)), dropped);
  }

  #isSent(keyword: string): boolean {
    return this.#rules.keywords?.has(keyword) ?? true;
  }

  /** Writes keywords that the vendor does not accept by those that it does. */
  #rewrite(schema: JsonObject): { node: JsonObject; dropped: JsonObject } {
    const dropped: JsonObject = {};
    let node = withItems(schema);
    if (!this.#isSent('allOf') && Array.isArray(node.allOf)) node = mergeSchemas(node);
    if (!this.#isSent('const') && node.const !== undefined) {
      const { const: value, ...rest } = node;
      node = { ...rest, enum: [value] };
    }
    if (!this.#isSent('oneOf') && Array.isArray(node.oneOf)) {
      const { oneOf, ...rest } = node;
      node = rest.anyOf === undefined ? { ...rest, anyOf: oneOf } : rest;
      if (rest.anyOf !== undefined) dropped.oneOf = oneOf;
    }
    if (!this.#isSent('prefixItems') && Array.isArray(node.prefixItems)) node = withoutTuple(node);
    node = this.#fitEnum(node, dropped);
    if (this.#rules.keywords && (Array.isArray(node.type) || node.nullable === true)) {
      node = withSingleTypes(node);
    }
    const { format } = node;
    if (typeof format === 'string' && !(this.#rules.formats?.has(format) ?? true)) {
      const { format: _, ...rest } = node;
      node = rest;
      dropped.format = format;
    }
    return { node, dropped };
  }

  #fitEnum(node: JsonObject, dropped: JsonObject): JsonObject {
    const { enums } = this.#rules;
    const values = node.enum;
    if (enums === 'any' || !Array.isArray(values)) return node;
    const left = values.filter((one) => one !== null);
    const isSent = (one: Json) =>
      typeof one === 'string' ? one !== '' : enums === 'texts and numbers' && isNumber(one);
    const types = node.type ?? typesOf(values);
    if (left.length > 0 && left.every(isSent)) return { ...node, type: types, enum: left };
    const { enum: _, ...rest } = node;
    dropped.enum = values;
    return { ...rest, type: types };
  }

  #fitKeyword(keyword: string, value: Json): Json {
    switch (keyword) {
      case 'properties':
      case '$defs':
      case 'definitions':
      case 'patternProperties':
      case 'dependentSchemas':
        return isJsonObject(value) ? this.#fitMap(value) : value;
      case 'anyOf':
      case 'oneOf':
      case 'allOf':
      case 'prefixItems':
        return Array.isArray(value) ? value.map((one) => this.fit(one)) : value;
      case 'additionalProperties':
        return typeof value === 'boolean' ? value : this.fit(value);
      case 'items':
      case 'contains':
      case 'propertyNames':
        return Array.isArray(value) ? value.map((one) => this.fit(one)) : this.fit(value);
      default:
        return value;
    }
  }

  #fitMap(schemas: JsonObject): JsonObject {
    const sent = this.#rules.keywords
      ? Object.entries(schemas).filter(([, schema]) => schema !== false)
      : Object.entries(schemas);
    return Object.fromEntries(sent.map(([name, schema]) => [name, this.fit(schema)]));
  }

  /** Leaves out properties whose names are not accepted, and names that are no property. */
  #fitProperties(node: JsonObject): JsonObject {
    const { names, keywords } = this.#rules;
    if (!isJsonObject(node.properties)) {
      if (!keywords || node.required === undefined) return node;
      const { required: _, ...rest } = node;
      return rest;
    }
    const required = Array.isArray(node.required) ? node.required : [];
    const odd = Object.keys(node.properties).filter((name) => names && !names.test(name));
    const missing = odd.find((name) => required.includes(name));
    if (missing !== undefined) {
      this.fault ??= `the vendor does not accept the name of its property ${JSON.stringify(missing)}`;
    }
    const entries = Object.entries(node.properties).filter(([name]) => !odd.includes(name));
    const properties = Object.fromEntries(entries);
    if (!keywords || required.length === 0) return { ...node, properties };
    return {
      ...node,
      properties,
      required: required.filter((name) => Object.hasOwn(properties, String(name))),
    };
  }

  /** Closes an object, and makes its optional properties nullable: the strict form of OpenAI. */
  #close(node: JsonObject): JsonObject {
    if (!this.#rules.isStrict) return node;
    if (node.type !== 'object' && !isJsonObject(node.properties)) return this.#typed(node);
    if (!isJsonObject(node.properties) || isOpen(node)) {
      this.fault ??= 'an object in its schema may have properties of any name';
      return node;
    }
    const required = Array.isArray(node.required) ? node.required : [];
    const properties = Object.entries(node.properties).map(([name, schema]): [string, Json] => [
      name,
      required.includes(name) ? schema : nullable(schema),
    ]);
    return {
      ...node,
      type: 'object',
      properties: Object.fromEntries(properties),
      required: properties.map(([name]) => name),
      additionalProperties: false,
    };
  }

  /** Gives constants the type that the strict form of OpenAI requires. */
  #typed(node: JsonObject): JsonObject {
    if (node.type !== undefined || node.anyOf !== undefined) return node;
    const values = Array.isArray(node.enum) ? node.enum : [node.const].filter(isGiven);
    if (values.length > 0) return { ...node, type: typesOf(values) };
    this.fault ??= 'a part of its schema has no type';
    return node;
  }
}

function isGiven(value: Json | undefined): value is Json {
  return value !== undefined;
}

function isOpen({ additionalProperties: rest }: JsonObject): boolean {
  return rest === true || (isJsonObject(rest) && Object.keys(rest).length > 0);
}

function isNumber(value: Json): boolean {
  return typeof value === 'number';
}

function nullable(schema: Json): Json {
  return isJsonObject(schema) && Array.isArray(schema.anyOf)
    ? { ...schema, anyOf: [...schema.anyOf, { type: 'null' }] }
    : { anyOf: [schema, { type: 'null' }] };
}

/** Gives an array without `items` items of any kind. */
function withItems(schema: JsonObject): JsonObject {
  const { type, items } = schema;
  if (Array.isArray(items)) {
    const { items: _, additionalItems = {}, ...rest } = schema; // a tuple until draft 2019
    const tuple = items.length === 0 ? {} : { prefixItems: items };
    return { ...rest, ...tuple, items: additionalItems };
  }
  const isList = type === 'array' || (Array.isArray(type) && type.includes('array'));
  return isList && items === undefined ? { ...schema, items: {} } : schema;
}

/** Writes a tuple as a list of any of its items. */
function withoutTuple({ prefixItems, items, ...rest }: JsonObject): JsonObject {
  const isMore = isJsonObject(items) && Object.keys(items).length > 0;
  const all = [...(prefixItems as Json[]), ...(isMore ? [items] : [])];
  const distinct = [...new Map(all.map((one) => [JSON.stringify(one), one])).values()];
  const [only = {}] = distinct;
  return { ...rest, items: distinct.length === 1 ? only : { anyOf: distinct } };
}

/** Keywords that restrict the values of one type alone. */
const KEYWORDS_OF_TYPES: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems', 'uniqueItems', 'contains'],
  string: ['pattern', 'format', 'minLength', 'maxLength'],
  number: ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf'],
};

/** Writes a list of types as a choice between schemas with one type each. */
function withSingleTypes({ nullable: isNullable, ...schema }: JsonObject): JsonObject {
  const listed = Array.isArray(schema.type) ? schema.type : [schema.type ?? null];
  const types = [...new Set(isNullable === true ? [...listed, 'null'] : listed)];
  const [only] = types;
  if (types.length === 1) return { ...schema, type: only as Json };
  const { type: _, title, description, default: initial, ...rest } = schema;
  if (schema.anyOf !== undefined) {
    const { type: __, ...untyped } = schema;
    return untyped;
  }
  const about = Object.fromEntries(
    Object.entries({ title, description, default: initial }).filter(
      ([, text]) => text !== undefined,
    ),
  ) as JsonObject;
  return { ...about, anyOf: types.map((type) => ofType(rest, String(type))) };
}

function ofType(schema: JsonObject, type: string): JsonObject {
  const kind = type === 'integer' ? 'number' : type;
  const own = KEYWORDS_OF_TYPES[kind] ?? [];
  const ofOthers = new Set(Object.values(KEYWORDS_OF_TYPES).flat());
  const kept = Object.entries(schema).filter(
    ([keyword]) => own.includes(keyword) || !ofOthers.has(keyword),
  );
  const { enum: values, ...rest } = Object.fromEntries(kept);
  const fitting = Array.isArray(values) ? values.filter((one) => typeOf(one) === kind) : [];
  return { type, ...rest, ...(fitting.length > 0 ? { enum: fitting } : {}) };
}

/** Returns the types of values, as `type` has them. */
function typesOf(values: readonly Json[]): Json {
  const types = [...new Set(values.map(typeOf))];
  return types.length === 1 ? (types[0] as Json) : types;
}

function typeOf(value: Json): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (isJsonObject(value)) return 'object';
  return typeof value === 'string' || typeof value === 'boolean' ? typeof value : 'number';
}

/** Adds rules that are not sent as keywords to the description of a schema. */
function describe(node: JsonObject, dropped: JsonObject): JsonObject {
  const text = JSON.stringify(dropped);
  if (Object.keys(dropped).length === 0 || text.length > MAX_RULES) return node;
  const before = typeof node.description === 'string' ? `${node.description}\n` : '';
  return { ...node, description: `${before}Must also satisfy this JSON Schema: ${text}` };
}
