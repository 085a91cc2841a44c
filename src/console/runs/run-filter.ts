import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { parseJsonOrText } from '../../json/parse-json.ts';
import type {
  ExecutionFilter,
  ExecutionStatus,
  ExecutionsFeedFilter,
} from '../server/operations.generated.ts';

/** The conditions of the list of runs. The URL holds them, so a link shows the same list. */
export type RunFilter = {
  /** Statuses that match; empty for any. */
  statuses: readonly ExecutionStatus[];
  /** True to match all statuses except those above. */
  isNegated: boolean;
  agent: string | undefined;
  workflow: string | undefined;
  /** A span such as `24h`, counted back from now, or a day: `today` or `yesterday`. */
  since: string | undefined;
  /** A JSON object that the metadata contains, as the person wrote it. */
  metadata: string | undefined;
  /** A row of a table that the runs belong to, such as `shop.orders:4711`. */
  ref: string | undefined;
  session: string | undefined;
  /** True to show child runs beside the runs that people started. */
  withChildren: boolean;
  /** True to show the runs of a session together. */
  isGrouped: boolean;
};

/** Ids of agents and workflows by name. */
export type KnownNames = {
  agents: ReadonlyMap<string, string>;
  workflows: ReadonlyMap<string, string>;
};

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const allStatuses: readonly ExecutionStatus[] = enumLabels.execution_status;

/** Reads the filter of a URL. Unknown values are left out. */
export function readFilter(search: URLSearchParams): RunFilter {
  const status = search.get('status') ?? '';
  const named = status.replace(/^!/, '').split(',');
  return {
    statuses: allStatuses.filter((one) => named.includes(one)),
    isNegated: status.startsWith('!'),
    agent: search.get('agent') ?? undefined,
    workflow: search.get('workflow') ?? undefined,
    since: readSince(search.get('since') ?? ''),
    metadata: search.get('metadata') ?? undefined,
    ref: search.get('ref') || undefined,
    session: search.get('session') ?? undefined,
    withChildren: search.get('children') === '1',
    isGrouped: search.get('group') === 'session',
  };
}

/** Writes a filter into the query of a URL, without what is not set. */
export function writeFilter(filter: RunFilter): string {
  const search = new URLSearchParams();
  const set = (name: string, value: string | undefined) => value && search.set(name, value);
  const statuses = filter.statuses.join(',');
  set('status', statuses && `${filter.isNegated ? '!' : ''}${statuses}`);
  set('agent', filter.agent);
  set('workflow', filter.workflow);
  set('since', filter.since);
  set('metadata', filter.metadata);
  set('ref', filter.ref);
  set('session', filter.session);
  set('children', filter.withChildren ? '1' : undefined);
  set('group', filter.isGrouped ? 'session' : undefined);
  return search.toString();
}

/** The conditions of a filter that a person can remove. */
export type Condition = 'status' | 'agent' | 'since' | 'metadata' | 'ref' | 'session';

/** Returns a filter without one of its conditions. */
export function without(filter: RunFilter, condition: Condition): RunFilter {
  const none: Record<Condition, Partial<RunFilter>> = {
    status: { statuses: [], isNegated: false },
    agent: { agent: undefined, workflow: undefined },
    since: { since: undefined },
    metadata: { metadata: undefined },
    ref: { ref: undefined },
    session: { session: undefined },
  };
  return { ...filter, ...none[condition] };
}

/** Returns the names of the conditions that are set. Child runs and groups are no condition. */
export function conditionsOf(filter: RunFilter): Condition[] {
  const isSet = {
    status: filter.statuses.length > 0,
    agent: (filter.agent ?? filter.workflow) !== undefined,
    since: filter.since !== undefined,
    metadata: filter.metadata !== undefined,
    ref: filter.ref !== undefined,
    session: filter.session !== undefined,
  };
  const names = Object.keys(isSet) as (keyof typeof isSet)[];
  return names.filter((name) => isSet[name]);
}

/** Returns the statuses that match, or undefined for any. */
export function matchingStatuses({ statuses, isNegated }: RunFilter) {
  if (statuses.length === 0) return undefined;
  return isNegated ? allStatuses.filter((one) => !statuses.includes(one)) : statuses;
}

