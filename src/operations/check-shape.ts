import type { z } from 'zod';
import { ExactNumber } from '../json/exact-number.ts';
import { definitionOf, matchesLiterals, maximumOf, omitNulls } from '../json/omit-nulls.ts';

type Issue = z.core.$ZodIssue;

/** Most faults reported for one body: reporting a fault takes longer than sending it. */
export const MAX_ISSUES = 20;
/** Most items of a list whose schema sets no maximum. */
const MAX_ITEMS = 1_000;
/**
 * Items up to which a list is left to zod. The items of a longer list are checked one by one, until
 * enough of them are wrong.
 */
const SHORT_LIST = 50;

/**
 * Returns the parsed value, or the first faults of the value. A null for a field whose schema
 * accepts no null counts as absent.
 */
export function checkShape<S extends z.ZodType>(
  schema: S,
  sent: unknown,
): { value: z.output<S> } | { issues: Issue[] } {
  const value = omitNulls(schema, sent, MAX_ITEMS);
  const early = earlyIssues(schema, value);
  if (early && early.length > 0) return { issues: early.slice(0, MAX_ISSUES) };
  const result = schema.safeParse(value);
  if (result.success) return { value: result.data };
  return { issues: result.error.issues.slice(0, MAX_ISSUES).map(shortenKeys) };
}

function shortenKeys(issue: Issue): Issue {
  return issue.code === 'unrecognized_keys'
    ? { ...issue, keys: issue.keys.slice(0, MAX_ISSUES) }
    : issue;
}

/**
 * Finds lists that are too long, and the first wrong items of long lists. zod itself creates an
 * issue for each wrong item before it checks the length. Returns undefined when the schema
 * describes another kind of value.
 */
function earlyIssues(schema: z.ZodType, value: unknown): Issue[] | undefined {
  const {
    type,
    innerType,
    element,
    options,
    in: input,
    getter,
    shape,
    valueType,
  } = definitionOf(schema);
  if (innerType) return earlyIssues(innerType, value);
  if (input) return earlyIssues(input, value);
  if (getter) return earlyIssues(getter(), value);
  if (options) return unionIssues(options, value);
  if (type === 'unknown' || type === 'any' || type === 'custom') return [];
  if (value instanceof ExactNumber) return type === 'object' ? [expectedObject(value)] : [];
  if (Array.isArray(value)) return element && listIssues(schema, element, value);
  if (typeof value !== 'object' || value === null) return type === 'object' ? undefined : [];
  if (type === 'record') return valueType && recordIssues(valueType, value);
  return shape && objectIssues(shape, value as Record<string, unknown>);
}

function expectedObject(input: unknown): Issue {
  const message = 'Invalid input: expected object, received number';
  return { code: 'invalid_type', expected: 'object', path: [], message, input } as Issue;
}

function unionIssues(options: readonly z.ZodType[], value: unknown): Issue[] {
  const found = options.flatMap((option) => {
    const issues = matchesLiterals(option, value) ? earlyIssues(option, value) : undefined;
    return issues ? [issues] : [];
  });
  return found.toSorted((a, b) => a.length - b.length)[0] ?? [];
}

function listIssues(schema: z.ZodType, element: z.ZodType, items: readonly unknown[]): Issue[] {
  const { type } = definitionOf(element);
  const most =
    maximumOf(definitionOf(schema)) ??
    (type === 'unknown' || type === 'any' ? Number.POSITIVE_INFINITY : MAX_ITEMS);
  if (items.length > most) {
    const message = `Too big: expected array to have <=${most} items`;
    return [
      {
        code: 'too_big',
        origin: 'array',
        maximum: most,
        path: [],
        message,
        input: undefined,
      } as Issue,
    ];
  }
  const isLong = items.length > SHORT_LIST;
  const issues: Issue[] = [];
  for (const [index, item] of items.entries()) {
    const early = earlyIssues(element, item) ?? [];
    const found =
      early.length > 0 || !isLong ? early : (element.safeParse(item).error?.issues ?? []);
    issues.push(...found.map((issue) => ({ ...issue, path: [index, ...issue.path] })));
    if (issues.length >= MAX_ISSUES) break;
  }
  return issues;
}

function recordIssues(valueType: z.ZodType, value: object): Issue[] {
  const issues: Issue[] = [];
  for (const [name, one] of Object.entries(value)) {
    const early = earlyIssues(valueType, one) ?? [];
    issues.push(...early.map((issue) => ({ ...issue, path: [name, ...issue.path] })));
    if (issues.length >= MAX_ISSUES) break;
  }
  return issues;
}

function objectIssues(shape: Record<string, z.ZodType>, value: Record<string, unknown>): Issue[] {
  return Object.entries(shape).flatMap(([name, schema]) => {
    const early = Object.hasOwn(value, name) ? (earlyIssues(schema, value[name]) ?? []) : [];
    return early.map((issue) => ({ ...issue, path: [name, ...issue.path] }));
  });
}
