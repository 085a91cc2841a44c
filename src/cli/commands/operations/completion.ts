import { Argument, Command } from 'commander';
import { fill } from '../../help/command-metadata.ts';
import { completionsOf } from '../../help/complete-words.ts';
import { completionScripts, type Shell } from '../../help/completion-scripts.ts';
import { type CliIo, printJson } from '../../output/output.ts';

/**
 * Registers `howdah dev completion bash | zsh | fish | pwsh`, which prints a script for the shell.
 * The script calls `howdah dev completion words -- …`.
 */
export function register(command: Command, io: CliIo): void {
  command
    .addArgument(
      new Argument('<shell>', 'shell to write the script for').choices(
        Object.keys(completionScripts),
      ),
    )
    .action((shell: Shell) => io.write(completionScripts[shell]));
  command
    .command('words', { hidden: true })
    .description('list possible next words of a line')
    .argument('[words...]', 'words after `howdah`, of which the last is incomplete')
    .option('--next', 'treat all words as complete and list the next word')
    .action(async (words: string[], { next }: { next?: true }) => {
      const program = rootOf(command);
      const found = await completionsOf(program, next ? [...words, ''] : words, describeCommand);
      if (io.json) return printJson(io, found);
      const lines = found.words.map(({ word, summary }) => `${word}\t${summary}`);
      for (const line of [...lines, ...(found.files ? [':files'] : [])]) io.out(line);
    });
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}

/** Returns the command as help describes it, separate from the command that runs. */
async function describeCommand(known: Command): Promise<Command | undefined> {
  const all = await import('../../help/command-metadata.generated.ts');
  const one = all.described[known.name()];
  return one && fill(new Command(known.name()), one);
}
