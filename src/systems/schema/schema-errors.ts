import { closest, distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import { isJsonNumber, isWhole } from '../../json/exact-number.ts';
import { hasMembers, type JsonObject } from '../../json/json.ts';
import { toPointer } from './fault.ts';
import { systemFile, systemFileSchema } from './file-schema.ts';

export type ShapeFault = {
  path: string;
  message: string;
  hint?: string;
  /** True if the key is at fault, and not its value. */
  isKey?: boolean;
};

type Issue = z.core.$ZodIssue;

/** Most faults reported for one document. */
export const MAX_SHAPE_FAULTS = 100;

/** Returns the first faults of a document against the schema, each with its place. */
export function shapeFaults(document: unknown): ShapeFault[] {
  const result = systemFile.safeParse(document);
  const issues = (result.error?.issues ?? []).slice(0, MAX_SHAPE_FAULTS);
  const faults = issues
    .flatMap((issue) => faultsOf(document, issue, []))
    .slice(0, MAX_SHAPE_FAULTS);
  // a missing key that has a misspelt form is reported once
  return faults.filter(({ message, path }) => {
    const parent = path.slice(0, path.lastIndexOf('/'));
    const meant = `did you mean ${JSON.stringify(path.slice(parent.length + 1))}?`;
    const isMisspelt = (other: ShapeFault) =>
      other.isKey === true && other.path.startsWith(`${parent}/`) && other.message.endsWith(meant);
    return !message.endsWith(' is missing') || !faults.some(isMisspelt);
  });
}

let fileSchema: JsonObject | undefined;

function faultsOf(document: unknown, issue: Issue, above: readonly PropertyKey[]): ShapeFault[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const inner = nearestBranch(issue.errors);
    const strange = inner.filter(({ code }) => code === 'unrecognized_keys');
    return (strange.length > 0 ? strange : inner).flatMap((one) => faultsOf(document, one, path));
  }
  if (issue.code === 'unrecognized_keys') {
    fileSchema ??= systemFileSchema();
    const known = keysAt(fileSchema, path, document);
    return issue.keys
      .slice(0, MAX_SHAPE_FAULTS)
      .map((key) => unknownKey([...path, key], key, known));
  }
  if (issue.code === 'invalid_key') {
    return [
      {
        path: toPointer(path),
        message: nameSentence(issue.issues[0]),
        isKey: true,
      },
    ];
  }
  return [{ path: toPointer(path), message: sentence(valueAt(document, path), issue, path) }];
}

/**
 * Returns the issues of the intended form of a union: the form of the same kind as the value with
 * the fewest issues.
 */
function nearestBranch(branches: readonly Issue[][]): readonly Issue[] {
  const isOther = (issues: readonly Issue[]) =>
    issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0);
  const [best = []] = branches
    .filter((issues) => !isOther(issues))
    .toSorted((a, b) => a.length - b.length);
  if (best.length > 0) return best;
  const kinds = branches.flat().flatMap((issue) => ('expected' in issue ? [issue.expected] : []));
  const [first] = branches[0] ?? [];
  return first ? [{ ...first, expected: [...new Set(kinds)].join(' or ') } as Issue] : [];
}

function unknownKey(
  path: readonly PropertyKey[],
  key: string,
  known: readonly string[],
): ShapeFault {
  if (/^(api_?key|key|token|secret|password)$/i.test(key)) {
    const hint =
      'Store the key with howdah admin secret set NAME, and set secret_name: NAME in the model.';
    return {
      path: toPointer(path),
      message: `${key}: a file must not contain keys`,
      hint,
      isKey: true,
    };
  }
  const nearest = nearestTo(key, known);
  return {
    path: toPointer(path),
    isKey: true,
    message: `unknown key ${JSON.stringify(key)}${nearest ? `, did you mean ${JSON.stringify(nearest)}?` : ''}`,
    ...(!nearest && known.length > 0 && { hint: `Known keys: ${known.join(', ')}.` }),
  };
}

/** Keys of a model in other systems, and in provider configurations. */
const NAMES_ELSEWHERE: Readonly<Record<string, string>> = {
  ...{ model_id: 'model', model_name: 'model', deployment: 'model' },
  ...{ api_url: 'base_url', url: 'base_url', endpoint: 'base_url', api_base: 'base_url' },
};

/** The longest word to compare; every known word is shorter. */
const LONGEST_WORD = 200;

/**
 * Returns the known word that is most similar to a word, if it is similar enough to be intended.
 */
export function nearestTo(word: string, known: readonly string[]): string | undefined {
  const ours = NAMES_ELSEWHERE[word.toLowerCase()];
  if (ours !== undefined && known.includes(ours)) return ours;
  if (known.length === 0 || word.length > LONGEST_WORD) return undefined;
  const nearest = closest(word, [...known]);
  return distance(word, nearest) <= Math.max(2, Math.floor(word.length / 3)) ? nearest : undefined;
}

