import type { ExecutionStatus } from '../../contracts/runs/step.ts';
import { hasMembers, type Json, type JsonObject } from '../../json/json.ts';

// Conditions of lists of runs, over `t`. Tenants read the lists under row security, where Postgres
// uses an index, and statistics, only for leakproof comparisons: those of texts, ids and times, and
// null tests. A condition that is not leakproof gets one beside it that is (sql/README.md).

const OPEN: readonly ExecutionStatus[] = ['queued', 'running', 'waiting', 'paused'];

/** Conditions that are true for all runs with these statuses, and that an index serves. */
export function impliedByStatuses(statuses: readonly ExecutionStatus[]): string[] {
  if (statuses.length === 0) return [];
  if (statuses.every((status) => status === 'failed')) return ['t.error is not null'];
  if (statuses.every((status) => OPEN.includes(status))) return ['t.completed_at is null'];
  return statuses.some((status) => OPEN.includes(status)) ? [] : ['t.completed_at is not null'];
}

/** The function that returns the runs of a row of a table, by a ref such as `shop.orders:4711`. */
export const RUNS_OF = 'howdah.runs_of';

/** The condition that a run belongs to a row of a table. The `?` is a ref. */
export const BELONGS_TO_ROW = `t.id = any (array(select ${RUNS_OF}(?::text)))`;

/** The function that returns the sessions with words in their title or in a turn. */
export const SESSIONS_WITH = 'howdah.sessions_with';

/** The condition that a session has words in its title or in a turn. The `?` is the words. */
export const HAS_WORDS = `t.id = any (array(select ${SESSIONS_WITH}(?::text)))`;

/** Most tags of a filter that are searched. Few runs have more than a few values in common. */
const MAX_TAGS = 4;

/**
 * Returns the conditions under which the metadata contains an object. Each `?` is the JSON text of
 * the object. The tags find the runs, and their metadata is compared; `case` hides this from the
 * planner, whose guess would be a thousandth of the runs.
 */
export function metadataContains(object: JsonObject): string[] {
  const count = Math.min(MAX_TAGS, countTags(object));
  return [
    'case when t.metadata @> ?::jsonb then true else false end',
    ...Array.from({ length: count }, (_, index) => hasTag(index + 1)),
  ];
}

const hasTag = (place: number) => {
  const tag = `howdah_private.searched_tag(?::jsonb, ${place})`;
  return `exists (select from howdah_private.run_tags as g where g.tenant_id = t.tenant_id
    and g.execution_id = t.id and g.key = (${tag})[1] and g.value = (${tag})[2])`;
};

/** Counts the tags of a filter, at least one for each key. `searched_tag` says which they are. */
function countTags(object: JsonObject): number {
  return Object.values(object).reduce<number>((sum, value) => sum + Math.max(1, scalars(value)), 0);
}

function scalars(value: Json): number {
  if (!hasMembers(value)) return 1;
  return Object.values(value).reduce<number>((sum, part) => sum + scalars(part), 0);
}
