import type { JsonObject } from '../../json/json.ts';
import { curlCommand, howdahCommand } from '../parts/command-line.ts';
import type { Forms } from '../parts/forms.ts';
import { quoteGraphql, quoteSql } from '../parts/quote.ts';
import {
  isDay,
  type KnownNames,
  matchingStatuses,
  type RunFilter,
  readMetadata,
  startOf,
  toQueryFilter,
} from './run-filter.ts';

const ROWS = 50;

/** Facts that the requests need beside the filter. The URL is the one of runs in REST. */
type Place = { names: KnownNames; now: number; url: URL };

/** Returns the request of the list in each language that can express its filter. */
export function copyRuns(filter: RunFilter, { names, now, url }: Place): Forms {
  return {
    sql: sqlOf(filter, now),
    graphql: graphqlOf(filter, names, now),
    curl: curlOf(filter, names, url),
    cli: cliOf(filter, now),
  };
}

function sqlOf(filter: RunFilter, now: number): string {
  const statuses = matchingStatuses(filter)?.map(quoteSql).join(', ');
  const [, count, unit] = /^(\d+)([mhd])$/.exec(filter.since ?? '') ?? [];
  const span = count && `${count} ${{ m: 'minutes', h: 'hours', d: 'days' }[unit ?? 'h']}`;
  const conditions = [
    statuses && `status in (${statuses})`,
    filter.agent && `agent_id = howdah.agent(${quoteSql(filter.agent)})`,
    filter.workflow && `workflow_id = howdah.workflow(${quoteSql(filter.workflow)})`,
    span && `created_at > now() - interval ${quoteSql(span)}`,
    ...daysInSql(filter.since, now),
    filter.ref && `id in (select howdah.runs_of(${quoteSql(filter.ref)}))`,
    filter.session && `session_id = ${quoteSql(filter.session)}`,
    !filter.withChildren && 'parent_execution_id is null',
  ].filter((one) => typeof one === 'string' && one !== '');
  const source = filter.metadata
    ? `howdah.find_runs(${quoteSql(filter.metadata)})`
    : 'howdah.executions';
  const where = conditions.length > 0 ? `\nwhere ${conditions.join('\n  and ')}` : '';
  return `select id, status, input, step_count, tokens_in, tokens_out, cost, created_at, completed_at\nfrom ${source}${where}\norder by id desc\nlimit ${ROWS};`;
}

/** A day is one of the time zone of the browser, which the server does not know. */
function daysInSql(since: string | undefined, now: number): string[] {
  if (since === undefined || !isDay(since)) return [];
  const at = (day: string) => quoteSql(new Date(startOf(day, now)).toISOString());
  return [
    `created_at >= ${at(since)}`,
    ...(since === 'yesterday' ? [`created_at < ${at('today')}`] : []),
  ];
}

function graphqlOf(filter: RunFilter, names: KnownNames, now: number): string | undefined {
  if (filter.metadata && !readMetadata(filter.metadata)) return undefined;
  const conditions = quoteGraphql(toQueryFilter(filter, names, now) as JsonObject);
  if (conditions === undefined) return undefined;
  return `query {\n  executions(filter: ${conditions}, orderBy: [ID_DESC], first: ${ROWS}) {\n    nodes { id status input stepCount tokensIn tokensOut cost createdAt completedAt agent { name } workflow { name } }\n    pageInfo { hasNextPage endCursor }\n  }\n}`;
}

/** REST has no condition on the time of creation, and takes the ids of agents and workflows. */
function curlOf(filter: RunFilter, names: KnownNames, root: URL): string | undefined {
  const agentId = filter.agent && names.agents.get(filter.agent);
  const workflowId = filter.workflow && names.workflows.get(filter.workflow);
  const isUnknown = (filter.agent && !agentId) || (filter.workflow && !workflowId);
  if (filter.since || isUnknown) return undefined;
  const url = new URL(root);
  const set = (name: string, value: string | undefined) =>
    value && url.searchParams.set(name, value);
  set('status', matchingStatuses(filter)?.join(','));
  set('agent_id', agentId);
  set('workflow_id', workflowId);
  set('metadata', filter.metadata);
  set('ref', filter.ref);
  set('session_id', filter.session);
  set('is_root', filter.withChildren ? undefined : 'true');
  set('limit', String(ROWS));
  return curlCommand(url);
}

const todayOf = (now: number) => new Date(startOf('today', now)).toISOString();

/** The command has no condition on metadata and sessions, and always lists child runs as well. */
function cliOf(filter: RunFilter, now: number): string | undefined {
  if (filter.metadata || filter.session || !filter.withChildren) return undefined;
  if (filter.since === 'yesterday') return undefined; // the command takes no end
  return howdahCommand('runs', [
    ['status', matchingStatuses(filter)?.join(',') || undefined],
    ['agent', filter.agent || undefined],
    ['workflow', filter.workflow || undefined],
    ['ref', filter.ref],
    ['since', filter.since === 'today' ? todayOf(now) : filter.since],
    ['limit', ROWS],
  ]);
}
