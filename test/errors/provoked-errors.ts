import { PassThrough } from 'node:stream';
import { errorAnswerOf, problemOf } from '../../src/api/errors/answer-error.ts';
import { RETRY_AFTER } from '../../src/api/http/request-queue.ts';
import { exitCodeFor, reportOf } from '../../src/cli/output/exit-codes.ts';
import { readHidden } from '../../src/cli/output/hidden-input.ts';
import { type CliIo, createOutput, printError } from '../../src/cli/output/output.ts';
import { connect } from '../../src/client/connect.ts';
import { runProgram } from '../../src/db/embedded/program.ts';
import { makeHome } from '../../src/db/embedded/system-account.ts';
import { startTestApi } from '../api/harness.ts';
import { runCli } from '../cli/run-cli.ts';
import { asPrinted, type ExampleServers, httpAnswer, json } from './example-servers.ts';
import { runErrors } from './run-errors.ts';

/**
 * Errors that no request of a page can provoke. Each function returns the response as its interface
 * shows it.
 */
export const provokedErrors: Readonly<
  Record<string, (servers: ExampleServers) => Promise<string>>
> = {
  EINTERNAL: async () => formatServerError(new Error('a fault')),
  EUNREACHABLE: async () => formatServerError(Object.assign(new Error('gone'), { code: '57P01' })),
  '53300': async () => formatServerError(new Error('timeout exceeded when trying to connect')),
  '57014': async () =>
    formatServerError(ofPostgres('57014', 'canceling statement due to statement timeout')),
  '40001': async () => formatServerError(ofPostgres('40P01', 'deadlock detected')),
  EINTERRUPTED: () => {
    const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => {} });
    stdin.write('sk-12\x03');
    const io = { stdin, err: () => {} } as unknown as CliIo;
    return formatCliError(() => readHidden(io, 'The value of openai:', { most: 100, example: '' }));
  },
  EFAILED: ({ api }) => formatThrownError(connect(api.url).agent('broken').send('Hello')),
  EWAITING: ({ api }) => formatThrownError(connect(api.url).agent('asker').send('Paint it')),
  EHOME: () => formatCliError(() => makeHome('/dev/null/howdah', undefined)),
  EPOSTGRES: () => formatCliError(() => runProgram('/nowhere/bin/initdb', [], undefined)),
  EADDRINUSE: ({ db, api }) =>
    formatCliError(() => startTestApi(db.url, { port: Number(new URL(api.url).port) })),
  ENOTFOUND: () =>
    formatCliError(() => {
      const hostname = 'db.example.com';
      throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), {
        code: 'ENOTFOUND',
        hostname,
      });
    }),
  '28P01': () =>
    formatCliError(() => {
      throw ofPostgres('28P01', 'password authentication failed for user "ada"');
    }),
  '57P03': () =>
    formatCliError(() => {
      throw ofPostgres('57P03', 'the database system is starting up');
    }),
  async '3D000'({ db }) {
    const url = new URL(db.url);
    url.pathname = '/shop';
    return asPrinted(await runCli(url.href, 'executions'));
  },
  async server_error({ api }) {
    const response = await fetch(`${api.url}/v1/responses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'broken', input: 'Hello', stream: true }),
    });
    const text = await response.text();
    const failed = text
      .split('\n')
      .find((line) => line.includes('"response.failed"') && line.startsWith('data: '));
    const event = JSON.parse(failed?.slice('data: '.length) ?? '{}');
    const { status, error } = event.response ?? {};
    return json({ type: event.type, response: { status, error } });
  },
  ...Object.fromEntries(
    Object.entries(runErrors).map(([code, arrange]) => [
      code,
      async ({ db }: ExampleServers) => json(await arrange(db.pool)),
    ]),
  ),
};

/** Formats an error as `howdah` prints it. */
async function formatCliError(work: () => unknown): Promise<string> {
  const report = reportOf(await faultOf(work));
  const stderr = new PassThrough({ encoding: 'utf8' });
  const stdout = new PassThrough();
  printError(createOutput({ json: false, color: false }, { stdout, stderr }), report);
  return asPrinted({ stderr: String(stderr.read()), status: exitCodeFor(report.code) });
}

/** Formats an error as the server answers it. */
function formatServerError(met: unknown): string {
  const failure = errorAnswerOf(met, () => {});
  const after = failure.status === 503 ? RETRY_AFTER : null;
  return httpAnswer(failure.status, after, JSON.parse(problemOf(failure).body));
}

/** Formats an error as a program catches it. */
async function formatThrownError(work: Promise<unknown>): Promise<string> {
  const { code, message, hint } = (await faultOf(() => work)) as Record<string, string>;
  return json({ code, message, hint });
}

async function faultOf(work: () => unknown): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing failed');
}

function ofPostgres(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
