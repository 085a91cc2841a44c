import { createServer } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { runCli, startCli } from '../run-cli.ts';

const db = testDatabase();

beforeEach(() => void vi.stubEnv('HOWDAH_AUTH', 'none'));
afterEach(() => vi.unstubAllEnvs());

/** Returns a port on which nothing listens. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test.each(['start', 'api'])('howdah %s listens on --port and --host', async (command) => {
  vi.stubEnv('PORT', 'not a port');
  vi.stubEnv('HOST', 'not a host');
  const port = await freePort();
  const cli = startCli(db.url, command, '--port', `${port}`, '--host', 'localhost');
  await expect.poll(cli.stderr).toContain('Howdah is ready.');
  try {
    expect(cli.stderr()).toContain(`http://localhost:${port}/graphql`);
    expect((await fetch(`http://localhost:${port}/healthz`)).status).toBe(200);
  } finally {
    cli.interrupt();
  }
  expect(await cli.waitForReturn()).toBe(0);
});

test('the banner names the variables of each model, never their values', async () => {
  vi.stubEnv('OPENAI_BASE_URL', 'http://127.0.0.1:2/v1');
  vi.stubEnv('GROQ_API_KEY', 'canary-of-groq');
  vi.stubEnv('TTS_API_KEY', 'canary-of-tts');
  const cli = startCli(db.url, 'start', '--port', '0');
  await expect.poll(cli.stderr).toContain('Howdah is ready.');
  cli.interrupt();
  expect(await cli.waitForReturn()).toBe(0);
  expect(cli.stderr()).toMatch(/Models +default from OPENAI_BASE_URL$/m);
  expect(cli.stderr()).toMatch(/^ +groq from GROQ_API_KEY \(fallback 1\)$/m);
  expect(cli.stderr()).toMatch(/^ +tts from TTS_API_KEY$/m);
  expect(cli.stderr()).not.toContain('canary');
});

test('without options, the environment sets host and port', async () => {
  const port = await freePort();
  vi.stubEnv('PORT', `${port}`);
  const cli = startCli(db.url, 'api');
  await expect.poll(cli.stderr).toContain(`http://127.0.0.1:${port}/graphql`);
  cli.interrupt();
  expect(await cli.waitForReturn()).toBe(0);
});

test.each([
  ['--port', 'http', 'from 0 to 65535'],
  ['--port', '65536', 'from 0 to 65535'],
  ['--port', '-1', 'from 0 to 65535'],
  ['--port', '80.5', 'from 0 to 65535'],
  ['--host', 'http://here', 'an address or a host name'],
  ['--host', '', 'an address or a host name'],
])('%s %j is rejected with the accepted values', async (option, value, hint) => {
  const { status, stdout, stderr } = await runCli(db.url, 'start', `${option}=${value}`);
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain(option);
  expect(stderr).toContain(hint);
});

test.each(['start', 'api'])(
  'howdah %s on a database of others requires a login',
  async (command) => {
    vi.stubEnv('HOWDAH_AUTH', '');
    vi.stubEnv('PORT', '0');
    const rejected = await runCli(db.url, command);
    expect({ ...rejected, stderr: '' }).toEqual({ status: 4, stdout: '', stderr: '' });
    expect(rejected.stderr).toContain('HOWDAH_AUTH=none');

    const created = await runCli(db.url, 'admin', 'key', 'create', command, '--json');
    const { key } = JSON.parse(created.stdout);
    const cli = startCli(db.url, command);
    await expect.poll(cli.stderr).toContain('Howdah is ready.');
    try {
      expect(cli.stderr()).toMatch(/Login +required: API keys$/m);
      const [url] = /http:\/\/[\d.:]+/.exec(cli.stderr()) ?? [];
      expect((await fetch(`${url}/api/agents`)).status).toBe(401);
      const headers = { authorization: `Bearer ${key}` };
      expect((await fetch(`${url}/api/agents`, { headers })).status).toBe(200);
    } finally {
      cli.interrupt();
    }
    expect(await cli.waitForReturn()).toBe(0);
    await db.pool.query('delete from howdah.api_keys');
  },
);

test('the banner says who may call the API', async () => {
  vi.stubEnv('PORT', '0');
  const open = startCli(db.url, 'api');
  await expect.poll(open.stderr).toMatch(/Login +none, this machine only$/m);
  open.interrupt();
  expect(await open.waitForReturn()).toBe(0);
  vi.stubEnv('HOWDAH_AUTH', 'required');
  vi.stubEnv('HOWDAH_JWT_SECRET', 'canary'.repeat(8));
  const closed = startCli(db.url, 'api');
  await expect
    .poll(closed.stderr)
    .toMatch(/Login +required: API keys, tokens of HOWDAH_JWT_SECRET$/m);
  closed.interrupt();
  expect(await closed.waitForReturn()).toBe(0);
  expect(closed.stderr()).not.toContain('canary');
});

test('a public address is rejected when no login is required', async () => {
  const { status, stderr } = await runCli(db.url, 'api', '--port', '0', '--host', '0.0.0.0');
  expect(status).toBe(2);
  expect(stderr).toContain('HOST is 0.0.0.0');
});
