import { Argument, Command } from 'commander';
import { fill } from '../help/command-metadata.ts';
import { completionsOf } from '../help/completion.ts';
import { completionScripts, type Shell } from '../help/completion-scripts.ts';
import { type CliIo, printJson } from '../output/output.ts';

/**
 * Registers `howdah completion bash | zsh | fish | pwsh`, which prints a script for the shell. The
 * script calls `howdah completion words -- …`.
 */
export function register(command: Command, io: CliIo): void {
  command
    .addArgument(new Argument('<shell>', 'whose script').choices(Object.keys(completionScripts)))
    .action((shell: Shell) => io.write(completionScripts[shell]));
  command
    .command('words', { hidden: true })
    .description('what may come next in a line')
    .argument('[words...]', 'the words behind `howdah`, the last of which is being typed')
    .option('--next', 'they are whole: another one is about to be typed')
    .action(async (words: string[], { next }: { next?: true }) => {
      const program = command.parent ?? command;
      const found = await completionsOf(program, next ? [...words, ''] : words, described);
      if (io.json) return printJson(io, found);
      const lines = found.words.map(({ word, summary }) => `${word}\t${summary}`);
      for (const line of [...lines, ...(found.files ? [':files'] : [])]) io.out(line);
    });
}

/** Returns the command as help describes it, separate from the command that runs. */
async function described(known: Command): Promise<Command> {
  const all = await import('../help/command-metadata.generated.ts');
  const one = all.described[known.name()];
  return one ? fill(new Command(known.name()), one) : known;
}
