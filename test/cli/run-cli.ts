import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import { main } from '../../src/cli/main.ts';

export type CliResult = { status: number; stdout: string; stderr: string };

/** Runs one command line in this process, on a database of the test. */
export async function runCli(databaseUrl: string, ...argv: string[]): Promise<CliResult> {
  const host = Object.assign(new EventEmitter(), {
    stdout: new PassThrough({ encoding: 'utf8' }),
    stderr: new PassThrough({ encoding: 'utf8' }),
    exit: () => {},
  });
  const status = await main(['--database-url', databaseUrl, ...argv], host);
  return { status, stdout: host.stdout.read() ?? '', stderr: host.stderr.read() ?? '' };
}
