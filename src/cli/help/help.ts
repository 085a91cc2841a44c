import { type Command, CommanderError } from 'commander';
import { described as all } from './command-metadata.generated.ts';
import { fill } from './command-metadata.ts';
import { withExamples } from './examples-in-help.ts';

/**
 * Prints the help that a line asks for, and returns how commander ended. Returns undefined if the
 * line asks for no help. Describes the commands that the line names, without loading them, so that
 * help is fast. `names` are the keys of their descriptions.
 */
export async function printedHelp(
  program: Command,
  names: ReadonlyMap<Command, string>,
  argv: readonly string[],
): Promise<CommanderError | undefined> {
  for (const [command, name] of names) {
    const known = all[name];
    const isNamed = [command.name(), ...command.aliases()].some((word) => argv.includes(word));
    if (known && isNamed) withExamples(fill(command, known), name);
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
    return undefined;
  } catch (thrown) {
    const isHelp = thrown instanceof CommanderError && thrown.code === 'commander.helpDisplayed';
    return isHelp ? thrown : undefined;
  }
}
