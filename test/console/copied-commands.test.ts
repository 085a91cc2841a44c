import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { buildSchema, parse, validate } from 'graphql';
import { expect, test } from 'vitest';
import { register as registerRun } from '../../src/cli/commands/agents/run.ts';
import { register as registerSql } from '../../src/cli/commands/data/sql.ts';
import { register as registerAudit } from '../../src/cli/commands/people/audit.ts';
import { register as registerFork } from '../../src/cli/commands/runs/fork.ts';
import { readTextArgument } from '../../src/cli/input/input-argument.ts';
import type { CliIo } from '../../src/cli/output/output.ts';
import { copyStart } from '../../src/console/answers/copy-start.ts';
import { copyFork } from '../../src/console/forks/copy-fork.ts';
import { curlCommand } from '../../src/console/parts/command-line.ts';
import { copyAudit } from '../../src/console/system/audit/copy-audit.ts';
import { copyQuery } from '../../src/console/system/sql/copy-query.ts';

// What the console copies for the command line means the same there, whatever a person wrote.

const io = { stdin: undefined, json: false } as unknown as CliIo;
const ID = '01a219e4-6fc6-7aa2-ae61-e88492647c09';
const ROOT = new URL('http://127.0.0.1:8000/howdah/');
const WORDS = ['@notes.txt', '@@twice', '-5', '--tree', '-- a comment\nselect 1', `it's "5" $HOME`];

/** Splits a command line as a shell does, and reads the words after `path` as the command does. */
async function readCommand(
  line: string | undefined,
  path: string,
  register: (command: Command, io: CliIo) => void,
) {
  const printed = `printf '%s\\0' ${line?.replace(`npx howdah ${path}`, '')}`;
  const words = execFileSync('sh', ['-c', printed], { encoding: 'utf8' }).split('\0').slice(0, -1);
  const command = new Command(path).exitOverride();
  register(command, io);
  command.action(() => {});
  await command.parseAsync(words, { from: 'user' });
  return { args: command.args, options: command.opts() };
}

test.each(WORDS)('the message %j reaches its agent', async (message) => {
  const { cli } = copyStart(
    { agent: '-agent', message, version: '2', overrides: { model: '-m' } },
    ROOT,
  );
  const { args, options } = await readCommand(cli, 'run', registerRun);
  expect(args[0]).toBe('-agent');
  expect(await readTextArgument(io, 'the message', args[1] ?? '')).toBe(message);
  expect(options).toMatchObject({ asVersion: '2', overrides: '{"model":"-m"}' });
});

test.each(WORDS)('the input %j reaches a fork', async (input) => {
  const { cli } = copyFork({ id: ID, seq: 0, input, inputData: -5 }, ROOT);
  const { args, options } = await readCommand(cli, 'runs fork', registerFork);
  expect(args).toEqual([ID]);
  expect(await readTextArgument(io, 'the input', options.input)).toBe(input);
  expect(options).toMatchObject({ seq: 0, inputData: '-5' });
});

test.each(['-- a comment\nselect 1', "select '@'"])('the query %j is read whole', async (query) => {
  const { cli } = copyQuery(query, 20, ROOT);
  const { args, options } = await readCommand(cli, 'sql', registerSql);
  expect([args, options.limit]).toEqual([[query], 20]);
});

test('each language asks for the entries of the audit log that the page shows', async () => {
  const forms = copyAudit({ action: 'update', object_id: ID }, ROOT);
  const { options } = await readCommand(forms.cli, 'admin audit', registerAudit);
  expect(options).toEqual({ action: 'update', objectId: ID, limit: 50 });
  const schema = buildSchema(readFileSync('src/api/schema.graphql', 'utf8'));
  expect(validate(schema, parse(forms.graphql ?? ''))).toEqual([]);
  expect(forms.curl).toContain('limit=50');
});

test('a single dash is standard input, so that it is left to the other languages', () => {
  expect(copyStart({ agent: 'a', message: '-' }, ROOT)).toMatchObject({ cli: undefined });
  expect(copyFork({ id: ID, seq: 2, input: '-' }, ROOT)).toMatchObject({ cli: undefined });
  expect(copyQuery('-', 20, ROOT).cli).toBeUndefined();
});

test('a body of curl is one word of the shell', () => {
  const line = curlCommand(ROOT, { comment: `it's "5"`, score: undefined }).split('\n').join(' ');
  const words = execFileSync('sh', ['-c', `printf '%s\\0' ${line.replaceAll('\\ ', '')}`], {
    encoding: 'utf8',
    env: { HOWDAH_KEY: 'k' },
  }).split('\0');
  expect(words).toEqual([
    ...['curl', ROOT.href, '-H', 'Authorization: Bearer k', '-H'],
    ...['Content-Type: application/json', '-d', `{"comment":"it's \\"5\\""}`, ''],
  ]);
});
