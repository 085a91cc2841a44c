import type { ElicitRequestFormParams } from '@modelcontextprotocol/server';
import type { Question } from '../../db/queries/questions.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { firstCharacters, truncate } from '../../text/truncate.ts';

type Form = ElicitRequestFormParams['requestedSchema'];
/** An answer that was read from a form. */
export type Reply = { text: string | null; data?: Json };

/** Most characters that a person is shown. */
const MAX_SHOWN = 4_000;
/** Keywords that a field of a form may have. A form is one object of fields that are no objects. */
const OF_FIELDS = new Set([
  ...['type', 'title', 'description', 'enum', 'enumNames', 'default', 'format'],
  ...['minLength', 'maxLength', 'minimum', 'maximum'],
]);
const PLAIN_TYPES = new Set(['string', 'number', 'integer', 'boolean']);
const FORMATS = new Set(['email', 'uri', 'date', 'date-time']);

/** Returns a question as a form for a person. `fault` says what was wrong with the last answer. */
export function formForQuestion(
  question: Question,
  fault: string | null = null,
): ElicitRequestFormParams {
  const message = [fault === null ? undefined : `${fault}.`, question.prompt, callOf(question)];
  const text = message.filter((line) => line !== undefined).join('\n\n');
  return {
    message: truncate(text, MAX_SHOWN),
    requestedSchema: fieldsOf(question) as Form,
  };
}

/**
 * Returns the answer in a form that a person has filled in. SQL decides whether the answer is
 * valid.
 */
export function replyOf(question: Question, content: JsonObject): Reply {
  if (question.kind === 'approval') {
    const { decision, reason } = content;
    return decision === 'reject' && typeof reason === 'string' && reason !== ''
      ? { text: 'reject', data: reason }
      : { text: textOf(decision) };
  }
  if (question.kind === 'effect') return { text: textOf(content.decision) };
  if (formFields(question.schema)) return { text: null, data: content };
  if (question.schema && typeof content.answer !== 'string') {
    return { text: null, ...(content.answer !== undefined && { data: content.answer }) };
  }
  return { text: textOf(content.answer) };
}

function textOf(value: Json | undefined): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function callOf({ kind, tool_call: call }: Question): string | undefined {
  if (kind === 'question' || call === null) return undefined;
  return `${textOf(call.name ?? 'The call')}: ${textOf(call.arguments ?? {})}`;
}

function fieldsOf({ kind, options, schema }: Question): JsonObject {
  if (kind === 'approval') {
    return form({
      decision: { type: 'string', enum: ['approve', 'reject'] },
      reason: { type: 'string', description: 'The reason of a rejection. The model reads it.' },
    });
  }
  if (kind === 'effect') {
    return form({
      decision: {
        type: 'string',
        enum: ['done', 'again', 'give_up'],
        description:
          'done: the call took effect. again: the run repeats the call. give_up: the model learns that the outcome is unknown.',
      },
    });
  }
  const fields = formFields(schema);
  if (fields) return { ...fields };
  const plain = schema && plainField(schema);
  if (plain) return form({ answer: plain });
  if (schema) {
    const description = firstCharacters(`JSON that satisfies ${JSON.stringify(schema)}`, MAX_SHOWN);
    return form({ answer: { type: 'string', description } });
  }
  return form({ answer: { type: 'string', ...(options?.length && { enum: options }) } });
}

function form(properties: JsonObject): JsonObject {
  const [first = ''] = Object.keys(properties);
  return { type: 'object', properties, required: [first] };
}

/**
 * Returns the schema of an answer as a form, if the schema is an object whose members are plain.
 */
function formFields(schema: JsonObject | null): JsonObject | undefined {
  if (schema?.type !== 'object' || !isJsonObject(schema.properties)) return undefined;
  const fields: [string, JsonObject][] = [];
  for (const [name, member] of Object.entries(schema.properties)) {
    const field = isJsonObject(member) && plainField(member);
    if (!field) return undefined;
    fields.push([name, field]);
  }
  if (fields.length === 0) return undefined;
  const required = Array.isArray(schema.required) ? { required: schema.required } : {};
  return { type: 'object', properties: Object.fromEntries(fields), ...required };
}

/**
 * Returns the field for several of some texts. The schema must list the texts, with or without
 * titles.
 */
function listField({
  title,
  description,
  default: usual,
  items,
  minItems,
  maxItems,
}: JsonObject): JsonObject | undefined {
  if (!isJsonObject(items ?? null)) return undefined;
  const { type, enum: words, anyOf } = items as JsonObject;
  const some = type === 'string' && areTexts(words) ? { type, enum: words as Json } : undefined;
  const titled = areTitled(anyOf) ? { anyOf: anyOf as Json } : undefined;
  const attributes = { title, description, default: usual, minItems, maxItems };
  const presentAttributes = Object.entries(attributes).filter(
    ([, value]) => value !== undefined,
  ) as [string, Json][];
  const of = some ?? titled;
  return of && { ...Object.fromEntries(presentAttributes), type: 'array', items: of };
}

function areTexts(words: Json | undefined): boolean {
  return Array.isArray(words) && words.every((one) => typeof one === 'string');
}

function areTitled(words: Json | undefined): boolean {
  const isOne = (one: Json) =>
    isJsonObject(one) && typeof one.const === 'string' && typeof (one.title ?? '') === 'string';
  return Array.isArray(words) && words.length > 0 && words.every(isOne);
}

/**
 * Returns the schema of a text, number, boolean or list as a field of a form. Other rules of the
 * schema are checked with the answer.
 */
function plainField(schema: JsonObject): JsonObject | undefined {
  if (schema.type === 'array') return listField(schema);
  const isEnum = areTexts(schema.enum);
  const type = schema.type ?? (isEnum ? 'string' : undefined);
  if (typeof type !== 'string' || !PLAIN_TYPES.has(type)) return undefined;
  if (schema.enum !== undefined && !isEnum) return undefined;
  const words = Object.entries(schema).filter(
    ([word, value]) =>
      (OF_FIELDS.has(word) && (word !== 'format' || FORMATS.has(String(value)))) ||
      (word === 'oneOf' && type === 'string' && areTitled(value)),
  );
  return { ...Object.fromEntries(words), type };
}
