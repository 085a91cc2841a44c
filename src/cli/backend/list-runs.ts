import type { Operations } from '../../client/operations.generated.ts';
import type { Api } from './connect.ts';
import { AGENTS, WORKFLOWS } from './definitions.ts';
import { oneOverRest } from './rows.ts';

type Filter = {
  status?: readonly string[];
  agent?: string;
  workflow?: string;
  since?: Date;
  until?: Date;
  before?: string;
  limit: number;
};
type Run = Operations['listExecutions']['gives']['data'][number];

const LONGEST_INPUT = 48;
const PAGE = 1_000;

/**
 * Reads the newest runs in the form that `listExecutions` of the database returns. With a time
 * range, pages are read until the range ends.
 */
export async function runsOverRest(api: Api, filter: Filter) {
  const { status, agent, workflow, since, until, before, limit } = filter;
  const query = {
    ...(status && { status: status.join(',') }),
    ...(agent !== undefined && { agent_id: (await oneOverRest(api, AGENTS, agent)).id }),
    ...(workflow !== undefined && {
      workflow_id: (await oneOverRest(api, WORKFLOWS, workflow)).id,
    }),
  };
  const found: Run[] = [];
  let cursor: string | null | undefined;
  do {
    const page: Operations['listExecutions']['gives'] = await api.call('listExecutions', {
      query: {
        ...query,
        limit: until || before ? PAGE : Math.min(limit, PAGE),
        ...(cursor != null && { cursor }),
      },
    });
    cursor = page.next;
    for (const run of page.data) {
      const at = new Date(run.created_at);
      if (since && at < since) return found.map(shown);
      const isIn = (!until || at < until) && (!before || run.id < before); // ids grow with time
      if (isIn) found.push(run);
      if (found.length === limit) return found.map(shown);
    }
  } while (cursor !== null);
  return found.map(shown);
}

function shown(run: Run) {
  const { id, status, stop_reason, step_count, tokens_in, tokens_out, cost, input } = run;
  return {
    id,
    agent: run.agent ?? run.workflow,
    ...{ status, stop_reason },
    steps: step_count,
    tokens: tokens_in + tokens_out,
    cost,
    created_at: new Date(run.created_at),
    input: input.replaceAll('\n', ' ').slice(0, LONGEST_INPUT),
  };
}
