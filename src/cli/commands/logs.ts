import { type Command, Option } from 'commander';
import { HowdahError } from '../../contracts/errors.ts';
import { EXECUTION_STATUSES } from '../../contracts/runs/step.ts';
import { followLog } from '../../db/feed/follow-log.ts';
import { type LogFilter, loggedSteps } from '../../db/feed/step-log.ts';
import { API_OPTION, apiFor, tenantOverApi } from '../backend/connect.ts';
import { type CliDatabase, withDatabase } from '../backend/database.ts';
import { showLogOverRest } from '../backend/print-log.ts';
import { executionId, requireExecution, requireSession, uuidOf } from '../input/resolve-id.ts';
import { TENANT_OPTION, tenantOf } from '../input/resolve-tenant.ts';
import { idOfNamed, limit, moment, statuses } from '../input/run-filters.ts';
import type { CliIo } from '../output/output.ts';
import {
  type LogOptions,
  printLogStep,
  printMoreHint,
  printNoneHint,
  sinceOf,
} from '../print/log-format.ts';

type Options = LogOptions & { tenant?: string };

/**
 * Registers `howdah logs [ID]`, which prints the steps of all runs or of one run, one line per
 * step. With `--follow` it also prints each new step as it commits.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument('[id]', 'id of an execution (default: all runs of the tenant)')
    .option('-f, --follow', 'keep printing new steps until Ctrl-C or the end of the run')
    .option(
      '--since <when>',
      'only steps since, such as 10m, 1h, 7d or 2026-12-01 (default: 1h; all for a run or session)',
      moment,
    )
    .option('--agent <name>', 'only runs of this agent')
    .option('--workflow <name>', 'only runs of this workflow')
    .addOption(
      new Option(
        '--status <status>',
        'only runs that now have this status; several separated by commas',
      )
        .choices(EXECUTION_STATUSES)
        .argParser(statuses),
    )
    .option('--session <id>', 'only runs of this session', (text) => uuidOf(text, 'a session'))
    .option('--errors', 'only steps that failed, were retried, or were stopped by a guard')
    .option('--limit <number>', 'maximum number of steps, newest first', limit, 1_000)
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (text: string | undefined, options: Options, self: Command) => {
      const id = text === undefined ? undefined : executionId(text);
      if (id !== undefined) refuseBesideId(options);
      const api = await apiFor(io, self);
      if (api && options.tenant !== undefined) throw tenantOverApi();
      if (api) return showLogOverRest(io, api, id, options);
      await withDatabase(io, (database) => show(io, database, id, options));
    });
}

/** Throws `EUSAGE` for options that select runs, because the id already selects one run. */
function refuseBesideId(options: Options): void {
  const beside = (['agent', 'workflow', 'status', 'session', 'tenant'] as const).find(
    (name) => options[name] !== undefined,
  );
  if (beside === undefined) return;
  throw new HowdahError(
    'EUSAGE',
    `--${beside} selects runs and cannot be combined with the id of a run`,
    {
      hint: 'Omit one of them.',
      detail: { field: `--${beside}` },
    },
  );
}

async function show(
  io: CliIo,
  database: CliDatabase,
  id: string | undefined,
  { follow, limit: most, ...options }: Options,
): Promise<void> {
  const filter = await filterOf(database, id, options);
  const since = sinceOf(options, id);
  const read = async () => {
    const steps = await loggedSteps(database.db, filter, { since, limit: most + 1 });
    if (steps.length > most) printMoreHint(io, most);
    if (steps.length === 0 && !follow) printNoneHint(io, options, id);
    return steps.slice(-most);
  };
  if (!follow) {
    for (const step of await read()) printLogStep(io, step);
    return;
  }
  const stopped = new AbortController();
  io.onInterrupt(() => stopped.abort());
  const place = { db: database.db, url: database.url, signal: stopped.signal };
  for await (const step of followLog(place, filter, read)) printLogStep(io, step);
}

async function filterOf(
  database: CliDatabase,
  id: string | undefined,
  { tenant, agent, workflow, session, status, errors }: Omit<Options, 'limit'>,
): Promise<LogFilter> {
  if (id !== undefined) return { id: await requireExecution(database.db, id), errors };
  const tenantId = tenant === undefined ? undefined : (await tenantOf(database.db, tenant)).id;
  if (session !== undefined) await requireSession(database.db, session, tenantId);
  return {
    ...{ session, status, errors, tenantId },
    agent: await idOfNamed(database, tenant, 'agent', agent),
    workflow: await idOfNamed(database, tenant, 'workflow', workflow),
  };
}
