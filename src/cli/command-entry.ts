import type { Command } from 'commander';
import type { CliIo } from './output/output.ts';

/**
 * The exports of every file in `commands/`. `register` adds arguments, options, subcommands and the
 * action to `command`.
 */
export type CommandModule = { register(command: Command, io: CliIo): void };

/** One line of `howdah --help`. `load` runs only when the command runs, so that help stays fast. */
export type CommandEntry = Readonly<{
  name: string;
  /** A second name. */
  alias?: string;
  summary: string;
  /** The arguments in the usage line, such as `AGENT MESSAGE`. Absent if there are none. */
  args?: string;
  load: () => Promise<CommandModule>;
}>;
