import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { describe, expect, test, vi } from 'vitest';
import type { CommandEntry } from '../../../src/cli/command-entry.ts';
import { described } from '../../../src/cli/help/command-metadata.generated.ts';
import { listenForInterrupts } from '../../../src/cli/interrupts.ts';
import { main } from '../../../src/cli/main.ts';
import { type CliIo, printJson, printTable } from '../../../src/cli/output/output.ts';
import { HowdahError } from '../../../src/contracts/errors.ts';

describe('usage errors', () => {
  test.each([
    [['strat'], "error: unknown command 'strat'\n hint: Did you mean start?\n"],
    [
      ['start', '--prot'],
      "error: unknown option '--prot'\nusage: howdah start [options] ARGS\n hint: Did you mean --port?\n",
    ],
    [
      ['start', '--jsno'],
      "error: unknown option '--jsno'\nusage: howdah start [options] ARGS\n hint: Did you mean --json?\n",
    ],
    [['start', 'x'], /^error: too many arguments for 'start'\./],
    [['zzz'], "error: unknown command 'zzz'\n hint: `howdah --help` lists commands and options.\n"],
  ])('%j exits 2 with a suggestion', async (argv, expected) => {
    const { status, stdout, stderr } = await cli(argv, { start: () => {} });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(expected);
  });

  test('name all arguments and options that are missing', async () => {
    const define = (command: Command) =>
      command.argument('<name>').requiredOption('--kind <value>', 'kind');
    const { status, stderr } = await cli(['start'], { start: () => {} }, define);
    expect(stderr).toMatch(/^error: missing <name>, --kind <value>\n/);
    expect(status).toBe(2);
  });

  test('with --json prints one object on stderr', async () => {
    const { stderr } = await cli(['strat', '--json'], { start: () => {} });
    expect(JSON.parse(stderr)).toEqual({
      error: { code: 'EUSAGE', message: "unknown command 'strat'", hint: 'Did you mean start?' },
    });
  });

  test.each([[['--help']], [['help']]])('%j prints help and exits 0', async (argv) => {
    const { status, stdout } = await cli(argv, { start: () => {} });
    expect(status).toBe(0);
    expect(stdout).toMatch(/start ARGS +what start does/);
  });

  test.each([[['help', 'start']], [['start', '--help']]])(
    '%j loads the command first',
    async (argv) => {
      const { status, stdout } = await cli(argv, { start: () => {} });
      expect(status).toBe(0);
      expect(stdout).toContain('--port <n>');
      expect(stdout).toContain('--database-url <url>');
    },
  );
});

test('no indented line of a description is wrapped, which would lose its indent', () => {
  const lines = Object.values(described)
    .flatMap(({ description, verbs = [] }) => [description, ...verbs.map((one) => one.description)])
    .flatMap((description) => description.split('\n'));
  expect(lines.filter((line) => line.startsWith(' ') && line.length > 80)).toEqual([]);
});

