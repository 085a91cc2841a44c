import { type Command, Option } from 'commander';
import { listExecutions } from '../../db/queries/queries.ts';
import type { ExecutionStatus } from '../../db/schema.generated.ts';
import { API_OPTION, apiFor, tenantOverApi } from '../backend/connect.ts';
import { withDatabase } from '../backend/database.ts';
import { runsOverRest } from '../backend/list-runs.ts';
import { executionId } from '../input/resolve-id.ts';
import { TENANT_OPTION, tenantOf } from '../input/resolve-tenant.ts';
import { idOfNamed, limit, moment, STATUSES, statuses } from '../input/run-filters.ts';
import { withVerbs } from '../nouns/subcommands.ts';
import { type CliIo, printJson, printTable } from '../output/output.ts';
import { register as registerCancel } from './cancel.ts';
import { register as registerExplain } from './explain.ts';
import { register as registerExport } from './export-run.ts';
import { register as registerFork } from './fork.ts';
import { register as registerPause } from './pause.ts';
import { register as registerResume } from './resume.ts';
import { register as registerRetry } from './retry.ts';
import { register as registerShow } from './show.ts';
import { register as registerWatch } from './watch.ts';

type Options = {
  tenant?: string;
  status?: ExecutionStatus[];
  agent?: string;
  workflow?: string;
  since?: Date;
  until?: Date;
  before?: string;
  limit: number;
};

/**
 * Registers `howdah executions [list | show | …]`, or `howdah runs`: the newest runs, and actions
 * on one run. The actions are also commands of their own.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    { name: 'list', summary: 'the newest runs', register: registerList },
    { name: 'show', summary: 'a run with all its steps', register: registerShow },
    { name: 'explain', summary: 'why a run is where it is', register: registerExplain },
    { name: 'watch', summary: 'the steps of a run, live', register: registerWatch },
    { name: 'cancel', summary: 'end a run at once', register: registerCancel },
    { name: 'pause', summary: 'let what is in the air finish, then wait', register: registerPause },
    { name: 'resume', summary: 'let a paused run go on', register: registerResume },
    {
      name: 'retry',
      summary: 'let a failed or cancelled run go on',
      register: registerRetry,
    },
    { name: 'fork', summary: 'a new run from a step of another', register: registerFork },
    { name: 'export', summary: 'a run as one document', register: registerExport },
  ]);
}

function registerList(command: Command, io: CliIo): void {
  command
    .option(...TENANT_OPTION)
    .addOption(
      new Option('--status <status>', 'only runs that are; several with commas')
        .choices(STATUSES)
        .argParser(statuses),
    )
    .option('--agent <name>', 'only runs of this agent')
    .option('--workflow <name>', 'only runs of this workflow')
    .option('--since <when>', 'only runs made since, such as 1h, 7d or 2026-12-01', moment)
    .option('--until <when>', 'only runs made before, such as 1h, 7d or 2026-12-01', moment)
    .option('--limit <number>', 'at most so many', limit, 20)
    .option('--before <id>', 'only runs older than this one: the next page', executionId)
    .option(...API_OPTION)
    .action(async ({ tenant, ...wanted }: Options) => {
      const { agent, workflow, limit } = wanted;
      const api = await apiFor(io, command);
      if (api && tenant !== undefined) throw tenantOverApi();
      if (api) {
        return show(io, await runsOverRest(api, { ...wanted, limit: limit + 1 }), wanted);
      }
      await withDatabase(io, async (database) => {
        const { db } = database;
        // throws if there is none
        await idOfNamed(database, tenant, 'agent', agent);
        await idOfNamed(database, tenant, 'workflow', workflow);
        const tenantId = tenant === undefined ? undefined : (await tenantOf(db, tenant)).id;
        const rows = await listExecutions(db, { tenantId, ...wanted, limit: limit + 1 });
        show(io, rows, wanted);
      });
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
    if (next !== null) io.err(`There are more: --before ${next}`);
  } else {
    const hasFilter = Object.keys(filter).length > 0;
    const none = 'No executions. Insert one: howdah run development "Hello"';
    io.err(hasFilter ? 'No such executions.' : none);
  }
}
