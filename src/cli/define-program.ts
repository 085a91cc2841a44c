import { type Command, Option } from 'commander';
import { type CommandEntry, isNoun, type NounEntry } from './command-entry.ts';
import { withExamples } from './help/examples-in-help.ts';
import { rememberCommands } from './help/usage-errors.ts';
import { isWithoutVerb } from './nouns/subcommands.ts';
import { FORMATS } from './output/formats.ts';
import type { CliIo } from './output/output.ts';

/** The commands of a program, each with its line of the registry. */
export type Entries = ReadonlyMap<Command, CommandEntry>;

/** Defines `howdah` with its global options and its commands, whose files are not loaded yet. */
export function defineProgram(
  program: Command,
  io: CliIo,
  entries: readonly (CommandEntry | NounEntry)[],
): Entries {
  program
    .description(
      'Insert a row, watch an agent answer it, query everything in SQL. Without a command, prints the status.',
    )
    .option('--json', 'print JSON: the result on stdout, errors on stderr')
    .addOption(
      new Option('-o, --output <format>', 'output format; --json is short for -o json').choices(
        FORMATS,
      ),
    )
    .option('--database-url <url>', 'the database to use instead of DATABASE_URL')
    .option('--profile <name>', 'profile of `howdah admin login` to use; "none" uses no profile')
    .option('--no-color', 'print without colours')
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: io.write,
      writeErr: io.json ? () => {} : io.err,
      outputError: () => {},
    })
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) => `${command.name()} ${command.usage()}`.replace('[options] ', ''),
    });
  withExamples(program, '');
  return addCommands(program, entries);
}

/** Adds commands and nouns. Returns the commands, also those under a noun. */
function addCommands(
  parent: Command,
  entries: readonly (CommandEntry | NounEntry)[],
  first?: string,
): Map<Command, CommandEntry> {
  const added = new Map<Command, CommandEntry>();
  for (const entry of entries) {
    const { name, summary, group, isHidden = false } = entry;
    const isDefault = name === first;
    const command = parent.command(name, { hidden: isHidden, isDefault }).description(summary);
    if (isDefault) isWithoutVerb(parent, command);
    if (group !== undefined) command.helpGroup(`${group}:`);
    if (isNoun(entry)) {
      withExamples(command.usage('COMMAND').helpCommand(false), name);
      rememberCommands(command);
      const below = addCommands(command, entry.commands, entry.first);
      for (const [one, its] of below) added.set(one, its);
    } else {
      command.usage(`[options] ${entry.args ?? ''}`);
      if (entry.alias !== undefined) command.alias(entry.alias);
      added.set(command, entry);
    }
  }
  return added;
}

/** Loads the file of a command when the command runs. */
export function loadWhenNeeded(program: Command, io: CliIo, entries: Entries): void {
  const load = async (_: Command, command: Command) => {
    const entry = entries.get(command);
    if (entry === undefined) return;
    (await entry.load()).register(command.helpCommand(false), io);
    withExamples(command, entry.name);
    rememberCommands(command);
  };
  const parents = new Set([...entries.keys()].map(({ parent }) => parent ?? program));
  for (const parent of parents) parent.hook('preSubcommand', load);
}
