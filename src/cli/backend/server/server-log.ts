import type { LogOptions as Followed } from '../../../client/follow-log.ts';
import type { LoggedStep, Operations } from '../../../client/operations.generated.ts';
import type { StepLogRow } from '../../../db/log/step-log.ts';
import { noSession, notFound } from '../../input/resolve-id.ts';
import type { LogBackend, LogSelection, SelectedLog } from '../backend.ts';
import type { Api } from '../connect-server.ts';
import { allPages } from '../pages.ts';
import { withDates } from '../with-dates.ts';
import { idsOf } from './server-definitions.ts';

/**
 * The seconds before now at which a followed log starts, because a step may become
 * readable up to 30 s after it finished. `followLog` of the database does the same.
 */
const LATE_SECONDS = 30;

type Filter = Omit<Followed, 'since' | 'known'>;
type Query = NonNullable<Operations['listSteps']['takes']['query']>;

/** Creates the `LogBackend` of a server. New steps arrive by Server-Sent Events. */
export function createServerLog(api: Api): LogBackend {
  return { select: async (selection) => selectedLog(api, await filterOf(api, selection)) };
}

function selectedLog(api: Api, filter: Filter): SelectedLog {
  const known: LoggedStep[] = [];
  return {
    async read(since, most) {
      const query = { ...queryOf(filter), since: since.toISOString() };
      const { steps } = await readSteps(api, query, most).catch((error) => {
        throw asCliError(error, filter);
      });
      known.push(...steps);
      return steps.toReversed().map(rowOf);
    },
    async *follow(readShown, signal) {
      signal.addEventListener('abort', () => api.leave(), { once: true });
      try {
        // all existing steps are known, whether they are shown or not
        const { errors: _, status: __, ...before } = filter;
        const { steps, now } = await readSteps(api, { ...before, since: `${LATE_SECONDS}s` });
        known.push(...steps);
        yield* await readShown();
        const since = new Date(Date.parse(now) - LATE_SECONDS * 1_000);
        for await (const step of api.log({ ...filter, since, known })) yield rowOf(step);
      } catch (error) {
        if (!signal.aborted) throw asCliError(error, filter);
      }
    },
  };
}

/**
 * Reads the newest steps, at most `most`, and the time of the database before the first page was
 * read.
 */
async function readSteps(api: Api, query: Query, most?: number) {
  const pages: Operations['listSteps']['gives'][] = [];
  const read = (page: Query) => api.call('listSteps', { query: { ...query, ...page } });
  for await (const page of allPages(read, most)) pages.push(page);
  return { steps: pages.flatMap(({ data }) => data), now: pages[0]?.now ?? '' };
}

async function filterOf(
  api: Api,
  { id, agent, workflow, session, status, errors }: LogSelection,
): Promise<Filter> {
  return {
    ...(id !== undefined && { execution_id: id }),
    ...(session !== undefined && { session_id: session }),
    ...(await idsOf(api, { agent, workflow })),
    ...(status !== undefined && { status: status.join(',') }),
    ...(errors && { errors }),
  };
}

function queryOf({ errors, ...filter }: Filter): Query {
  return { ...filter, ...(errors && { errors: 'true' as const }) };
}

function rowOf(step: LoggedStep): StepLogRow {
  return withDates(step) as unknown as StepLogRow;
}

/** Replaces the error for a missing run or session by the error of the command line. */
function asCliError(error: unknown, { execution_id, session_id }: Filter): unknown {
  const isMissing = (error as { code?: unknown }).code === 'HWNTF';
  if (isMissing && execution_id !== undefined) return notFound(execution_id);
  return isMissing && session_id !== undefined ? noSession(session_id) : error;
}
