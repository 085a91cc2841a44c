import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { isNoun } from '../../../src/cli/command-entry.ts';
import { defineProgram } from '../../../src/cli/define-program.ts';
import { described as all } from '../../../src/cli/help/command-metadata.generated.ts';
import { fill } from '../../../src/cli/help/command-metadata.ts';
import { examples } from '../../../src/cli/help/examples.ts';
import { isOf } from '../../../src/cli/help/examples-in-help.ts';
import type { CliIo } from '../../../src/cli/output/output.ts';
import { allCommands, commands } from '../../../src/cli/registry.ts';
import { notes } from '../../resources/notes.ts';
import { renderCommandMetadata } from '../../support/generate/command-metadata.ts';
import { exampleLines } from '../../support/generate/resource-lists.ts';
import { wordsOf } from '../example-words.ts';
import { runCli } from '../run-cli.ts';

/** Nothing listens here; help does not connect. */
const UNREACHABLE_URL = 'postgres://me@127.0.0.1:1/x';

/** Pattern of `howdah` and the noun of a command. */
const PATH = 'howdah (?:admin |dev |runs )?';

/** All commands as described in their files, without actions. */
const program = new Command('howdah');
const entries = defineProgram(program, { json: true } as CliIo, commands);
for (const [command, entry] of entries) {
  (await entry.load()).register(command.helpCommand(false), {} as CliIo);
}
const still = (one: Command) => {
  one.exitOverride().configureOutput({ outputError: () => {}, writeOut: () => {} });
  one.action(() => {});
  one.commands.forEach(still);
};
for (const command of entries.keys()) still(command);

/** All commands as described by their generated metadata. */
const filledProgram = new Command('howdah');
for (const [command, { name }] of defineProgram(filledProgram, { json: true } as CliIo, commands)) {
  const known = all[name];
  if (known) fill(command, known);
}

/** Returns the command of this name without its noun. */
const commandOf = (name: string, { commands: those } = program) =>
  those.find((one) => one.name() === name) ?? new Command();

const names = allCommands.map(({ name }) => [name]);
const nouns = commands.filter(isNoun).map(({ name }) => [name]);

test('the generated help metadata matches the commands (npm run generate)', async () => {
  const file = join(import.meta.dirname, '../../../src/cli/help/command-metadata.generated.ts');
  expect(readFileSync(file, 'utf8')).toBe(await renderCommandMetadata());
});

test('the examples of a resource have its name in quotation marks if it has spaces', () => {
  const examples = { create: { name: 'late parcel', body: 'tea' }, change: { body: 'milk' } };
  expect(exampleLines({ ...notes, examples })).toEqual([
    'howdah dev notes list',
    'howdah dev notes show "late parcel"',
    'howdah dev notes create "late parcel" --body tea',
    'howdah dev notes change "late parcel" --body milk',
    'howdah dev notes delete "late parcel"',
  ]);
});

test('help has no default that is an object, and the right article', async () => {
  const text = await renderCommandMetadata();
  expect(text).not.toContain('"default":{');
  expect(text).not.toMatch(/\b(create|delete) a [aeio]/);
  expect(text).toContain('create an inbound hook');
});

test('every command has examples, and no example is for an unknown command', () => {
  expect(
    Object.keys(examples)
      .filter((name) => name !== '')
      .sort(),
  ).toEqual([...names, ...nouns].flat().sort());
});

