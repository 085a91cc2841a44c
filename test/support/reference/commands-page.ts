import { Command } from 'commander';
import { type CommandEntry, isNoun, type NounEntry } from '../../../src/cli/command-entry.ts';
import { type CommandMetadata, commandMetadataOf } from '../../../src/cli/help/command-metadata.ts';
import { examples } from '../../../src/cli/help/examples.ts';
import { hiddenCommands } from '../../../src/cli/hidden-commands.ts';
import type { CliIo } from '../../../src/cli/output/output.ts';
import { commands } from '../../../src/cli/registry.ts';
import { cell, code, codeCell, escapeProse, page, type ReferencePage, table } from './markdown.ts';

/** Renders the commands of `howdah` with their arguments, options and examples. */
export async function commandsPage(): Promise<ReferencePage> {
  const parts: string[] = [INTRO];
  for (const entry of commands) {
    if (entry.isHidden) continue;
    if (isNoun(entry)) parts.push(...(await nounSection(entry)));
    else parts.push(...(await section(`howdah ${entry.name}`, entry)));
  }
  const old = hiddenCommands.map(({ name, args, replacement }) => {
    const usage = name === 'run-agent' || name === 'ls' ? `${name} ${args}` : name;
    return `${code(usage)} for ${code(replacement)}`;
  });
  parts.push(
    '## Other names',
    `These other names also work; help does not list them: ${old.join(', ')}.`,
  );
  return page('cli.md', { title: 'Commands', source: 'src/cli/commands', parts });
}

const INTRO =
  'Each command with its arguments and options, as `howdah COMMAND --help` prints them. ' +
  '[The command line](../cli.md) describes logins, output formats and exit statuses. ' +
  'The global options `--json`, `-o FORMAT`, `--database-url URL`, `--profile NAME` and `--no-color` apply to all commands, ' +
  'with few exceptions: `dev psql` rejects `--json`, and `dev chaos` rejects `--database-url`.';

async function nounSection(entry: NounEntry): Promise<string[]> {
  const parts = [`## howdah ${entry.name}`, sentence(entry.summary)];
  for (const command of entry.commands) {
    parts.push(...(await section(`howdah ${entry.name} ${command.name}`, command, '###')));
  }
  return parts;
}

async function section(path: string, entry: CommandEntry, heading = '##'): Promise<string[]> {
  const command = new Command(entry.name).description(entry.summary).helpCommand(false);
  (await entry.load()).register(command, {} as CliIo);
  const { verbs = [], ...own } = commandMetadataOf(command);
  const lines = examples[entry.name] ?? [];
  return [
    `${heading} ${path}`,
    ...describeMetadata(own),
    ...describeVerbs(path, verbs),
    ...(lines.length > 0 ? [`Examples: ${lines.map(code).join(', ')}.`] : []),
  ];
}

function describeVerbs(path: string, verbs: NonNullable<CommandMetadata['verbs']>): string[] {
  return verbs
    .filter(({ isHidden }) => !isHidden)
    .flatMap(({ name, verbs: below = [], ...verb }) => [
      `**${code(`${path} ${name}`)}**`,
      ...describeMetadata(verb),
      ...describeVerbs(`${path} ${name}`, below),
    ]);
}

function describeMetadata(metadata: CommandMetadata): string[] {
  const { description, arguments: values = [], options = [] } = metadata;
  const rows = [...values, ...options].map((one) => [
    codeCell(one.written),
    cell([sentence(one.description), ...detailsOf(one)].join(' ')),
  ]);
  const [first = '', ...more] = description.split('\n\n');
  return [
    escapeProse(sentence(first)),
    ...more.map((text) => (/^ {2}/.test(text) ? `\`\`\`text\n${text}\n\`\`\`` : escapeProse(text))),
    ...(rows.length > 0 ? [table(['argument or option', 'meaning'], rows)] : []),
  ];
}

type Value = NonNullable<CommandMetadata['options']>[number];

function detailsOf({ choices, otherwise, default: value, isNeeded }: Value): string[] {
  const usual = otherwise ?? (value === undefined || value === '' ? undefined : String(value));
  return [
    ...(choices ? [`One of ${choices.map(code).join(', ')}.`] : []),
    ...(usual === undefined ? [] : [`Default: ${usual}.`]),
    ...(isNeeded ? ['Required.'] : []),
  ];
}

function sentence(text: string): string {
  const start = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.:…]$/.test(start) || start === '' ? start : `${start}.`;
}