describe('a command', () => {
  test('prints its result to stdout and its messages to stderr', async () => {
    const action = (io: CliIo) => {
      io.err('working');
      io.out('done');
    };
    expect(await cli(['start'], { start: action })).toEqual({
      status: 0,
      stdout: 'done\n',
      stderr: 'working\n',
      exits: [],
    });
  });

  test('prints tables and JSON', async () => {
    const action = (io: CliIo) => {
      printTable(io, [
        { name: 'a', count: 10, at: new Date(0) },
        { name: 'long name', count: null, at: { b: 1 } },
      ]);
      printTable(io, []);
      printJson(io, { a: 1 });
    };
    const { stdout } = await cli(['start'], { start: action });
    expect(stdout.split('\n')).toEqual([
      'NAME       COUNT  AT',
      'a          10     1970-01-01T00:00:00.000Z',
      'long name         {"b":1}',
      '{"a":1}',
      '',
    ]);
  });

  test('prints no terminal control sequence from foreign text', async () => {
    const text = 'a\u001b[2J\u001b]0;owned\u0007\u009b31mb';
    const result = await cli(['start'], {
      start: (io) => printTable(io, [{ text, more: { text } }]),
    });
    expect(result.stdout.split('\n')).toEqual([
      'TEXT                 MORE',
      'a [2J ]0;owned 31mb  {"text":"a\\u001b[2J\\u001b]0;owned\\u0007 31mb"}',
      '',
    ]);
    const failed = await cli(['start'], {
      start: () => {
        throw new HowdahError('HWINV', text, { hint: text });
      },
    });
    const seen = 'a\\u001b[2J\\u001b]0;owned\\u0007\\u009b31mb';
    expect(failed.stderr).toBe(`error: ${seen}\n hint: ${seen}\n`);
  });

  test('accepts the global options before and after its name', async () => {
    const action = async (io: CliIo) => printJson(io, [io.json, (await io.config()).databaseUrl]);
    const url = 'postgres://me:s3cret@db.example/x';
    const before = await cli(['--json', '--database-url', url, 'start'], { start: action });
    const after = await cli(['start', '--database-url', url, '--json'], { start: action });
    expect(before).toEqual(after);
    expect(JSON.parse(before.stdout)).toEqual([true, url]);
  });

  test('uses only the database of --database-url, not the direct or replica URL of the environment', async () => {
    const url = 'postgres://me@db.example/x';
    vi.stubEnv('DATABASE_URL', 'postgres://me@pooler.example/production');
    vi.stubEnv('DATABASE_DIRECT_URL', 'postgres://me@server.example/production');
    vi.stubEnv('DATABASE_REPLICA_URL', 'postgres://me@replica.example/production');
    try {
      const action = async (io: CliIo) => {
        const { databaseUrl, poolerUrl = null, replicaUrl = null } = await io.config();
        printJson(io, { databaseUrl, poolerUrl, replicaUrl });
      };
      const { stdout } = await cli(['start', '--database-url', url, '--json'], { start: action });
      expect(JSON.parse(stdout)).toEqual({ databaseUrl: url, poolerUrl: null, replicaUrl: null });
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('treats --json after -- as an argument', async () => {
    const { stderr } = await cli(['start', '--', '--json', 'x'], { start: () => {} });
    expect(stderr).toMatch(/^error: too many/);
  });

  test('exits with the status of the error code', async () => {
    const action = () => {
      throw new HowdahError('HWNTF', 'No run 7.', {
        hint: 'See `howdah executions`.',
        detail: [7],
      });
    };
    expect(await cli(['start'], { start: action })).toMatchObject({
      status: 3,
      stdout: '',
      stderr: 'error: No run 7.\n hint: See `howdah executions`.\n',
    });
    const { stderr } = await cli(['start', '--json'], { start: action });
    expect(JSON.parse(stderr).error.detail).toEqual([7]);
  });

  test('names the server but never the password when its login is rejected', async () => {
    const action = async (io: CliIo) => {
      await io.config();
      throw Object.assign(new Error('password authentication failed'), { code: '28P01' });
    };
    const argv = ['start', '--database-url', 'postgres://me:s3cret@db.example/x'];
    const { status, stderr } = await cli(argv, { start: action });
    expect(status).toBe(4);
    expect(stderr).toContain('db.example:5432');
    expect(stderr).not.toContain('s3cret');
  });

  test('may set its exit status', async () => {
    const { status } = await cli(['start'], { start: (io) => io.setExitCode(7) });
    expect(status).toBe(7);
  });
});

describe('Ctrl-C', () => {
  test('ends a command without an interrupt handler', async () => {
    const { exits } = await cli(['start'], { start: (_, signal) => signal('SIGINT') });
    expect(exits).toEqual([130]);
  });

  test('is left to a child program, which receives it directly at a terminal', () => {
    for (const isTTY of [false, true]) {
      const passed: string[] = [];
      const exits: number[] = [];
      const stream = Object.assign(new PassThrough(), { isTTY });
      const exit = (status: number) => {
        exits.push(status);
      };
      const host = Object.assign(new EventEmitter(), { stdout: stream, stderr: stream, exit });
      listenForInterrupts(host).leave((signal) => passed.push(signal));
      for (const signal of ['SIGINT', 'SIGINT', 'SIGTERM']) host.emit(signal);
      const interrupts = isTTY ? [] : ['SIGINT', 'SIGINT'];
      expect({ passed, exits }).toEqual({ passed: [...interrupts, 'SIGTERM'], exits: [] });
    }
  });

  test('once lets a command finish and exit 130; twice ends it immediately', async () => {
    let stops = 0;
    const action = (io: CliIo, signal: (name: string) => void) => {
      io.onInterrupt(() => {
        stops += 1;
      });
      signal('SIGINT');
      expect(stops).toBe(1);
      signal('SIGINT');
    };
    expect(await cli(['start'], { start: action })).toMatchObject({ status: 130, exits: [130] });
    expect(stops).toBe(1);
  });
});

type Action = (io: CliIo, signal: (name: string) => void) => unknown;

/** Runs a command line with these commands, each of which accepts `--port <n>`. */
async function cli(
  argv: readonly string[],
  actions: Record<string, Action>,
  define = (command: Command) => command,
) {
  const exits: number[] = [];
  const host = Object.assign(new EventEmitter(), {
    stdout: new PassThrough({ encoding: 'utf8' }),
    stderr: new PassThrough({ encoding: 'utf8' }),
    exit: (status: number) => {
      exits.push(status);
    },
  });
  const entries = Object.entries(actions).map(
    ([name, action]): CommandEntry => ({
      name,
      summary: `what ${name} does`,
      args: 'ARGS',
      load: async () => ({
        register: (command, io) =>
          define(command)
            .option('--port <n>', 'a port')
            .action(() => action(io, (signal) => host.emit(signal)) as Promise<void>),
      }),
    }),
  );
  const status = await main(argv, host, entries);
  return { status, stdout: host.stdout.read() ?? '', stderr: host.stderr.read() ?? '', exits };
}
