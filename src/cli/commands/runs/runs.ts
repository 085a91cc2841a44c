import { type Command, Option } from 'commander';
import { EXECUTION_STATUSES } from '../../../contracts/runs/step.ts';
import type { ExecutionStatus } from '../../../db/schema.generated.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { executionId } from '../../input/resolve-id.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { limit, moment, parseStatuses } from '../../input/run-filters.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { type CliIo, printJson, printTable } from '../../output/output.ts';
import {
  checkFirst,
  printListChange,
  refuseWithFollow,
  runWords,
  untilInterrupted,
} from '../../print/list-changes.ts';
import { register as registerCancel } from './cancel.ts';
import { register as registerExplain } from './explain.ts';
import { register as registerExport } from './export-run.ts';
import { register as registerFork } from './fork.ts';
import { register as registerInput } from './input.ts';
import { register as registerPause } from './pause.ts';
import { register as registerResume } from './resume.ts';
import { register as registerRetry } from './retry.ts';
import { register as registerShow } from './show.ts';
import { register as registerWatch } from './watch.ts';

type Options = {
  follow?: true;
  tenant?: string;
  status?: ExecutionStatus[];
  agent?: string;
  workflow?: string;
  ref?: string;
  since?: Date;
  until?: Date;
  before?: string;
  limit: number;
};

/**
 * Registers `howdah runs [list | show | …]`: the newest runs, and actions on one run.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    { name: 'list', summary: 'list the newest runs', register: registerList },
    { name: 'show', summary: 'show a run with all its steps', register: registerShow },
    { name: 'explain', summary: 'explain why a run is in its state', register: registerExplain },
    { name: 'watch', summary: 'follow the steps of a run', register: registerWatch },
    { name: 'cancel', summary: 'cancel a run immediately', register: registerCancel },
    {
      name: 'pause',
      summary: 'pause a run when its current calls are finished',
      register: registerPause,
    },
    { name: 'resume', summary: 'resume a paused run', register: registerResume },
    {
      name: 'retry',
      summary: 'continue a failed or cancelled run',
      register: registerRetry,
    },
    { name: 'input', summary: 'send input to a live run', register: registerInput },
    { name: 'fork', summary: 'start a new run from a step of another run', register: registerFork },
    { name: 'export', summary: 'write a run as one JSON document', register: registerExport },
  ]);
}

function registerList(command: Command, io: CliIo): void {
  command
    .option(...TENANT_OPTION)
    .option('-f, --follow', 'keep printing runs that change, one line per change, until Ctrl-C')
    .addOption(
      new Option('--status <status>', 'only runs with this status; several separated by commas')
        .choices(EXECUTION_STATUSES)
        .argParser(parseStatuses),
    )
    .option('--agent <name>', 'only runs of this agent')
    .option('--workflow <name>', 'only runs of this workflow')
    .option('--ref <row>', 'only runs that belong to a row of a table, such as shop.orders:4711')
    .option(
      '--since <when>',
      'only runs created since this time: an age such as 1h, or a date such as 2026-12-01',
      moment,
    )
    .option(
      '--until <when>',
      'only runs created before this time: an age such as 1h, or a date such as 2026-12-01',
      moment,
    )
    .option('--limit <number>', 'maximum number of runs', limit, 20)
    .option('--before <id>', 'only runs older than this id (next page)', executionId)
    .option(...API_OPTION)
    .action(async ({ tenant, follow, ...wanted }: Options) => {
      if (follow) return followAll(io, command, tenant, wanted);
      const filter = { ...wanted, limit: wanted.limit + 1 };
      const found = await withBackend(io, command, { tenant }, ({ runs }) => runs.list(filter));
      show(io, found, wanted);
    });
}

/** Prints the newest runs, then a line for each run that changes. */
async function followAll(
  io: CliIo,
  command: Command,
  tenant: string | undefined,
  { since, until, before, limit: first, ...filter }: Omit<Options, 'tenant' | 'follow'>,
): Promise<void> {
  const older = Object.entries({ since, until, before }).find(([, value]) => value !== undefined);
  if (older) refuseWithFollow(older[0], 'The list begins with the newest runs: --limit 100.');
  checkFirst(first);
  const signal = untilInterrupted(io);
  await withBackend(io, command, { tenant }, async ({ runs }) => {
    for await (const { id, row } of runs.followList({ ...filter, limit: first }, signal)) {
      printListChange(io, { id, item: row }, () => runWords(io, row ?? {}));
    }
  });
}

type Shown = Readonly<Record<string, unknown>> & { id: string };

/** Prints the runs. One row more than requested means that there are more. */
function show(io: CliIo, found: readonly Shown[], { limit, ...filter }: Options): void {
  const items = found.slice(0, limit);
  const next = found.length > limit ? (items.at(-1)?.id ?? null) : null;
  if (io.json) {
    printJson(io, { items, next });
  } else if (items.length > 0) {
    printTable(io, items);
    if (next !== null) io.err(`There are more runs. Next page: --before ${next}`);
  } else {
    const hasFilter = Object.keys(filter).length > 0;
    const none = 'No executions. Start one: howdah run development "Hello"';
    io.err(hasFilter ? 'No executions match.' : none);
  }
}
