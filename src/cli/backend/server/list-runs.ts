import type { Operations } from '../../../client/operations.generated.ts';
import type { ExecutionFilter } from '../../../db/queries/queries.ts';
import type { FollowedRuns, ListedChange } from '../backend.ts';
import type { Api } from '../connect-server.ts';
import { listedRun } from '../listed-run.ts';
import { allPages } from '../pages.ts';
import { idsOf } from './server-definitions.ts';
import { untilLeft } from './until-left.ts';

type Run = Operations['listExecutions']['gives']['data'][number];

/**
 * Reads the newest runs in the form that `listExecutions` of the database returns. With
 * `until` or `before`, newer runs are skipped, so whole pages are read until `limit` runs fit.
 */
export async function listRuns(api: Api, filter: ExecutionFilter) {
  const { status, agent, workflow, ref, since, until, before, limit } = filter;
  const selection = {
    ...(status && { status: status.join(',') }),
    ...(await idsOf(api, { agent, workflow })),
    ...(ref !== undefined && { ref }),
  };
  const pages = allPages(
    (page) => api.call('listExecutions', { query: { ...selection, ...page } }),
    until || before ? undefined : limit,
  );
  const found: Run[] = [];
  for await (const { data } of pages) {
    for (const run of data) {
      const at = new Date(run.created_at);
      if (since && at < since) return found.map(listedRun);
      const isIn = (!until || at < until) && (!before || run.id < before); // ids grow with time
      if (isIn) found.push(run);
      if (found.length === limit) return found.map(listedRun);
    }
  }
  return found.map(listedRun);
}

/** Follows the runs of a list on a server. */
export async function* followRuns(
  api: Api,
  { status, agent, workflow, ref, limit }: FollowedRuns,
  signal: AbortSignal,
): AsyncGenerator<ListedChange, void> {
  const filter = {
    ...(status && { status: status.join(',') }),
    ...(await idsOf(api, { agent, workflow })),
    ...(ref !== undefined && { ref }),
    first: limit,
  };
  for await (const event of untilLeft(api, api.executionsFeed(filter), signal)) {
    if (event.type === 'changed') yield { id: event.id, row: listedRun(event.row) };
    else if (event.type === 'removed') yield { id: event.id, row: undefined };
  }
}
