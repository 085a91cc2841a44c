import type { LogOptions as Followed } from '../../client/follow-log.ts';
import type { LoggedStep as Line, Operations } from '../../client/operations.generated.ts';
import type { StepLogRow } from '../../db/feed/step-log.ts';
import { noSession, notFound } from '../input/resolve-id.ts';
import type { CliIo } from '../output/output.ts';
import {
  type LogOptions,
  printLogStep,
  printMoreHint,
  printNoneHint,
  sinceOf,
} from '../print/log-format.ts';
import type { Api } from './connect.ts';
import { AGENTS, WORKFLOWS } from './definitions.ts';
import { withDates } from './print-run.ts';
import { oneOverRest } from './rows.ts';

const PAGE = 1_000;
/**
 * The seconds before now at which a followed log starts, because a step may be read late.
 * `followLog` of the database does the same.
 */
const LATE_SECONDS = 30;

type Filter = Omit<Followed, 'since' | 'known'>;
type Query = NonNullable<Operations['listSteps']['takes']['query']>;

/**
 * Prints the log over REST as `howdah logs` prints it from the database. With `--follow`, new lines
 * arrive by Server-Sent Events.
 */
export async function showLogOverRest(
  io: CliIo,
  api: Api,
  id: string | undefined,
  options: LogOptions,
): Promise<void> {
  const filter = await filterOf(api, id, options);
  const read = async () => {
    const most = options.limit;
    const query = { ...queryOf(filter), since: sinceOf(options, id).toISOString() };
    const { lines } = await linesOf(api, query, most + 1);
    if (lines.length > most) printMoreHint(io, most);
    if (lines.length === 0 && !options.follow) printNoneHint(io, options, id);
    for (const line of lines.slice(0, most).toReversed()) print(io, line);
    return lines;
  };
  try {
    if (options.follow) await follow(io, api, filter, read);
    else await read();
  } catch (error) {
    throw inOwnWords(error, filter);
  }
}

async function follow(
  io: CliIo,
  api: Api,
  filter: Filter,
  read: () => Promise<Line[]>,
): Promise<void> {
  let isLeft = false;
  io.onInterrupt(() => {
    isLeft = true;
    api.leave();
  });
  const lines = followed(api, filter, read);
  try {
    for await (const line of lines) print(io, line);
  } catch (error) {
    if (!isLeft) throw error;
  }
}

/**
 * Yields new lines of the log. Lines that existed at the start are known, whether or not they were
 * shown.
 */
async function* followed(api: Api, filter: Filter, read: () => Promise<Line[]>) {
  const { errors: _, status: __, ...before } = filter;
  const { lines: known, now } = await linesOf(api, { ...before, since: `${LATE_SECONDS}s` });
  known.push(...(await read()));
  const since = new Date(Date.parse(now) - LATE_SECONDS * 1_000);
  yield* api.log({ ...filter, since, known });
}

/**
 * Reads the newest lines, at most `most`, and the time of the database before the first page was
 * read.
 */
async function linesOf(api: Api, query: Query, most = Number.POSITIVE_INFINITY) {
  const lines: Line[] = [];
  let now: string | undefined;
  let cursor: string | null | undefined;
  do {
    const page: Operations['listSteps']['gives'] = await api.call('listSteps', {
      query: {
        ...query,
        limit: Math.min(PAGE, most - lines.length),
        ...(cursor != null && { cursor }),
      },
    });
    lines.push(...page.data);
    now ??= page.now;
    cursor = page.next;
  } while (cursor !== null && lines.length < most);
  return { lines, now };
}

async function filterOf(
  api: Api,
  id: string | undefined,
  { agent, workflow, session, status, errors }: LogOptions,
): Promise<Filter> {
  return {
    ...(id !== undefined && { execution_id: id }),
    ...(session !== undefined && { session_id: session }),
    ...(agent !== undefined && { agent_id: (await oneOverRest(api, AGENTS, agent)).id }),
    ...(workflow !== undefined && {
      workflow_id: (await oneOverRest(api, WORKFLOWS, workflow)).id,
    }),
    ...(status !== undefined && { status: status.join(',') }),
    ...(errors && { errors }),
  };
}

function queryOf({ errors, ...filter }: Filter): Query {
  return { ...filter, ...(errors && { errors: 'true' as const }) };
}

function print(io: CliIo, line: Line): void {
  printLogStep(io, withDates(line) as unknown as StepLogRow);
}

/** Replaces the error for a missing run or session by the error of the command line. */
function inOwnWords(error: unknown, { execution_id, session_id }: Filter): unknown {
  const isMissing = (error as { code?: unknown }).code === 'HWNTF';
  if (isMissing && execution_id !== undefined) return notFound(execution_id);
  return isMissing && session_id !== undefined ? noSession(session_id) : error;
}
