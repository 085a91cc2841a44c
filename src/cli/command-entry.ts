import type { Command } from 'commander';
import type { CliIo } from './output/output.ts';

/** What every file in `commands/` exports: it gives `command` its arguments, options, subcommands and action. */
export type CommandModule = { register(command: Command, io: CliIo): void };

/** One line of `howdah --help`. `load` runs only when the command does, so that help stays instant. */
export type CommandEntry = Readonly<{
  name: string;
  /** Also known as. */
  alias?: string;
  summary: string;
  /** As the usage line shows them: `AGENT MESSAGE`; none when absent. */
  args?: string;
  load: () => Promise<CommandModule>;
}>;
