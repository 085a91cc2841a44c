import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { parseJson, parseNumber } from '../../json/parse-json.ts';

/** A field of a form, made from a property of a JSON Schema. */
export type SchemaField = {
  name: string;
  label: string;
  description: string | undefined;
  isRequired: boolean;
  kind: 'text' | 'number' | 'boolean' | 'choice' | 'json';
  /** The values to choose from. */
  choices: readonly Json[];
  initial: string;
  /** The value of the field while it is empty. Undefined if it is left out then, or faulty. */
  emptyValue: null | '' | undefined;
};

/** A fault in the text that a person wrote into a field. */
export type FieldFault = 'required' | 'notNumber' | 'notJson';

/**
 * Returns the fields of a schema. Undefined if the answer is no object with named fields: it is
 * then written as JSON.
 */
export function fieldsOf(schema: Json): SchemaField[] | undefined {
  if (!isJsonObject(schema) || !isJsonObject(schema.properties ?? null)) return undefined;
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(schema.properties as JsonObject).map(([name, property]) => {
    const { title, description, enum: values, default: initial } = asObject(property);
    const choices = Array.isArray(values) ? values : [];
    const isRequired = required.includes(name);
    return {
      name,
      label: typeof title === 'string' ? title : name,
      description: typeof description === 'string' ? description : undefined,
      isRequired,
      kind: choices.length > 0 ? 'choice' : kindOf(asObject(property)),
      choices,
      initial: initial === undefined || initial === null ? '' : writeValue(initial),
      emptyValue: isRequired && choices.length === 0 ? emptyValue(asObject(property)) : undefined,
    };
  });
}

/** Returns whether a value may have fields beside those that its schema names. */
export function allowsMoreFields(schema: Json): boolean {
  return isJsonObject(schema) && schema.additionalProperties !== false;
}

function asObject(value: Json): JsonObject {
  return isJsonObject(value) ? value : {};
}

function kindOf(property: JsonObject): SchemaField['kind'] {
  const type = typesOf(property).find((one) => one !== 'null');
  if (type === 'string') return 'text';
  if (type === 'number' || type === 'integer') return 'number';
  return type === 'boolean' ? 'boolean' : 'json';
}

function typesOf({ type }: JsonObject): readonly Json[] {
  return Array.isArray(type) ? type : [type ?? 'any'];
}

/** Returns what an empty field stands for where a value is required. */
function emptyValue(property: JsonObject): null | '' | undefined {
  if (typesOf(property).includes('null')) return null;
  const { minLength = 0, pattern, format, type } = property;
  const isPlain = minLength === 0 && pattern === undefined && format === undefined;
  return type === 'string' && isPlain ? '' : undefined;
}

/** Returns what is written into the fields of a new form. */
export function beginFields(fields: readonly SchemaField[]): Record<string, string> {
  return Object.fromEntries(fields.map(({ name, initial }) => [name, initial]));
}

/** Writes a value into fields. Returns undefined if it has others. */
export function writeFields(
  fields: readonly SchemaField[],
  value: JsonObject,
): Record<string, string> | undefined {
  const names = new Set(fields.map(({ name }) => name));
  const entries = Object.entries(value);
  if (entries.some(([name]) => !names.has(name))) return undefined;
  return Object.fromEntries(
    entries.map(([name, one]) => [name, one === null ? '' : writeValue(one)]),
  );
}

/** Writes a value as a field shows it. */
export function writeValue(value: Json): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** Reads the fields of a form. Empty fields that are not required are left out. */
export function readFields(
  fields: readonly SchemaField[],
  written: Readonly<Record<string, string>>,
): { value: JsonObject; faults: Record<string, FieldFault> } {
  const value: JsonObject = {};
  const faults: Record<string, FieldFault> = {};
  for (const field of fields) {
    const text = written[field.name] ?? '';
    if (text === '') {
      if (field.emptyValue !== undefined) value[field.name] = field.emptyValue;
      else if (field.isRequired) faults[field.name] = 'required';
      continue;
    }
    const read = readValue(field, text);
    if (read.fault === undefined) value[field.name] = read.value;
    else faults[field.name] = read.fault;
  }
  return { value, faults };
}

type Read = { value: Json; fault?: undefined } | { fault: FieldFault };

function readValue(field: SchemaField, text: string): Read {
  if (field.kind === 'text') return { value: text };
  if (field.kind === 'choice') {
    return { value: field.choices.find((one) => writeValue(one) === text) ?? text };
  }
  if (field.kind === 'boolean') return { value: text === 'true' };
  if (field.kind === 'number') {
    const value = parseNumber(text);
    return value === undefined ? { fault: 'notNumber' } : { value };
  }
  try {
    return { value: parseJson(text) };
  } catch {
    return { fault: 'notJson' };
  }
}
