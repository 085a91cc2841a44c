import { type Command, CommanderError } from 'commander';
import { described as all } from './command-metadata.generated.ts';
import { fill } from './command-metadata.ts';
import { withExamples } from './examples-in-help.ts';

/** Prints the help a line asks for and gives how; loads no command, so that it takes a moment. Undefined: it asks for none. */
export async function printedHelp(
  program: Command,
  argv: readonly string[],
): Promise<CommanderError | undefined> {
  for (const command of program.commands) {
    const known = all[command.name()];
    if (known) withExamples(fill(command, known));
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
    return undefined;
  } catch (thrown) {
    const isHelp = thrown instanceof CommanderError && thrown.code === 'commander.helpDisplayed';
    return isHelp ? thrown : undefined;
  }
}
