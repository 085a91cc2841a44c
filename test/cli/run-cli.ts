import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { main } from '../../src/cli/main.ts';

export type CliResult = { status: number; stdout: string; stderr: string };

/** Runs one command line in this process, on a database of the test. */
export async function runCli(databaseUrl: string, ...argv: string[]): Promise<CliResult> {
  return startCli(databaseUrl, ...argv).end();
}

/** Runs one command line without a database, so that it uses the server of `howdah login`. */
export async function runWithoutDatabase(input: string, ...argv: string[]): Promise<CliResult> {
  const cli = start(undefined, argv, false);
  if (input !== '') cli.type(input);
  return cli.end();
}

/** A running command: its output so far, its input, and Ctrl-C. */
export type StartedCli = {
  stdout(): string;
  stderr(): string;
  type(line: string): void;
  interrupt(): void;
  /** Waits until the command returns without the end of its input. */
  waitForReturn(): Promise<number>;
  /** Closes the input, and waits until the command returns. */
  end(): Promise<CliResult>;
};

/** Starts one command line in this process, on a database of the test. */
export function startCli(databaseUrl: string, ...argv: string[]): StartedCli {
  return start(databaseUrl, argv, false);
}

/** Starts the CLI at a terminal. `type` sends input, with keys as terminals send them. */
export function startAtTerminal(databaseUrl: string, ...argv: string[]): StartedCli {
  return start(databaseUrl, argv, true);
}

function start(databaseUrl: string | undefined, argv: string[], isTTY: boolean): StartedCli {
  const host = Object.assign(new EventEmitter(), {
    patienceMs: 120_000, // a machine may be slow
    stdin: Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY }),
    stdout: Object.assign(new PassThrough({ encoding: 'utf8' }), { isTTY }),
    stderr: new PassThrough({ encoding: 'utf8' }),
    exit: (code: number) => {
      exited ??= code;
    },
  });
  let exited: number | undefined;
  const printed = { stdout: '', stderr: '' };
  host.stdout.on('data', (text) => {
    printed.stdout += text;
  });
  host.stderr.on('data', (text) => {
    printed.stderr += text;
  });
  const named = databaseUrl === undefined ? [] : ['--database-url', databaseUrl];
  const status = main([...named, ...argv], host);
  return {
    stdout: () => printed.stdout,
    stderr: () => printed.stderr,
    type: (line) => host.stdin.write(`${line}\n`),
    interrupt: () => host.emit('SIGINT'),
    waitForReturn: () => status,
    async end() {
      host.stdin.end();
      const returned = await status;
      return { status: exited ?? returned, ...printed };
    },
  };
}
