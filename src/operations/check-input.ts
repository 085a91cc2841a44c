import type { z } from 'zod';
import type { Json } from '../json/json.ts';
import { RequestRefusal } from '../resources/request-refusal.ts';
import { closestNames } from '../text/closest-names.ts';
import { checkShape, MAX_ISSUES } from './check-shape.ts';
import type { OperationDescription } from './operation.ts';
import { sentenceOf, zodMessage } from './zod-messages.ts';

type Parts = { params: unknown; query: unknown; body: unknown };

/** Returns the parsed parts of a request. Throws `HWINV` with all faults. */
export function checkInput(
  { params, query, body }: Pick<OperationDescription, 'params' | 'query' | 'body'>,
  sent: Parts,
): Parts {
  const parts = {
    params: checkPart(params, sent.params, 'path'),
    query: checkPart(query, sent.query, 'query'),
    body: checkPart(body, sent.body, 'body'),
  };
  const faults = Object.values(parts).flatMap((part) => ('faults' in part ? part.faults : []));
  if (faults.length > 0) throw refusalOf(faults);
  const valueIn = (part: CheckedPart) => ('value' in part ? part.value : undefined);
  return {
    params: valueIn(parts.params),
    query: valueIn(parts.query),
    body: valueIn(parts.body),
  };
}

/** Returns a document that matches a schema. Throws `HWINV`. */
export function checkDocument<S extends z.ZodType>(schema: S, sent: Json): z.output<S> {
  const part = checkPart(schema, sent, 'body');
  if ('faults' in part) throw refusalOf(part.faults);
  return part.value as z.output<S>;
}

type Fault = { in: 'path' | 'query' | 'body'; field: string; message: string; hint?: string };
type CheckedPart = { value: unknown } | { faults: Fault[] };

function checkPart(schema: z.ZodType | undefined, value: unknown, place: Fault['in']): CheckedPart {
  if (!schema) return place === 'query' ? checkEmptyQuery(value) : { value: undefined };
  const result = checkShape(schema, value);
  if ('value' in result) return result;
  const faults = result.issues.flatMap((issue) =>
    faultsOf(zodMessage(issue), schema, place, value),
  );
  return { faults: misspeltFirst(faults).slice(0, MAX_ISSUES) };
}

/** Puts unknown fields first, and leaves out missing fields that were meant by them. */
function misspeltFirst(faults: Fault[]): Fault[] {
  const isUnknown = ({ message }: Fault) => message.startsWith('there is no ');
  const hints = new Set(faults.map(({ hint }) => hint));
  const isMeant = ({ field, message }: Fault) =>
    message.endsWith(' is missing') && hints.has(didYouMean(field));
  const others = faults.filter((fault) => !isUnknown(fault) && !isMeant(fault));
  return [...faults.filter(isUnknown), ...others];
}

const didYouMean = (field: string) => `Did you mean ${field}?`;

function checkEmptyQuery(value: unknown): CheckedPart {
  const names = Object.keys(value as object).slice(0, MAX_ISSUES);
  const faults = names.map((field) => unknownField(field, [], 'query'));
  return faults.length > 0 ? { faults } : { value: undefined };
}

function faultsOf(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  place: Fault['in'],
  value: unknown,
): Fault[] {
  // A query parameter is one text.
  const field = (place === 'query' ? issue.path.slice(0, 1) : issue.path).join('.');
  if (issue.code === 'unrecognized_keys') {
    const known = field === '' && 'shape' in schema ? Object.keys(schema.shape as object) : [];
    return issue.keys
      .slice(0, MAX_ISSUES)
      .map((key) => unknownField(field === '' ? key : `${field}.${key}`, known, place));
  }
  if (field === '')
    return [{ in: place, field: place, message: `The ${place} is not a ${shapeOf(issue)}.` }];
  const hint = nearestValue(issue, value);
  return [{ in: place, field, message: sentenceOf(field, issue), ...(hint && { hint }) }];
}

/** Returns the hint on a misspelt word of a list of words. */
function nearestValue(issue: z.core.$ZodIssue, body: unknown): string | undefined {
  if (issue.code !== 'invalid_value') return undefined;
  const value = issue.path.reduce((at, name) => (at as Record<PropertyKey, unknown>)?.[name], body);
  const [near] = typeof value === 'string' ? closestNames(value, issue.values.map(String), 1) : [];
  return near === undefined ? undefined : didYouMean(near);
}

function unknownField(field: string, known: readonly string[], place: Fault['in']): Fault {
  const [near] = closestNames(field, known, 1);
  const message =
    place === 'query' ? `there is no parameter ${field}` : `there is no field ${field}`;
  const hint =
    near === undefined
      ? known.length > 0 && known.length <= 40
        ? `Known names: ${known.join(', ')}.`
        : undefined
      : didYouMean(near);
  return { in: place, field, message, ...(hint !== undefined && { hint }) };
}

function shapeOf(issue: z.core.$ZodIssue): string {
  return issue.code === 'invalid_type' && issue.expected === 'object'
    ? 'JSON object'
    : 'valid value';
}

function refusalOf(faults: Fault[]): RequestRefusal {
  const [first] = faults as [Fault, ...Fault[]];
  const others = faults.length === 1 ? '' : ` (and ${faults.length - 1} more in errors)`;
  const errors = faults as unknown as Json;
  return new RequestRefusal(400, `${first.message}${others}`, {
    hint: first.hint ?? 'See /docs for the fields of each request.',
    detail: { field: first.field, errors },
  });
}
