import type { Command } from 'commander';
import type { CliIo } from './output/output.ts';

/**
 * The exports of every file in `commands/`. `register` adds arguments, options, subcommands and the
 * action to `command`.
 */
export type CommandModule = { register(command: Command, io: CliIo): void };

/** The headings of help, in its order. */
type Group = 'Start' | 'Agents' | 'Runs' | 'People' | 'Definitions' | 'Operations' | 'Data';

/** One line of `howdah --help`. `load` runs only when the command runs, so that help stays fast. */
export type CommandEntry = Readonly<{
  name: string;
  /** A second name. */
  alias?: string;
  /** The heading of help above the command. */
  group?: Group;
  /** True for a name that works but that help omits. */
  isHidden?: true;
  summary: string;
  /** The arguments in the usage line, such as `AGENT MESSAGE`. Absent if there are none. */
  args?: string;
  /** The example lines of help, where they are made from a resource. */
  examples?: readonly string[];
  load: () => Promise<CommandModule>;
}>;

/** A word before other commands, such as `admin` of `howdah admin users`. */
export type NounEntry = Omit<CommandEntry, 'load' | 'alias' | 'args'> &
  Readonly<{
    commands: readonly CommandEntry[];
    /** The command that the noun alone runs. Without one, the noun alone prints its help. */
    first?: string;
  }>;

export function isNoun(entry: CommandEntry | NounEntry): entry is NounEntry {
  return 'commands' in entry;
}
