import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { startTestApi } from '../../../api/harness.ts';
import { tokenOptions } from '../../../api/subscriptions/tokens.ts';
import { makeRun } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { runCli, startAtTerminal } from '../../run-cli.ts';

/** Nothing listens here, so a command that connects fails. */
const UNREACHABLE_URL = 'postgresql://127.0.0.1:1/nowhere';
const ID = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
const db = testDatabase();
let open: ApiServer;
let guarded: ApiServer;
let outsider: Server;
let key: string;
let run: string;
/** Contains replacements of the programs that open pages, which record their arguments. */
const folder = mkdtempSync(join(tmpdir(), 'howdah-open-'));
const argumentsFile = join(folder, 'told');

beforeAll(async () => {
  [open, guarded] = await Promise.all([startTestApi(db.url), startTestApi(db.url, tokenOptions)]);
  outsider = createServer((_, response) => response.end('<html>'));
  await new Promise<void>((resolve) => outsider.listen(0, '127.0.0.1', resolve));
  run = await makeRun(db.pool, { run_at: '2100-01-01' });
  key = (await runCli(db.url, 'key', 'create', 'desk')).stdout.trim();
  for (const program of ['xdg-open', 'open']) {
    writeFileSync(join(folder, program), `#!/bin/sh\nprintf '%s\\n' "$@" > '${argumentsFile}'\n`, {
      mode: 0o755,
    });
  }
});
afterAll(async () => {
  outsider?.close();
  rmSync(folder, { recursive: true, force: true });
  await Promise.all([open, guarded].map((api) => api?.close()));
});
beforeEach(() => {
  for (const name of ['HOWDAH_API_KEY', 'SSH_CONNECTION', 'SSH_TTY']) vi.stubEnv(name, '');
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env.PATH}`);
  vi.stubEnv('DISPLAY', ':0');
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(argumentsFile, { force: true });
});

const howdah = (...argv: string[]) => runCli(UNREACHABLE_URL, 'open', ...argv);
const atTerminal = (...argv: string[]) => startAtTerminal(UNREACHABLE_URL, 'open', ...argv).end();
const expectHint = () => {
  try {
    return readFileSync(argumentsFile, 'utf8');
  } catch {
    return undefined;
  }
};

/** Waits for output of the program, which may be slow. */
const waitForOutput = (text: string) =>
  vi.waitFor(() => expect(expectHint()).toBe(text), { timeout: 60_000, interval: 20 });

test('howdah open prints the URL of the console, or of its page of a run', async () => {
  expect(await howdah('--api', open.url)).toEqual({
    status: 0,
    stdout: `${open.url}/\n`,
    stderr: '',
  });
  for (const named of [run, run.toUpperCase(), '-']) {
    expect(await howdah(named, '--api', `${open.url}/`)).toMatchObject({
      status: 0,
      stdout: `${open.url}/runs/${run}\n`,
      stderr: '',
    });
  }
  const { stdout } = await howdah(run, '--api', open.url, '--json');
  expect(JSON.parse(stdout)).toEqual({
    url: `${open.url}/runs/${run}`,
    page: 'console',
    execution_id: run,
  });
  expect(expectHint()).toBeUndefined();
});

test('howdah open without a named server uses HOST and PORT', async () => {
  vi.stubEnv('PORT', `${open.port}`);
  expect((await howdah()).stdout).toBe(`http://127.0.0.1:${open.port}/\n`);
  vi.stubEnv('PORT', '0');
  expect(await howdah()).toMatchObject({ status: 2, stdout: '' });
});

test('howdah open sends the key to a server that requires it, and never prints it', async () => {
  expect(await howdah(run, '--api', guarded.url)).toMatchObject({ status: 4, stdout: '' });
  vi.stubEnv('HOWDAH_API_KEY', key);
  const opened = await atTerminal(run, '--api', guarded.url);
  expect(opened).toMatchObject({ status: 0, stdout: `${guarded.url}/runs/${run}\n` });
  expect(opened.stderr).toContain('Log in there');
  await waitForOutput(opened.stdout);
  expect(JSON.stringify(opened)).not.toContain(key);
});

test('howdah open starts a browser only at a local terminal', async () => {
  expect((await atTerminal('--api', open.url)).status).toBe(0);
  await waitForOutput(`${open.url}/\n`);
  rmSync(argumentsFile);
  await atTerminal('--api', open.url, '--json');
  vi.stubEnv('SSH_CONNECTION', '10.0.0.1 1 10.0.0.2 22');
  expect((await atTerminal('--api', open.url)).stdout).toBe(`${open.url}/\n`);
  expect(expectHint()).toBeUndefined();
});

test('a browser that fails to open is not an error', async () => {
  vi.stubEnv('PATH', join(folder, 'nothing'));
  expect(await atTerminal('--api', open.url)).toEqual({
    status: 0,
    stdout: `${open.url}/\n`,
    stderr: 'The browser could not be opened. Open the URL yourself.\n',
  });
});

test.each<[string[], number, string, string]>([
  [['x'], 2, 'x is not the id of an execution', 'howdah runs'],
  [[ID, 'more'], 2, 'too many arguments', 'howdah open --help'],
  [['--api', 'javascript:alert(1)'], 2, '--api is not a server address', 'http'],
  [['--api', 'http://me:s3cret@127.0.0.1'], 2, '--api is not a server address', 'http'],
  [['--api', 'http://127.0.0.1:1'], 8, 'http://127.0.0.1:1 cannot be reached', 'address'],
])('%j exits with %i and a reason', async (argv, status, message, hint) => {
  const failed = await atTerminal(...argv);
  expect(failed).toMatchObject({ status, stdout: '' });
  expect(failed.stderr).toContain(message);
  expect(failed.stderr).toContain(hint);
  expect(failed.stderr).not.toContain('s3cret');
  expect(expectHint()).toBeUndefined();
});

test('howdah open exits 8 without a Howdah server, and 3 for a missing run', async () => {
  vi.stubEnv('PORT', '1');
  expect(await howdah()).toMatchObject({
    status: 8,
    stdout: '',
    stderr: expect.stringContaining('howdah start'),
  });
  vi.stubEnv('PORT', `${(outsider.address() as AddressInfo).port}`);
  expect(await atTerminal()).toMatchObject({
    status: 8,
    stdout: '',
    stderr: expect.stringContaining('is not a Howdah server'),
  });
  expect(await howdah(ID, '--api', open.url)).toMatchObject({
    status: 3,
    stdout: '',
    stderr: expect.stringContaining(`there is no execution ${ID}`),
  });
  expect(expectHint()).toBeUndefined();
});
