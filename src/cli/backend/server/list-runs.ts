import type { Operations } from '../../../client/operations.generated.ts';
import type { ExecutionFilter } from '../../../db/queries/queries.ts';
import { firstCharacters } from '../../../text/truncate.ts';
import type { Api } from '../connect.ts';
import { allPages } from './pages.ts';
import { idsOf } from './server-definitions.ts';

type Run = Operations['listExecutions']['gives']['data'][number];

const LONGEST_INPUT = 48;

/**
 * Reads the newest runs in the form that `listExecutions` of the database returns. With
 * `until` or `before`, newer runs are skipped, so whole pages are read until `limit` runs fit.
 */
export async function listRuns(api: Api, filter: ExecutionFilter) {
  const { status, agent, workflow, since, until, before, limit } = filter;
  const selection = {
    ...(status && { status: status.join(',') }),
    ...(await idsOf(api, { agent, workflow })),
  };
  const pages = allPages(
    (page) => api.call('listExecutions', { query: { ...selection, ...page } }),
    until || before ? undefined : limit,
  );
  const found: Run[] = [];
  for await (const { data } of pages) {
    for (const run of data) {
      const at = new Date(run.created_at);
      if (since && at < since) return found.map(rowOf);
      const isIn = (!until || at < until) && (!before || run.id < before); // ids grow with time
      if (isIn) found.push(run);
      if (found.length === limit) return found.map(rowOf);
    }
  }
  return found.map(rowOf);
}

function rowOf(run: Run) {
  const { id, status, stop_reason, step_count, tokens_in, tokens_out, cost, input } = run;
  return {
    id,
    agent: run.agent ?? run.workflow,
    ...{ status, stop_reason },
    steps: step_count,
    tokens: tokens_in + tokens_out,
    cost,
    seconds: secondsOf(run),
    created_at: new Date(run.created_at),
    input: firstCharacters(input.replaceAll('\n', ' '), LONGEST_INPUT),
  };
}

/** Returns the duration of a run, up to now for a live run. Null before its start. */
function secondsOf({ started_at, completed_at }: Run): number | null {
  if (started_at === null) return null;
  const end = completed_at === null ? Date.now() : Date.parse(completed_at);
  return (end - Date.parse(started_at)) / 1000;
}
