import { isJsonObject, type Json, type JsonObject } from '../../../json/json.ts';
import { parseJson, parseNumber } from '../../../json/parse-json.ts';
import {
  type FieldType,
  fieldOf,
  type ResourceType,
  type RowField,
  withoutTwins,
} from '../resource-types.ts';

/** How a field is written in a form. */
export type FieldKind =
  | 'text'
  | 'lines'
  | 'password'
  | 'number'
  | 'boolean'
  | 'choice'
  | 'time'
  | 'row'
  | 'choices'
  | 'rows'
  | 'words'
  | 'json';

/** The input of a field: a text, or a list of texts. */
export type Written = string | string[];
export type WrittenFields = Readonly<Record<string, Written>>;
/** A fault in what a person wrote, before it is sent. */
export type WrittenFault = 'notNumber' | 'notJson' | 'required';

/** Returns the kind of input that a field has. */
export function kindOf({ name, schema, references }: RowField, nameField = 'name'): FieldKind {
  const { type, format, enum: labels } = schema;
  if (type === 'array') return kindOfList(schema, references);
  if (references) return 'row';
  if (Array.isArray(labels)) return 'choice';
  if (format === 'password') return 'password';
  if (format === 'date-time') return 'time';
  if (type === 'integer' || type === 'number') return 'number';
  if (type === 'boolean') return 'boolean';
  if (type !== 'string') return 'json';
  return name === nameField || format !== undefined ? 'text' : 'lines';
}

function kindOfList({ items }: JsonObject, references: RowField['references']): FieldKind {
  const { type, enum: labels } = isJsonObject(items ?? null) ? (items as JsonObject) : {};
  if (references) return 'rows';
  if (Array.isArray(labels)) return 'choices';
  return type === 'string' ? 'words' : 'json';
}

/** Returns the words to choose from, for a field with labels. */
export function choicesOf({ schema }: Pick<FieldType, 'schema'>): string[] {
  const { enum: own, items } = schema;
  const labels = own ?? (isJsonObject(items ?? null) ? (items as JsonObject).enum : undefined);
  return Array.isArray(labels) ? labels.map(String) : [];
}

/** Returns the fields of the form of a new row, or of a change, in their order. */
export function formFields(type: ResourceType, row: JsonObject | undefined): RowField[] {
  const names = (row ? type.change : type.create) ?? [];
  return withoutTwins(names.flatMap((name) => fieldOf(type, name) ?? []));
}

/** Fields that a form begins with, in this order, where rows have many. */
const FIRST_FIELDS: Readonly<Record<string, readonly string[]>> = {
  agents: ['name', 'description', 'instruction', 'models', 'tools', 'knowledge_bases', 'skills'],
};

/** Divides the fields of a form: those that most rows need, and the others. */
export function partFields({ name }: Pick<ResourceType, 'name'>, fields: readonly RowField[]) {
  const wanted = FIRST_FIELDS[name];
  if (!wanted) return { first: fields, more: [] };
  const first = wanted.flatMap((one) => fields.filter((field) => field.name === one));
  return { first, more: fields.filter((field) => !first.includes(field)) };
}

/** Writes a value of a row as its field shows it. */
export function writtenOf(field: RowField, value: Json | undefined): Written {
  const kind = kindOf(field);
  if (kind === 'choices' || kind === 'rows' || kind === 'words') {
    return Array.isArray(value) ? value.map(String) : [];
  }
  if (value === undefined || value === null) return '';
  if (kind === 'time') return localTime(String(value));
  return typeof value === 'string' && kind !== 'json' ? value : JSON.stringify(value, null, 2);
}

/** Returns what the form begins with. */
export function beginForm(fields: readonly RowField[], row: JsonObject | undefined) {
  return Object.fromEntries(
    fields.map((field) => [field.name, writtenOf(field, row?.[field.name])]),
  );
}

type ReadForm = { body: JsonObject; faults: Record<string, WrittenFault> };

/**
 * Reads a form. Fields that are as at the beginning are left out, so a new row takes their defaults
 * and a change keeps them.
 */
export function readForm(
  fields: readonly RowField[],
  written: WrittenFields,
  begun: WrittenFields,
  isNew: boolean,
): ReadForm {
  const body: JsonObject = {};
  const faults: Record<string, WrittenFault> = {};
  for (const field of fields) {
    const now = written[field.name] ?? '';
    if (JSON.stringify(now) === JSON.stringify(begun[field.name])) {
      if (isNew && field.is_required) faults[field.name] = 'required';
      continue;
    }
    const read = readField(field, now);
    if (typeof read === 'string') faults[field.name] = read;
    else body[field.name] = read.value;
  }
  return { body, faults };
}

function readField(field: RowField, now: Written): { value: Json } | WrittenFault {
  if (Array.isArray(now)) return { value: now };
  const kind = kindOf(field);
  const isText = field.schema.type === 'string';
  if (now === '') return { value: field.is_nullable || !isText ? null : '' };
  if (kind === 'boolean') return { value: now === 'true' };
  if (kind === 'time') return { value: new Date(now).toISOString() };
  if (kind === 'number') {
    const value = parseNumber(now);
    return value === undefined ? 'notNumber' : { value };
  }
  if (kind !== 'json') return { value: now };
  try {
    return { value: parseJson(now) };
  } catch {
    return 'notJson';
  }
}

/** Writes a time as the input of the browser takes it: in its time zone, to the second. */
function localTime(at: string): string {
  const date = new Date(at);
  const shifted = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}
