import { type Command, CommanderError } from 'commander';
import { described as all } from './command-metadata.generated.ts';
import { fill } from './command-metadata.ts';
import { withExamples } from './examples-in-help.ts';

/**
 * Prints the help that a line asks for, and returns how commander ended. Returns undefined if the
 * line asks for no help. Loads no command, so that help is fast.
 */
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
