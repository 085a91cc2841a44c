import { type Command, Option } from 'commander';
import { HowdahError } from '../../contracts/errors.ts';
import { followLog } from '../../db/follow-log.ts';
import type { ExecutionStatus } from '../../db/schema.generated.ts';
import { type LogFilter, type LoggedStep, loggedSteps } from '../../db/step-log.ts';
import { type CliDatabase, withDatabase } from '../database.ts';
import { executionId, knownExecution, knownSession, uuidOf } from '../ids.ts';
import { type CliIo, paintResult, plainNumber, printJson } from '../output.ts';
import { inCell, oneLine } from '../plain-text.ts';
import { idOfNamed, limit, moment, STATUSES, statuses } from '../run-filters.ts';
import { errorOf } from '../steps.ts';
import { TENANT_OPTION, tenantOf } from '../tenants.ts';

type Options = {
  follow?: true;
  since?: Date;
  agent?: string;
  workflow?: string;
  status?: ExecutionStatus[];
  session?: string;
  errors?: true;
  limit: number;
  tenant?: string;
};

const HOUR_MS = 3_600_000;
const LONGEST_ERROR = 120;

/** `howdah logs [ID]`: the steps of all runs, or of one, a line for each; and each new one as it commits. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('[id]', 'only this execution; left out, all of the tenant')
    .option('-f, --follow', 'then each new step as it commits, until Ctrl-C or the end of the run')
    .option(
      '--since <when>',
      'only steps since, such as 10m, 1h, 7d or 2026-12-01 (an hour; of a run or session all)',
      moment,
    )
    .option('--agent <name>', 'only runs of this agent')
    .option('--workflow <name>', 'only runs of this workflow')
    .addOption(
      new Option('--status <status>', 'only runs that are now; several with commas')
        .choices(STATUSES)
        .argParser(statuses),
    )
    .option('--session <id>', 'only runs of this session', (text) => uuidOf(text, 'a session'))
    .option('--errors', 'only what failed, was tried again, or was stopped by a guard')
    .option('--limit <number>', 'the newest of them, at most so many', limit, 1_000)
    .option(...TENANT_OPTION)
    .action(async (text: string | undefined, options: Options) => {
      const id = text === undefined ? undefined : executionId(text);
      if (id !== undefined) refuseBesideId(options);
      await withDatabase(io, (database) => show(io, database, id, options));
    });
}

/** One run is one run, whatever it is. */
function refuseBesideId(options: Options): void {
  const beside = (['agent', 'workflow', 'status', 'session', 'tenant'] as const).find(
    (name) => options[name] !== undefined,
  );
  if (beside === undefined) return;
  throw new HowdahError('EUSAGE', `--${beside} says which runs, and the id says which run`, {
    hint: 'Leave one of them out.',
    detail: { field: `--${beside}` },
  });
}

async function show(
  io: CliIo,
  database: CliDatabase,
  id: string | undefined,
  { follow, limit: most, ...options }: Options,
): Promise<void> {
  const filter = await filterOf(database, id, options);
  const { session, since = new Date((id ?? session) ? 0 : Date.now() - HOUR_MS) } = options;
  const read = async () => {
    const steps = await loggedSteps(database.db, filter, { since, limit: most + 1 });
    if (steps.length > most) io.err(`Those before are left out: --limit ${most * 10}`);
    if (steps.length === 0 && !follow) tellOfNone(io, options, id);
    return steps.slice(-most);
  };
  if (!follow) {
    for (const step of await read()) print(io, step);
    return;
  }
  const stopped = new AbortController();
  io.onInterrupt(() => stopped.abort());
  const place = { db: database.db, url: database.url, signal: stopped.signal };
  for await (const step of followLog(place, filter, read)) print(io, step);
}

async function filterOf(
  database: CliDatabase,
  id: string | undefined,
  { tenant, agent, workflow, session, status, errors }: Omit<Options, 'limit'>,
): Promise<LogFilter> {
  if (id !== undefined) return { id: await knownExecution(database.db, id), errors };
  const tenantId = tenant === undefined ? undefined : (await tenantOf(database.db, tenant)).id;
  if (session !== undefined) await knownSession(database.db, session, tenantId);
  return {
    ...{ session, status, errors, tenantId },
    agent: await idOfNamed(database, tenant, 'agent', agent),
    workflow: await idOfNamed(database, tenant, 'workflow', workflow),
  };
}

function tellOfNone(
  io: CliIo,
  { since, session }: Pick<Options, 'since' | 'session'>,
  id: string | undefined,
) {
  const isHour = since === undefined && session === undefined && id === undefined;
  io.err(isHour ? 'No such steps in the last hour. Further back: --since 7d' : 'No such steps.');
}

/** One line: when, which run, whose, what, how long, what it took, and why it failed. */
function print(io: CliIo, step: LoggedStep): void {
  if (io.json) {
    printJson(io, { type: 'step', ...step });
    return;
  }
  const { execution_id, finished_at, agent, seq, kind, name, ms, error } = step;
  const tokens = step.tokens_in + step.tokens_out;
  const cost = Number(step.cost) === 0 ? '' : `cost ${plainNumber(step.cost)}`;
  const isFailed = error !== null || ['error', 'retry', 'guard'].includes(kind);
  const what = inCell([kind, name].filter(Boolean).join(' '));
  const words = [
    paintResult(io, 'dim', finished_at.toISOString()),
    execution_id.slice(-12),
    inCell(agent ?? '-'),
    String(seq),
    isFailed ? paintResult(io, 'red', what) : what,
    `${ms} ms`,
    ...(tokens > 0 ? [`${tokens} tokens`] : []),
    ...(cost === '' ? [] : [cost]),
    ...(error === null ? [] : [oneLine(errorOf(error) ?? JSON.stringify(error), LONGEST_ERROR)]),
  ];
  io.out(words.join('  '));
}
