import type { Command, CommanderError } from 'commander';
import type { ErrorReport } from '../output/exit-codes.ts';

/** A usage error with its command, which commander does not expose. */
type UsageError = CommanderError & { command?: Command };

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
    ...(command && { usage: `howdah ${pathOf(command)} ${command.usage()}`.trim() }),
  };
}

/**
 * Converts "error: unknown command 'strat'\n(Did you mean start?)" of commander to message and
 * hint.
 */
export async function usageError({
  message: text,
  command,
  code,
}: UsageError): Promise<ErrorReport> {
  if (code === 'commander.excessArguments') {
    const { unknownVerbReport } = await import('../nouns/subcommands.ts');
    const report = command && (await unknownVerbReport(command));
    if (report) return report;
  }
  const [message = '', suggestion] = text.replace(/^error: /, '').split('\n');
  const path = command ? ` ${pathOf(command)}` : '';
  const { suggestValue } = await import('./suggest-value.ts');
  const hint =
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

/** Returns the path of a command as it is typed after `howdah`, such as `key create`. */
function pathOf(command: Command): string {
  const { parent } = command;
  return parent?.parent ? `${pathOf(parent)} ${command.name()}` : command.name();
}
