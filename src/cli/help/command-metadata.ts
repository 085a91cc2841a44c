import { Argument, type Command, Option } from 'commander';
import { firstVerb, isWithoutVerb } from '../nouns/subcommands.ts';

/**
 * The description of a command for help and completion, without its action and the modules that the
 * action needs.
 */
export type CommandMetadata = Readonly<{
  description: string;
  arguments?: readonly Value[];
  options?: readonly Value[];
  verbs?: readonly (CommandMetadata & { name: string; isFirst?: true; isHidden?: true })[];
}>;

/** An argument such as `<files...>`, or an option such as `--out <file>`. */
type Value = Readonly<{
  written: string;
  description: string;
  choices?: readonly string[];
  default?: unknown;
  /** The default in words. */
  otherwise?: string;
  isNeeded?: true;
}>;

/** Reads the metadata of a command that its file has registered. */
export function commandMetadataOf(command: Command): CommandMetadata {
  const { registeredArguments, options, commands } = command;
  const verbs = commands.map((verb) => ({
    name: verb.name(),
    ...commandMetadataOf(verb),
    ...(firstVerb(command) === verb && { isFirst: true as const }),
    ...(!command.createHelp().visibleCommands(command).includes(verb) && {
      isHidden: true as const,
    }),
  }));
  const values = registeredArguments.map((one) => read(one, termOf(one)));
  const flags = options.map((one) => read(one, one.flags));
  return {
    description: command.description(),
    ...(values.length > 0 && { arguments: values }),
    ...(flags.length > 0 && { options: flags }),
    ...(verbs.length > 0 && { verbs }),
  };
}

function termOf(one: Argument): string {
  const name = one.variadic ? `${one.name()}...` : one.name();
  return one.required ? `<${name}>` : `[${name}]`;
}

function read(one: Argument | Option, written: string): Value {
  return {
    written,
    description: one.description,
    ...(one.argChoices && { choices: one.argChoices }),
    ...(one.defaultValue !== undefined && { default: one.defaultValue }),
    ...(one.defaultValueDescription !== undefined && { otherwise: one.defaultValueDescription }),
    ...(one instanceof Option && one.mandatory && { isNeeded: true as const }),
  };
}

/** Adds its metadata to a command. This is the opposite of `describe`. */
export function fill(command: Command, described: CommandMetadata): Command {
  command.description(described.description);
  for (const { written, ...value } of described.arguments ?? [])
    command.addArgument(fillValue(new Argument(written, value.description), value));
  for (const { written, ...value } of described.options ?? [])
    command.addOption(
      fillValue(new Option(written, value.description), value).makeOptionMandatory(value.isNeeded),
    );
  for (const { name, isFirst = false, isHidden = false, ...verb } of described.verbs ?? []) {
    const made = command.command(name, { isDefault: isFirst, hidden: isHidden });
    fill(made.helpCommand(false), verb);
    if (isFirst) isWithoutVerb(command, made);
  }
  return command.helpCommand(false);
}

function fillValue<T extends Argument | Option>(
  one: T,
  { choices, default: value, otherwise }: Omit<Value, 'written'>,
): T {
  if (choices) one.choices([...choices]);
  if (value !== undefined) one.default(value, otherwise);
  return one;
}
