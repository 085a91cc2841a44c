import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { runSchedule } from '../../../operations/automation/schedules.ts';
import { schedules } from '../../../resources/automation/schedules.ts';
import type { Row } from '../../backend/backend.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { ARGUMENT_SOURCES, readTextArgument } from '../../input/input-argument.ts';
import { withName } from '../../nouns/list-and-show.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { switchVerb } from '../../nouns/switch-active.ts';
import { type CliIo, printJson } from '../../output/output.ts';

/**
 * Registers `howdah admin schedules [list | show | create | change | delete | run | pause |
 * resume]`: the schedules that start runs at their times.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    ...resourceVerbs(schedules, { register: withSchedule, columns: columnsOf }),
    {
      name: 'run',
      summary: 'start a run of the schedule now, in addition to its times',
      register: registerRun,
    },
    switchVerb(schedules, {
      name: 'pause',
      summary: 'pause a schedule',
      isActive: false,
      describe: ({ name }) => `${name} paused`,
    }),
    switchVerb(schedules, {
      name: 'resume',
      summary: 'resume a schedule; it next runs at its next scheduled time',
      isActive: true,
      describe: ({ name, next_at }) => `${name} resumed${describeNext(next_at)}`,
    }),
  ]);
}

function withSchedule(command: Command): Command {
  return command
    .argument('<name>', 'name of the schedule')
    .requiredOption(
      '--cron <times>',
      'times of the runs, such as "0 9 * * MON-FRI", @hourly or @daily (see docs/schedules.md)',
    )
    .option('--timezone <zone>', 'time zone of the times (default: UTC)')
    .option('--agent <name>', 'agent to run')
    .option('--workflow <name>', 'workflow to run instead of an agent')
    .requiredOption('--input <text>', `input of each run; ${ARGUMENT_SOURCES}`)
    .option(
      '--concurrency-key <key>',
      'key for concurrency limits, such as customer-42 (see docs/limits.md)',
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
  withName(command, schedules).action(async (name: string, options: { tenant?: string }) => {
    const { id, status } = await withBackend(io, command, options, async (backend) => {
      const schedule = await backend.definitions.find(schedules, name);
      return backend.call(runSchedule, { params: { id: schedule.id } });
    });
    if (io.json) return printJson(io, { id, status });
    io.out(id);
    io.err(`Follow it: howdah watch ${id}`);
  });
}

function describeNext(at: Row['next_at']): string {
  return at instanceof Date ? `, next at ${at.toISOString()}` : '';
}
