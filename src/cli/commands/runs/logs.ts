import { type Command, Option } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { EXECUTION_STATUSES } from '../../../contracts/runs/step.ts';
import type { SelectedLog } from '../../backend/backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { executionId, uuidOf } from '../../input/resolve-id.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { limit, moment, parseStatuses } from '../../input/run-filters.ts';
import type { CliIo } from '../../output/output.ts';
import {
  type LogCommandOptions,
  printLogStep,
  printMoreHint,
  printNoneHint,
  sinceOf,
} from '../../print/log-format.ts';

type Options = LogCommandOptions & { tenant?: string };

/**
 * Registers `howdah logs [ID]`, which prints the steps of all runs or of one run, one line per
 * step. With `--follow` it also prints each new step as it commits.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument('[id]', 'id of a run (default: all runs of the tenant)')
    .option('-f, --follow', 'keep printing new steps until Ctrl-C or the end of the run')
    .option(
      '--since <when>',
      'only steps since this time: an age such as 10m, or a date such as 2026-12-01 (default: 1h; all steps for a run or session)',
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
        .argParser(parseStatuses),
    )
    .option('--session <id>', 'only runs of this session', (text) => uuidOf(text, 'a session'))
    .option('--errors', 'only steps that failed, were retried, or were stopped by a guard')
    .option(
      '--limit <number>',
      'maximum number of steps; if there are more, only the newest are printed, oldest first',
      limit,
      1_000,
    )
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (text: string | undefined, options: Options, self: Command) => {
      const id = text === undefined ? undefined : executionId(text);
      if (id !== undefined) refuseBesideId(options);
      await withBackend(io, self, options, async ({ log }) => {
        await show(io, await log.select({ id, ...options }), id, options);
      });
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
  log: SelectedLog,
  id: string | undefined,
  { follow, limit: most, ...options }: Options,
): Promise<void> {
  const readShown = async () => {
    const steps = await log.read(sinceOf(options, id), most + 1);
    if (steps.length > most) printMoreHint(io, most);
    if (steps.length === 0 && !follow) printNoneHint(io, options, id);
    return steps.slice(-most);
  };
  if (!follow) {
    for (const step of await readShown()) printLogStep(io, step);
    return;
  }
  const stopped = new AbortController();
  io.onInterrupt(() => stopped.abort());
  for await (const step of log.follow(readShown, stopped.signal)) printLogStep(io, step);
}
