import type { EnumLabel } from '../../contracts/enum-labels.generated.ts';
import type { ExecutionStatus } from '../../contracts/runs/step.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import type { Collection, Condition } from '../../db/queries/row-collection.ts';
import { runCounter } from '../../db/queries/run-counters.ts';
import {
  BELONGS_TO_ROW,
  impliedByStatuses,
  metadataContains,
} from '../../db/queries/run-search.ts';
import type { JsonObject } from '../../json/json.ts';
import { isJsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { shownExecution } from '../../operations/runs/run-rows.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import { findUnstorable } from '../http/jsonb-safety.ts';

/** Most characters of a filter by JSON, which each read of a followed list repeats. */
const MAX_JSON = 16_384;
const TOO_LONG = `has more than ${MAX_JSON} characters`;

/** The collection of runs: table, columns, and the value of its ETag. */
export const runs = {
  table: 'executions',
  shown: shownExecution,
  stamp: runCounter('t', 'updated_at'),
  isLarge: true,
} as const satisfies Collection;

type Optional<T> = { readonly [Name in keyof T]?: T[Name] | undefined };

/** A filter of runs. All conditions must be true. */
export type RunFilter = Optional<{
  agent_id: string;
  workflow_id: string;
  session_id: string;
  parent_execution_id: string;
  forked_from_execution_id: string;
  user_id: string;
  status: readonly ExecutionStatus[];
  is_root: boolean;
  /** A JSON object that the metadata must contain. */
  metadata: string;
  /** An element of the array `tags` in the metadata. */
  tag: string;
  /** A row of a table that the runs belong to, such as `shop.orders:4711`. */
  ref: string;
}>;

/** A filter of questions. All conditions must be true. */
export type QuestionFilter = Optional<{
  execution_id: string;
  root_execution_id: string;
  session_id: string;
  kind: EnumLabel<'question_kind'>;
  status: EnumLabel<'question_status'>;
  /** The user of the root run. */
  user_id: string;
}>;

const IDS_OF_RUNS = [
  'agent_id',
  'workflow_id',
  'session_id',
  'parent_execution_id',
  'forked_from_execution_id',
  'user_id',
] as const;

/**
 * Returns the conditions of a filter of runs. Throws `HWINV` if `metadata` is not a JSON object, is
 * too long, or cannot be stored.
 */
export function runConditions(filter: RunFilter): Condition[] {
  const { status, is_root, metadata, tag, ref } = filter;
  return [
    ...(status === undefined ? [] : statusConditions(status)),
    ...conditionsOf({ '(t.parent_execution_id is null) = ?': is_root, [BELONGS_TO_ROW]: ref }),
    ...(metadata === undefined ? [] : [contains(objectIn(metadata, 'metadata', EXAMPLE))]),
    ...(tag === undefined ? [] : [contains(JSON.stringify({ tags: [tag] }))]),
    ...equalities(IDS_OF_RUNS, filter),
  ];
}

const EXAMPLE = { order: 4711 };

function statusConditions(status: readonly ExecutionStatus[]): Condition[] {
  const texts = ['t.status = any (?::howdah.execution_status[])', ...impliedByStatuses(status)];
  return [[texts.join(' and '), status]];
}

function contains(object: string): Condition {
  return [metadataContains(parseJson(object) as JsonObject).join(' and '), object];
}

// The user of each open question is looked up. Other questions are found by the runs of the user.
const ROOT_IS_OF_USER =
  '(select e.user_id from howdah.executions as e where e.id = t.root_execution_id) = ?::uuid';
const EXISTS_ROOT_OF_USER =
  'exists (select from howdah.executions as e where e.id = t.root_execution_id and e.user_id = ?::uuid)';

/** Returns the conditions of a filter of questions. */
export function questionConditions(filter: QuestionFilter): Condition[] {
  return [
    ...equalities(['execution_id', 'root_execution_id', 'session_id', 'kind', 'status'], filter),
    ...conditionsOf({
      [filter.status === 'open' ? ROOT_IS_OF_USER : EXISTS_ROOT_OF_USER]: filter.user_id,
    }),
  ];
}

function equalities(names: readonly string[], filter: Readonly<Record<string, unknown>>) {
  return conditionsOf(Object.fromEntries(names.map((name) => [`t.${name} = ?`, filter[name]])));
}

/** Returns the conditions that have a value. */
export function conditionsOf(values: Readonly<Record<string, unknown>>): Condition[] {
  return Object.entries(values).filter(([, value]) => value !== undefined);
}

/** Returns the text of a JSON object. Throws `HWINV` for any other text. */
export function objectIn(text: string, field: string, example: JsonObject): string {
  const reason = text.length > MAX_JSON ? TOO_LONG : objectFault(text, field);
  if (reason === undefined) return text;
  throw new RequestRefusal(400, `${field} ${reason}`, {
    hint: `Send a JSON object of at most ${MAX_JSON} characters, in a URL percent-encoded: ${field}=${encodeURIComponent(JSON.stringify(example))}`,
    detail: { field },
  });
}

function objectFault(text: string, field: string): string | undefined {
  try {
    const value: unknown = parseJson(text);
    if (isJsonObject(value)) {
      return findUnstorable(value, field)?.reason;
    }
  } catch {}
  return 'is not a JSON object';
}

/** Returns the id of an agent. Throws `HWNTF` if the caller sees no agent of that name. */
export async function agentId(db: Queryable, name: string): Promise<string> {
  const { rows } = await db.query<{ id: string }>('select howdah.agent($1) as id', [name]);
  return rows[0]?.id ?? '';
}
