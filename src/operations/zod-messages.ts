import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/**
 * Explains what is wrong with a value of a union. Returns the fault inside the variant that the
 * value was meant to be, as far as its shape tells, and otherwise lists all variants. Any other
 * issue is returned unchanged.
 */
export function zodMessage(issue: Issue): Issue {
  if (issue.code !== 'invalid_union') return issue;
  if (issue.errors.length === 0) return { ...issue, message: kindsOf(issue) };
  const inside = (faults: readonly Issue[]) => faults.map(zodMessage);
  const meant = issue.errors.map(inside).filter((faults) => !faults.some(isOther));
  const closest = meant.find(([first]) => first && !isOfType(first)) ?? [];
  if (closest[0]) return { ...closest[0], path: [...issue.path, ...closest[0].path] };
  if (meant.length > 0) return { ...issue, message: typesOf(meant.flat(), issue.message) };
  const others = issue.errors.flatMap((faults) => faults.filter(isOther));
  const [other] = others;
  if (!other) return issue;
  const ofKind = others.filter(({ path }) => path[0] === other.path[0]);
  const names = ofKind.flatMap(({ values }) => values).map(String);
  const message = `Invalid input: expected ${[...new Set(names)].join(' or ')}`;
  return { ...other, path: [...issue.path, ...other.path], message };
}

/** Describes what is wrong with a field in a sentence. */
export function sentenceOf(field: string, issue: Issue): string {
  const { message } = issue;
  if (issue.code === 'invalid_value' && issue.values.length > 1) {
    return `${field} must be one of ${issue.values.join(', ')}`;
  }
  if (/received undefined$/.test(message)) return `${field} is missing`;
  const rest = message
    .replace(/^Invalid input: /, '')
    .replace(/received ExactNumber$/, 'received a number with too many digits');
  return `${field}: ${rest.charAt(0).toLowerCase()}${rest.slice(1)}`;
}

/** Lists the kinds of a union when the value names none of them in the field of its kind. */
function kindsOf(issue: z.core.$ZodIssueInvalidUnion): string {
  const kinds = 'options' in issue && Array.isArray(issue.options) ? issue.options : [];
  return kinds.length > 0 ? `Invalid input: expected ${kinds.join(' or ')}` : issue.message;
}

/** Returns whether an issue says that the value names another kind in the field of its kind. */
function isOther(issue: Issue): issue is z.core.$ZodIssueInvalidValue {
  return issue.code === 'invalid_value' && issue.path.length === 1 && issue.values.length === 1;
}

function isOfType({ code, path }: Issue): boolean {
  return path.length === 0 && (code === 'invalid_type' || code === 'invalid_union');
}

function typesOf(faults: readonly Issue[], otherwise: string): string {
  const words = faults.map(({ message }) => /expected (.*), received (.*)$/.exec(message));
  const [first] = words;
  if (!first) return otherwise;
  const wanted = new Set(words.flatMap((word) => (word?.[1] ? [word[1]] : [])));
  return `Invalid input: expected ${[...wanted].join(' or ')}, received ${first[2]}`;
}
