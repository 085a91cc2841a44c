import type { Command } from 'commander';
import { examples } from './examples.ts';

/** Has help show, before all else, what of these lines is about a command: its own, or those of its verbs. */
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

/** Whether a line is of this verb, or of the noun alone, which does its first one. */
export function isOf(line: string, noun: Command, verb: Command): boolean {
  const [, word] = new RegExp(`howdah ${noun.name()}\\b ?(\\S*)`).exec(line) ?? [];
  if (word === verb.name()) return true;
  const isVerb = noun.commands.some((one) => one.name() === word);
  return !isVerb && noun.commands[0] === verb;
}
