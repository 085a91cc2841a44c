import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { described as all } from '../../../src/cli/help/command-metadata.generated.ts';
import { fill } from '../../../src/cli/help/command-metadata.ts';
import { examples } from '../../../src/cli/help/examples.ts';
import { isOf } from '../../../src/cli/help/examples-in-help.ts';
import type { CliIo } from '../../../src/cli/output/output.ts';
import { commands } from '../../../src/cli/registry.ts';
import { describedCommands } from '../../support/described-commands.ts';
import { runCli } from '../run-cli.ts';

/** No server answers there: help asks none. */
const NOWHERE = 'postgres://me@127.0.0.1:1/x';

/** The words behind `howdah` in a line of a shell. */
function wordsOf(line: string): string[] {
  const [, own = ''] = /\bhowdah ((?:'[^']*'|"(?:\\.|[^"\\])*"|[^|<>)])+)/.exec(line) ?? [];
  return [...own.matchAll(/'([^']*)'|"((?:\\.|[^"\\])*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain ?? '',
  );
}

/** A command as its file describes it, which does nothing. */
async function described(name: string): Promise<Command> {
  const program = new Command('howdah').option('--json').option('-o, --output <format>');
  program
    .option('--profile <name>')
    .option('--database-url <url>')
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  const entry = commands.find((one) => one.name === name);
  const command = program.command(name).description(entry?.summary ?? '');
  (await entry?.load())?.register(command.helpCommand(false), {} as CliIo);
  const still = (one: Command) => {
    one.exitOverride();
    one.action(() => {});
    one.commands.forEach(still);
  };
  still(command);
  return command;
}

const names = commands.map(({ name }) => [name]);

test('the generated help metadata matches the commands (npm run generate)', async () => {
  const file = join(import.meta.dirname, '../../../src/cli/help/command-metadata.generated.ts');
  expect(readFileSync(file, 'utf8')).toBe(await describedCommands());
});

test('every command has examples, and no example is for an unknown command', () => {
  expect(
    Object.keys(examples)
      .filter((name) => name !== '')
      .sort(),
  ).toEqual(names.flat().sort());
});

describe.each(names)('howdah %s', (name) => {
  const lines = examples[name] ?? [];

  test.each(lines.map((line) => [line]))('%s', async (line) => {
    const program = (await described(name)).parent;
    const parsed = program?.parseAsync(wordsOf(line), { from: 'user' });
    await expect(parsed).resolves.toBe(program);
  });

  test('has the same help from its metadata file as from its code', async () => {
    const summary = commands.find((one) => one.name === name)?.summary ?? '';
    const filled = new Command('howdah').command(name).description(summary);
    const known = all[name];
    if (known) fill(filled, known);
    const real = await described(name);
    const helpOf = (one: Command): string[] => [
      one.createHelp().formatHelp(one, one.createHelp()),
      ...one.createHelp().visibleCommands(one).flatMap(helpOf),
    ];
    expect(helpOf(filled)).toEqual(helpOf(real));
  });

  test('has an example for each verb, shown first in its help', async () => {
    const noun = await described(name);
    for (const verb of noun.createHelp().visibleCommands(noun)) {
      expect
        .soft(
          lines.filter((line) => isOf(line, noun, verb)),
          verb.name(),
        )
        .not.toEqual([]);
      const { stdout } = await runCli(NOWHERE, name, verb.name(), '--help');
      expect.soft(stdout).toMatch(new RegExp(`^Examples:\n {2}.*howdah ${name}.*\n[^]*\nUsage:`));
    }
    const { status, stdout } = await runCli(NOWHERE, name, '--help');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      new RegExp(`^Examples:\n {2}.*howdah ${name}.*\n[^]*\nUsage: howdah ${name}`),
    );
  });
});
