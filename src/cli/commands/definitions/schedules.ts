import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { runSchedule, setScheduleActive } from '../../../db/queries/schedules.ts';
import { requireDefinition } from '../../backend/database/database-definitions.ts';
import type { DefinitionKind } from '../../backend/definition-kinds.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { ARGUMENT_SOURCES, readTextArgument } from '../../input/input-argument.ts';
import { forTenant } from '../../input/resolve-tenant.ts';
import { createVerb, deleteVerb } from '../../nouns/create-and-delete.ts';
import { listVerb, showVerb, withName } from '../../nouns/list-and-show.ts';
import { type Verb, withVerbs } from '../../nouns/subcommands.ts';
import { type CliIo, printJson } from '../../output/output.ts';

const SCHEDULES: DefinitionKind = {
  kind: 'schedules',
  singular: 'schedule',
  noun: 'admin schedules',
  emptyMessage: 'No schedules. Create one: howdah admin schedules create NAME --help',
};

/**
 * Registers `howdah admin schedules [list | show | create | run | pause | resume | delete]`: the
 * schedules that start runs at their times.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    listVerb(SCHEDULES),
    showVerb(SCHEDULES),
    createVerb(SCHEDULES, { register: withSchedule, columns: columnsOf }),
    {
      name: 'run',
      summary: 'start a run of the schedule now, in addition to its times',
      register: registerRun,
    },
    switchVerb('pause', 'pause a schedule', false),
    switchVerb('resume', 'resume a schedule from its next time', true),
    deleteVerb(SCHEDULES),
  ]);
}

function withSchedule(command: Command): Command {
  return command
    .argument('<name>', 'name of the schedule')
    .requiredOption(
      '--cron <times>',
      'times of the runs, such as "0 9 * * MON-FRI", @hourly or @daily: docs/schedules.md',
    )
    .option('--timezone <zone>', 'time zone of the times (default: UTC)')
    .option('--agent <name>', 'agent to run')
    .option('--workflow <name>', 'workflow to run instead of an agent')
    .requiredOption('--input <text>', `input of each run; ${ARGUMENT_SOURCES}`)
    .option(
      '--concurrency-key <key>',
      'key for concurrency limits, such as customer-42: docs/limits.md',
    )
    .option('--paused', 'create the schedule paused');
}

type Options = {
  cron: string;
  timezone?: string;
  agent?: string;
  workflow?: string;
  input: string;
  concurrencyKey?: string;
  paused?: true;
};

async function columnsOf(io: CliIo, [name]: readonly string[], options: object) {
  const { cron, timezone, agent, workflow, input, concurrencyKey, paused } = options as Options;
  if ((agent === undefined) === (workflow === undefined)) {
    throw new HowdahError('EUSAGE', 'a schedule needs exactly one of --agent and --workflow', {
      hint: 'Use --agent NAME or --workflow NAME.',
    });
  }
  return {
    name,
    cron,
    ...{ agent, workflow },
    input: await readTextArgument(io, '--input', input),
    ...(timezone !== undefined && { timezone }),
    ...(concurrencyKey !== undefined && { concurrency_key: concurrencyKey }),
    ...(paused && { is_active: false }),
  };
}

function registerRun(command: Command, io: CliIo): void {
  withName(command, SCHEDULES).action(async (name: string, { tenant }: { tenant?: string }) => {
    await withDatabase(io, async (database) => {
      const run = await forTenant(database, tenant, async (client) =>
        runSchedule(client, (await requireDefinition(client, SCHEDULES, name)).id),
      );
      if (io.json) return printJson(io, run);
      io.out(run.id);
      io.err(`Follow it: howdah watch ${run.id}`);
    });
  });
}

function switchVerb(name: string, summary: string, isActive: boolean): Verb {
  return {
    name,
    summary,
    register: (command, io) => {
      withName(command, SCHEDULES).action(async (of: string, { tenant }: { tenant?: string }) => {
        await withDatabase(io, async (database) => {
          const row = await forTenant(database, tenant, async (client) => {
            const { id } = await requireDefinition(client, SCHEDULES, of);
            await setScheduleActive(client, id, isActive);
            return requireDefinition(client, SCHEDULES, id);
          });
          if (io.json) return printJson(io, row);
          const next = row.next_at instanceof Date ? `, next at ${row.next_at.toISOString()}` : '';
          io.out(`${row.name} ${isActive ? `resumed${next}` : 'paused'}`);
        });
      });
    },
  };
}
