import type { Command } from 'commander';
import { examples } from './examples.ts';

/** Adds examples before the rest of the help: the lines of the command itself, or of its verbs. */
export function withExamples(command: Command): void {
  const { parent } = command;
  const noun = parent?.parent ? parent : command;
  const all = examples[parent === null ? '' : noun.name()] ?? [];
  const lines = noun === command ? all : all.filter((line) => isOf(line, noun, command));
  if (lines.length > 0) {
    command.addHelpText(
      'before',
      ['Examples:', ...lines.map((line) => `  ${line}`), ''].join('\n'),
    );
  }
  if (parent !== null) command.commands.forEach(withExamples);
}

/**
 * Returns whether a line is an example of this verb. A line with the noun alone belongs to its
 * first verb.
 */
export function isOf(line: string, noun: Command, verb: Command): boolean {
  const [, word] = new RegExp(`howdah ${noun.name()}\\b ?(\\S*)`).exec(line) ?? [];
  if (word === verb.name()) return true;
  const isVerb = noun.commands.some((one) => one.name() === word);
  return !isVerb && noun.commands[0] === verb;
}