/** Reads the metadata that a person wrote. Returns undefined if it is no JSON object. */
export function readMetadata(text: string): JsonObject | undefined {
  const value = parseJsonOrText(text);
  return isJsonObject(value) ? value : undefined;
}

/** Returns whether a text names a row: a table, a colon and a key. */
export function isRef(text: string): boolean {
  return /^[^:]+:./s.test(text);
}

/** Returns the filter of the query. */
export function toQueryFilter(filter: RunFilter, names: KnownNames, now: number): ExecutionFilter {
  const statuses = matchingStatuses(filter);
  const agentId = filter.agent && names.agents.get(filter.agent);
  const workflowId = filter.workflow && names.workflows.get(filter.workflow);
  const metadata = filter.metadata && readMetadata(filter.metadata);
  return {
    ...(statuses && { status: { in: [...statuses] } }),
    ...(filter.agent &&
      (agentId
        ? { agentId: { equalTo: agentId } }
        : { agent: { name: { equalTo: filter.agent } } })),
    ...(filter.workflow &&
      (workflowId
        ? { workflowId: { equalTo: workflowId } }
        : { workflow: { name: { equalTo: filter.workflow } } })),
    ...(filter.since && { id: idsOf(filter.since, now) }),
    ...(metadata && { metadata: { contains: metadata } }),
    ...(filter.ref && { ref: filter.ref }),
    ...(filter.session && { sessionId: { equalTo: filter.session } }),
    ...(!filter.withChildren && { parentExecutionId: { isNull: true } }),
  };
}

/** Returns the filter of the live list, or undefined if the list has no such filter. */
export function toFeedFilter(
  filter: RunFilter,
  names: KnownNames,
): ExecutionsFeedFilter | undefined {
  const statuses = matchingStatuses(filter);
  const agentId = filter.agent && names.agents.get(filter.agent);
  const workflowId = filter.workflow && names.workflows.get(filter.workflow);
  const metadata = filter.metadata && readMetadata(filter.metadata);
  if ((filter.agent && !agentId) || (filter.workflow && !workflowId)) return undefined;
  if (filter.since === 'yesterday') return undefined; // the live list has no end
  return {
    ...(statuses && { status: [...statuses] }),
    ...(agentId && { agentId }),
    ...(workflowId && { workflowId }),
    ...(metadata && { metadata }),
    ...(filter.ref && { ref: filter.ref }),
    ...(filter.session && { sessionId: filter.session }),
    ...(!filter.withChildren && { isRoot: true }),
  };
}

/**
 * Returns the least id of a run that was created within the span. Ids are uuids of version 7, which
 * begin with their time in milliseconds, so an index serves the condition.
 */
export function firstIdSince(since: string, now: number): string {
  return leastId(startOf(since, now));
}

/** Returns the time at which a span or a day begins. A day is one of the person's time zone. */
export function startOf(since: string, now: number): number {
  if (!isDay(since)) return Math.max(0, now - (sinceMs(since) ?? 0));
  const day = new Date(now);
  return new Date(
    day.getFullYear(),
    day.getMonth(),
    day.getDate() - (since === 'yesterday' ? 1 : 0),
  ).getTime();
}

/** Returns the condition on the ids of runs that were created within a span or a day. */
function idsOf(since: string, now: number) {
  return {
    greaterThan: firstIdSince(since, now),
    ...(since === 'yesterday' && { lessThan: leastId(startOf('today', now)) }),
  };
}

function leastId(ms: number): string {
  const hex = ms.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

/** Returns whether a value of `since` is a day. */
export function isDay(since: string): boolean {
  return since === 'today' || since === 'yesterday';
}

function readSince(since: string): string | undefined {
  return isDay(since) || sinceMs(since) !== undefined ? since : undefined;
}

/** Returns the length of a span such as `24h`, or undefined if it is none. */
function sinceMs(since: string): number | undefined {
  const [, count, unit = ''] = /^(\d{1,5})([mhd])$/.exec(since) ?? [];
  const unitMs = UNIT_MS[unit];
  return count === undefined || unitMs === undefined ? undefined : Number(count) * unitMs;
}
