import type { Member } from '../../contracts/agents/definition.ts';
import type { Nearness, RunState } from '../../contracts/runs/action.ts';
import { isJsonObject } from '../../json/json.ts';

/** What is said of a member, in one text: what members are compared with a task by. */
export function memberDescriptions({
  name,
  description = '',
  capabilities = [],
  domain = '',
}: Member) {
  return [name, description, ...capabilities, domain].filter((part) => part).join(' ');
}

/** How near each of the texts is to the query; undefined where the vectors are not of one length, or not as many. */
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

/** What the log of a run says of it; undefined while nobody has asked, and where it was erased. */
export function readSimilarity({ attempts }: RunState): Nearness | undefined {
  const step = attempts.find(
    ({ kind, output }) => kind === 'model' && isJsonObject(output) && Array.isArray(output.scores),
  );
  return step?.output as Nearness | undefined;
}

/** The cosine of the angle between two vectors of one length, to six places; 0 where one has no direction. */
export function cosine(a: readonly number[], b: readonly number[]): number {
  const exact = dot(a, b) / (Math.sqrt(dot(a, a)) * Math.sqrt(dot(b, b)));
  return Number.isFinite(exact) ? Math.round(exact * 1e6) / 1e6 : 0;
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, one, at) => sum + one * (b[at] ?? 0), 0);
}
