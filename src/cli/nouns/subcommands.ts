import type { Command } from 'commander';
import type { ErrorReport } from '../output/exit-codes.ts';
import type { CliIo } from '../output/output.ts';

/** One verb of a noun: `list` of `howdah agents`. */
export type Verb = Readonly<{
  name: string;
  summary: string;
  register(command: Command, io: CliIo): void;
}>;

const first = new WeakMap<Command, Command>();

/**
 * Adds verbs to a noun. The noun without a verb does the same as the first verb, with the same
 * options.
 */
export function withVerbs(noun: Command, io: CliIo, verbs: readonly Verb[]): void {
  for (const [index, { name, summary, register }] of verbs.entries()) {
    const verb = noun
      .command(name, { isDefault: index === 0 })
      .description(index === 0 ? `${summary} (default)` : summary)
      .helpCommand(false);
    register(verb, io);
    if (index === 0) isWithoutVerb(noun, verb);
  }
}

/** Records the verb that a noun runs without a verb. */
export function isWithoutVerb(noun: Command, verb: Command): void {
  first.set(noun, verb);
}

/** Returns the verb that a noun runs without a verb. */
export function firstVerb(noun: Command): Command | undefined {
  return first.get(noun);
}

/**
 * Returns the report for too many words after a noun. The first word was meant as a verb, unless
 * the first verb is on the line.
 */
export async function unknownVerbReport(command: Command): Promise<ErrorReport | undefined> {
  const [word] = command.args;
  const noun = command.parent;
  if (!noun || word === undefined || firstVerb(noun) !== command) return undefined;
  if (noun.args[0] === command.name() || command.registeredArguments.length > 0) return undefined;
  const { closestNames } = await import('../../text/closest-names.ts');
  const verbs = noun
    .createHelp()
    .visibleCommands(noun)
    .map((verb) => verb.name());
  const [near] = closestNames(word, verbs, 1);
  return {
    code: 'EUSAGE',
    message: `unknown command '${word}'`,
    hint: near === undefined ? `There are: ${verbs.join(', ')}.` : `Did you mean ${near}?`,
    usage: `howdah ${commandPathOf(noun)} ${noun.usage()}`,
  };
}

/** Returns the path of a command as it is typed after `howdah`, such as `admin key create`. */
export function commandPathOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${commandPathOf(parent)} ${command.name()}` : command.name();
}