/** Describes the fault of a key that must be a name. */
function nameSentence(issue: Issue | undefined): string {
  if (issue?.code === 'too_small' || issue?.code === 'too_big')
    return sizeSentence('a name', issue);
  return issue?.message ?? 'this is not a valid name';
}

function sentence(value: unknown, issue: Issue, path: readonly PropertyKey[]): string {
  const name = calledAs(path);
  if (value === undefined) return `${name} is missing`;
  switch (issue.code) {
    case 'invalid_type':
      return `${name} must be ${expectedKind(issue.expected)}, not ${kindOf(value)}`;
    case 'invalid_value':
      return oneOf(name, value, issue.values.map(String));
    case 'invalid_union':
      return oneOf(name, value, ((issue as { options?: unknown[] }).options ?? []).map(String));
    case 'too_small':
    case 'too_big':
      return sizeSentence(name, issue);
    default:
      return `${name}: ${issue.message}`;
  }
}

/** Returns the key, with its position in a list: `members[0]`. */
function calledAs(path: readonly PropertyKey[]): string {
  const last = path.findLastIndex((part) => typeof part === 'string');
  const places = path.slice(last + 1).map((place) => `[${String(place)}]`);
  return `${last < 0 ? 'the document' : String(path[last])}${places.join('')}`;
}

type SizeIssue = Extract<Issue, { code: 'too_small' | 'too_big' }>;

function sizeSentence(name: string, issue: SizeIssue): string {
  const [bound, inclusive, exclusive] =
    issue.code === 'too_small'
      ? [issue.minimum, 'at least', 'more than']
      : [issue.maximum, 'at most', 'less than'];
  const words = `${issue.inclusive === false ? exclusive : inclusive} ${bound}`;
  const unit = { string: 'character', array: 'entry' }[issue.origin as string];
  if (unit === undefined) return `${name} must be ${words}`;
  if (issue.code === 'too_small' && Number(bound) === 1) return `${name} may not be empty`;
  return `${name} may have ${words} ${unit === 'entry' ? 'entries' : `${unit}s`}`;
}

const KINDS: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
};

/** Describes the expected kind. A union has several, separated by ` or `. */
function expectedKind(expected: string): string {
  const kinds = expected.split(' or ').map((kind) => KINDS[kind] ?? kind);
  return [...new Set(kinds)].join(' or ');
}

function oneOf(name: string, value: unknown, known: readonly string[]): string {
  const nearest = typeof value === 'string' ? nearestTo(value, known) : undefined;
  const all = known.length === 1 ? `${known[0]}` : `one of ${known.join(', ')}`;
  // the value is shown only if it resembles a known word, because it may be a pasted key
  return nearest
    ? `unknown ${name} ${JSON.stringify(value)}, did you mean ${JSON.stringify(nearest)}?`
    : `${name} must be ${all}`;
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (typeof value === 'boolean') return String(value);
  if (isJsonNumber(value)) return isWhole(value) ? 'a number' : 'a fraction';
  return (Array.isArray(value) ? KINDS.array : KINDS[typeof value]) ?? typeof value;
}

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, part) =>
      hasMembers(value) ? (value as Record<PropertyKey, unknown>)[part] : undefined,
    document,
  );
}

/**
 * Returns the keys that the schema allows in an object. For a union, the keys of the matching form.
 */
function keysAt(schema: JsonObject, path: readonly PropertyKey[], document: unknown): string[] {
  let at: JsonObject[] = [schema];
  let value = document;
  for (const part of path) {
    at = at.flatMap((one) => forms(one, value)).flatMap((one) => below(one, part));
    value = valueAt(value, [part]);
  }
  return [
    ...new Set(
      at.flatMap((one) => forms(one, value)).flatMap((one) => Object.keys(one.properties ?? {})),
    ),
  ];
}

/** Returns the forms of a union whose type or kind equals the one of the value. */
function forms(schema: JsonObject, value: unknown): JsonObject[] {
  const all = (schema.oneOf ?? schema.anyOf) as JsonObject[] | undefined;
  if (!all) return [schema];
  const tag = ['type', 'kind']
    .map((key) => valueAt(value, [key]))
    .find((one) => typeof one === 'string');
  const fitting = all.filter((one) => {
    const { type, kind } = (one.properties ?? {}) as Record<
      string,
      { const?: unknown; enum?: unknown[] }
    >;
    const formTag = kind ?? type;
    return tag === undefined || formTag?.const === tag || formTag?.enum?.includes(tag);
  });
  return (fitting.length > 0 ? fitting : all).flatMap((one) => forms(one, value));
}

function below(schema: JsonObject, part: PropertyKey): JsonObject[] {
  const own = (schema.properties as Record<PropertyKey, JsonObject> | undefined)?.[part];
  const next = own ?? schema.additionalProperties ?? schema.items;
  return hasMembers(next) ? [next as JsonObject] : [];
}
