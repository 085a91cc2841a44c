import type { Json } from '../../json/json.ts';
import type { Forms } from '../parts/copy-as.tsx';
import { quoteGraphql, quoteShell, quoteSql } from '../parts/quote.ts';
import { apiUrl } from '../server/base-path.ts';
import { type KnownNames, matchingStatuses, type RunFilter, toQueryFilter } from './run-filter.ts';

const ROWS = 50;

/** Returns the request of the list in each language. */
export function copyRuns(filter: RunFilter, names: KnownNames, now: number): Forms {
  return {
    sql: sqlOf(filter),
    graphql: graphqlOf(filter, names, now),
    curl: curlOf(filter, names),
    cli: cliOf(filter),
  };
}

function sqlOf(filter: RunFilter): string {
  const statuses = matchingStatuses(filter)?.map(quoteSql).join(', ');
  const [, count, unit] = /^(\d+)([mhd])$/.exec(filter.since ?? '') ?? [];
  const span = count && `${count} ${{ m: 'minutes', h: 'hours', d: 'days' }[unit ?? 'h']}`;
  const conditions = [
    statuses && `status in (${statuses})`,
    filter.agent && `agent_id = howdah.agent(${quoteSql(filter.agent)})`,
    filter.workflow && `workflow_id = howdah.workflow(${quoteSql(filter.workflow)})`,
    span && `created_at > now() - interval ${quoteSql(span)}`,
    filter.session && `session_id = ${quoteSql(filter.session)}`,
    !filter.withChildren && 'parent_execution_id is null',
  ].filter((one) => typeof one === 'string' && one !== '');
  const source = filter.metadata
    ? `howdah.find_runs(${quoteSql(filter.metadata)})`
    : 'howdah.executions';
  const where = conditions.length > 0 ? `\nwhere ${conditions.join('\n  and ')}` : '';
  return `select id, status, input, step_count, tokens_in, tokens_out, cost, created_at, completed_at\nfrom ${source}${where}\norder by id desc\nlimit ${ROWS};`;
}

function graphqlOf(filter: RunFilter, names: KnownNames, now: number): string {
  const conditions = quoteGraphql(toQueryFilter(filter, names, now) as Json);
  return `query {\n  executions(filter: ${conditions}, orderBy: [ID_DESC], first: ${ROWS}) {\n    nodes { id status input stepCount tokensIn tokensOut cost createdAt completedAt agent { name } workflow { name } }\n    pageInfo { hasNextPage endCursor }\n  }\n}`;
}

function curlOf(filter: RunFilter, names: KnownNames): string {
  const url = apiUrl('/api/executions');
  const set = (name: string, value: string | undefined) =>
    value && url.searchParams.set(name, value);
  set('status', matchingStatuses(filter)?.join(','));
  set('agent_id', filter.agent && names.agents.get(filter.agent));
  set('workflow_id', filter.workflow && names.workflows.get(filter.workflow));
  set('metadata', filter.metadata);
  set('session_id', filter.session);
  set('is_root', filter.withChildren ? undefined : 'true');
  set('limit', String(ROWS));
  return `curl ${quoteShell(url.href)} -H "Authorization: Bearer $HOWDAH_KEY"`;
}

function cliOf(filter: RunFilter): string {
  const options = [
    ['--status', matchingStatuses(filter)?.join(',')],
    ['--agent', filter.agent],
    ['--workflow', filter.workflow],
    ['--since', filter.since],
  ].filter(([, value]) => value);
  return [
    'npx howdah runs',
    ...options.map(([name, value]) => `${name} ${quoteShell(value ?? '')}`),
    `--limit ${ROWS}`,
  ].join(' ');
}
