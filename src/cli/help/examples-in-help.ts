import type { Command } from 'commander';
import { examples } from './examples.ts';

/**
 * Adds examples before the rest of the help: the lines of the command `name`, and those of a verb
 * to the verb.
 */
export function withExamples(command: Command, name: string): void {
  const all = examples[name] ?? [];
  addExamples(command, all);
  if (command.parent === null) return;
  for (const verb of command.commands) {
    addExamples(
      verb,
      all.filter((line) => isOf(line, command, verb)),
    );
  }
}

function addExamples(command: Command, lines: readonly string[]): void {
  if (lines.length === 0) return;
  const text = ['Examples:', ...lines.map((line) => `  ${line}`), ''].join('\n');
  command.addHelpText('before', text);
}

/**
 * Returns whether a line is an example of this verb. A line with the noun alone belongs to its
 * first verb.
 */
export function isOf(line: string, noun: Command, verb: Command): boolean {
  const [, word] = new RegExp(`howdah (?:admin |dev )?${noun.name()}\\b ?(\\S*)`).exec(line) ?? [];
  if (word === verb.name()) return true;
  const isVerb = noun.commands.some((one) => one.name() === word);
  return !isVerb && noun.commands[0] === verb;
}
