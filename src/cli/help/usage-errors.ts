import type { Command, CommanderError } from 'commander';
import { commandPathOf } from '../nouns/subcommands.ts';
import type { ErrorReport } from '../output/exit-codes.ts';

/** A usage error with its command, which commander does not expose. */
type UsageError = CommanderError & { command?: Command };

/** The errors of commander for a word that a command line lacks. */
const MISSING = ['commander.missingArgument', 'commander.missingMandatoryOptionValue'];

/** Adds the command to each error of a command and its verbs. */
export function rememberCommands(command: Command): void {
  command.exitOverride((error) => {
    throw Object.assign(error, { command });
  });
  command.commands.forEach(rememberCommands);
}

/**
 * Returns the report for a noun that does nothing without a verb. It is for programs; a person sees
 * the help.
 */
export function missingVerbReport({ command }: UsageError): ErrorReport {
  const verbs = command?.createHelp().visibleCommands(command) ?? [];
  return {
    code: 'EUSAGE',
    message: 'the verb is missing',
    hint: `There are: ${verbs.map((verb) => verb.name()).join(', ')}.`,
    ...(command && { usage: `howdah ${commandPathOf(command)} ${command.usage()}`.trim() }),
  };
}

/**
 * Converts "error: unknown command 'strat'\n(Did you mean start?)" of commander to message and
 * hint.
 */
export async function usageError(
  { message: text, command, code }: UsageError,
  program: Command,
): Promise<ErrorReport> {
  if (code === 'commander.excessArguments') {
    const { unknownVerbReport } = await import('../nouns/subcommands.ts');
    const report = command && (await unknownVerbReport(command));
    if (report) return report;
  }
  const [first = '', suggestion] = text.replace(/^error: /, '').split('\n');
  const isMissing = MISSING.some((one) => one === code);
  const message = (isMissing && command && severalMissing(command)) || first;
  const path = command ? ` ${commandPathOf(command)}` : '';
  const { suggestValue } = await import('./suggest-value.ts');
  const isUnknownCommand = code === 'commander.unknownCommand';
  const hint =
    (isUnknownCommand ? await suggestCommand(command ?? program) : undefined) ??
    suggestion?.replace(/^\(|\)$/g, '') ??
    suggestValue(message) ??
    `\`howdah${path} --help\` lists commands and options.`;
  return {
    code: 'EUSAGE',
    message,
    hint,
    ...(command && { usage: `howdah${path} ${command.usage()}`.trim() }),
  };
}

/**
 * Names all that a command line lacks, of which commander names one. Returns undefined if it lacks
 * only one word.
 */
function severalMissing(command: Command): string | undefined {
  const given = command.args.filter((word) => !word.startsWith('-'));
  const words = [
    ...command.registeredArguments
      .filter(({ required }, index) => required && index >= given.length)
      .map((argument) => `<${argument.name()}>`),
    ...command.options
      .filter((one) => one.mandatory && command.getOptionValue(one.attributeName()) === undefined)
      .map(({ flags }) => flags),
  ];
  return words.length > 1 ? `missing ${words.join(', ')}` : undefined;
}

/**
 * Suggests a command for an unknown one, with its noun: `admin secret` for `secert`. Returns
 * undefined if there is no similar name.
 */
async function suggestCommand(parent: Command): Promise<string | undefined> {
  const [word = ''] = parent.args;
  const paths = new Map(parent.commands.map((one) => [one.name(), one.name()]));
  const visible = parent.createHelp().visibleCommands(parent);
  const listed = new Set(visible.map((one) => one.name()));
  for (const noun of parent.commands) {
    for (const name of noun.commands.map((one) => one.name())) {
      if (!listed.has(name)) paths.set(name, `${noun.name()} ${name}`);
    }
  }
  const { closestNames } = await import('../../text/closest-names.ts');
  const [near] = closestNames(word, [...paths.keys()], 1);
  return near && `Did you mean ${paths.get(near)}?`;
}
