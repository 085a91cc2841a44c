import type { Member } from '../../contracts/agents/definition.ts';
import type { Nearness, RunState } from '../../contracts/runs/action.ts';
import { isJsonObject } from '../../json/json.ts';

/** Returns the description of a member as one text, which is compared with a task. */
export function memberDescriptions({
  name,
  description = '',
  capabilities = [],
  domain = '',
}: Member) {
  return [name, description, ...capabilities, domain].filter((part) => part).join(' ');
}

/**
 * Returns the similarity of each text to the query. Returns undefined if the vectors differ in
 * length, or if their number is wrong.
 */
export function similarity(
  members: readonly string[],
  [query = [], ...vectors]: readonly (readonly number[])[],
): Nearness | undefined {
  const dimensions = query.length;
  const isWhole = dimensions > 0 && vectors.length === members.length;
  if (!isWhole || vectors.some(({ length }) => length !== dimensions)) {
    return undefined;
  }
  const scores = members.map((member, at) => {
    return { member, score: cosine(query, vectors[at] ?? []) };
  });
  return { dimensions, scores };
}

/**
 * Returns the similarity in the log of a run; undefined if it was not computed yet, or was erased.
 */
export function readSimilarity({ steps_since_answer: steps }: RunState): Nearness | undefined {
  const step = steps.find(
    ({ kind, output }) => kind === 'model' && isJsonObject(output) && Array.isArray(output.scores),
  );
  return step?.output as Nearness | undefined;
}

/**
 * Returns the cosine of the angle between two vectors of one length, to six places. Returns 0 if
 * one has no direction.
 */
export function cosine(a: readonly number[], b: readonly number[]): number {
  const exact = dot(a, b) / (Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b)));
  return Number.isFinite(exact) ? Math.round(exact * 1e6) / 1e6 : 0;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, one, at) => sum + one * (b[at] ?? 0), 0);
}