describe.each(names)('howdah %s', (name) => {
  const lines = examples[name] ?? [];

  test.each(lines.map((line) => [line]))('%s', async (line) => {
    const parsed = program.parseAsync(wordsOf(line), { from: 'user' });
    await expect(parsed).resolves.toBe(program);
  });

  test('has the same help from its metadata file as from its code', async () => {
    const [real, filled] = [commandOf(name), commandOf(name, filledProgram)];
    const helpOf = (one: Command): string[] => [
      one.createHelp().formatHelp(one, one.createHelp()),
      ...one.createHelp().visibleCommands(one).flatMap(helpOf),
    ];
    expect(helpOf(filled)).toEqual(helpOf(real));
  });

  test('has an example for each verb, shown first in its help', async () => {
    const noun = commandOf(name);
    for (const verb of noun.createHelp().visibleCommands(noun)) {
      expect
        .soft(
          lines.filter((line) => isOf(line, noun, verb)),
          verb.name(),
        )
        .not.toEqual([]);
      const { stdout } = await runCli(UNREACHABLE_URL, name, verb.name(), '--help');
      expect.soft(stdout).toMatch(new RegExp(`^Examples:\n {2}.*${PATH}${name}.*\n[^]*\nUsage:`));
    }
    const { status, stdout } = await runCli(UNREACHABLE_URL, name, '--help');
    expect(status).toBe(0);
    const example = name.replace(/^(export|erase)-(run|user)$/, '$2s $1');
    expect(stdout).toMatch(
      new RegExp(`^Examples:\n {2}.*${PATH}${example}.*\n[^]*\nUsage: howdah ${name}`),
    );
  });
});

describe('help', () => {
  test('lists at most 28 commands, under the seven headings', async () => {
    const { stdout } = await runCli(UNREACHABLE_URL, '--help');
    const headings = [...stdout.matchAll(/^([A-Z][a-z]+):$/gm)].map(([, one]) => one);
    expect(headings).toEqual([
      ...['Examples', 'Options', 'Start', 'Agents', 'Runs', 'People'],
      ...['Definitions', 'Operations', 'Data'],
    ]);
    const listed = program.createHelp().visibleCommands(program);
    expect(listed.length).toBeLessThanOrEqual(28);
    expect(listed.map((one) => one.helpGroup())).not.toContain('');
  });

  test.each(nouns)('howdah %s lists its commands, each under a heading', async (name) => {
    const { status, stdout } = await runCli(UNREACHABLE_URL, name, '--help');
    expect(status).toBe(0);
    const noun = commandOf(name);
    expect(stdout).toMatch(new RegExp(`^Examples:\n[^]*\nUsage: howdah ${name} COMMAND\n`));
    expect(stdout).not.toContain('\nCommands:');
    for (const command of noun.commands)
      expect(stdout).toMatch(new RegExp(`^  ${command.name()} `, 'm'));
  });

  test('shows the path of a command that is named with its noun', async () => {
    const { stdout } = await runCli(UNREACHABLE_URL, 'admin', 'key', 'create', '--help');
    expect(stdout).toContain('Usage: howdah admin key create [options] <name>');
  });
});

describe('names of earlier releases', () => {
  const NAMES = `start dev worker api migrate demo doctor db backup restore apply validate diff export import run
    run-agent chat watch logs top open executions runs ls show explain cancel pause resume retry fork export-run replay
    questions answer approve reject agents workflows models prompts tools mcp schedules webhooks alerts policies filters
    settings sql psql versions secret secrets token users login logout profiles export-user erase-user retention key
    keys generate bench chaos completion`;

  test.each(NAMES.split(/\s+/))('howdah %s works', async (name) => {
    const { status, stdout } = await runCli(UNREACHABLE_URL, name, '--help');
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringMatching(new RegExp(`\nUsage: howdah (\\w+\\|)?${name}\\b`)),
    });
  });

  test('howdah dev starts, as it did before it had commands', async () => {
    const { status, stderr } = await runCli(UNREACHABLE_URL, 'dev', '--prot', '1');
    expect(status).toBe(2);
    expect(stderr).toContain('Did you mean --port?');
  });
});

describe('an unknown command', () => {
  test.each([
    [['secert'], 'Did you mean admin secret?'],
    [['cancle'], 'Did you mean cancel?'],
    [['admin', 'secert'], 'Did you mean secret?'],
    [['dev', 'replya'], 'Did you mean replay?'],
    [['db', 'strat'], 'Did you mean start?'],
  ])('%j is answered with a similar one', async (argv, hint) => {
    const { status, stderr } = await runCli(UNREACHABLE_URL, ...argv);
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(hint) });
  });
});
