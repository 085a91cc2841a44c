import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { embeddedUrl, stopEmbedded } from '../../../src/db/embedded/embedded.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const bin = join(import.meta.dirname, '../../../bin/howdah');
const root = mkdtempSync(join(tmpdir(), 'howdah-cli-'));
chmodSync(root, 0o755);
const home = join(root, 'home');

afterAll(async () => {
  await stopEmbedded(home);
  rmSync(root, { recursive: true, force: true });
});

describe('howdah db', () => {
  test('url starts the server and prints exactly one line on stdout', async () => {
    const first = await howdah(['db', 'url']);
    expect(first).toMatchObject({ status: 0, stdout: `${embeddedUrl(home)}\n` });
    expect(first.stderr).not.toBe('');
    const again = await howdah(['db', 'url']);
    expect(again).toEqual({ status: 0, stdout: first.stdout, stderr: '' });
  });

  test('start and stop return when done, and are repeatable', async () => {
    expect(JSON.parse((await howdah(['db', 'start', '--json'])).stdout)).toMatchObject({
      embedded: true,
      started: false,
    });
    expect(await howdah(['db', 'stop'])).toMatchObject({ status: 0, stdout: '' });
    expect(embeddedUrl(home)).toBeNull();
    expect(JSON.parse((await howdah(['db', 'stop', '--json'])).stdout).stopped).toBe(false);
  });

  test('with DATABASE_URL prints it and starts nothing', async () => {
    const DATABASE_URL = 'postgres://me:s3cret@db.example/x';
    expect(await howdah(['db', 'url'], { DATABASE_URL })).toMatchObject({
      status: 0,
      stdout: `${DATABASE_URL}\n`,
    });
    for (const verb of ['start', 'stop']) {
      const { status, stdout, stderr } = await howdah(['db', verb], { DATABASE_URL });
      expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
      expect(stderr).toContain(`an external server, which this command does not ${verb}`);
    }
  });

  test('with an invalid variable exits 2', async () => {
    expect(await howdah(['db', 'url'], { PORT: 'x' })).toMatchObject({ status: 2, stdout: '' });
  });
});

test.each([[['--help']], [['help', 'run']], [['key', 'create', '--help']]])(
  '%j loads no command, configuration or driver',
  async (argv) => {
    const source = `import { registerHooks } from 'node:module';
    registerHooks({ resolve(specifier, context, next) {
      const result = next(specifier, context);
      process._rawDebug(result.url);
      return result;
    } });`;
    const preload = `data:text/javascript,${encodeURIComponent(source)}`;
    const child = spawn(process.execPath, ['--import', preload, bin, ...argv], options());
    const loaded = (await waitForExit(child)).stderr.split('\n');
    expect(loaded.some((url) => url.includes('/commander/'))).toBe(true);
    const packages = loaded.flatMap(
      (url) => /node_modules\/(@[^/]+\/[^/]+|[^/]+)/.exec(url)?.[1] ?? [],
    );
    expect([...new Set(packages)]).toEqual(['commander']);
    expect(loaded.filter((url) => /src\/(config|db|api|runtime|cli\/commands)/.test(url))).toEqual(
      [],
    );
  },
);

test('a reader that closes the pipe causes no error', async () => {
  const child = spawn(process.execPath, [bin, '--help'], options());
  child.stdout?.destroy();
  expect(await waitForExit(child)).toMatchObject({ status: 0, stderr: '' });
});

test('--version prints the version of package.json; after a command it is an option of that command', async () => {
  expect((await howdah(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  expect((await howdah(['agents', '--version'])).stderr).toContain("unknown option '--version'");
});

/** An installed Node that cannot strip types, if there is one. */
const oldNode = ['/usr/bin/node', '/usr/local/bin/node'].find((file) => {
  const { stdout } = spawnSync(file, ['--version'], { encoding: 'utf8' });
  return Number(/^v(\d+)/.exec(stdout ?? '')?.[1]) < 22;
});

describe.runIf(oldNode)('under an older Node version', () => {
  test('re-executes with the Node of node_modules and returns its exit status', async () => {
    const child = spawn(oldNode ?? '', [bin, 'nope'], options());
    expect(await waitForExit(child)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining("unknown command 'nope'"),
    });
  });

  test('also kills the newer process when it is killed', async () => {
    const child = spawn(oldNode ?? '', [bin, 'worker'], options({ HOWDAH_LOG_LEVEL: 'error' }));
    await new Promise<void>((resolve) => {
      let said = '';
      child.stderr?.on('data', (chunk) => {
        said += chunk;
        if (said.includes('is ready')) resolve();
      });
    });
    child.kill('SIGKILL');
    await once(child, 'exit');
    const pool = new pg.Pool({ connectionString: embeddedUrl(home) ?? '' });
    const isGone = async () =>
      (await pool.query(`select from pg_stat_activity where application_name = 'howdah-live'`))
        .rowCount === 0;
    await expect.poll(isGone, { timeout: 60_000 }).toBe(true);
    await pool.end();
  });

  test('reports in one sentence that no newer Node was found', async () => {
    const child = spawn(oldNode ?? '', [bin, '--help'], options({ HOWDAH_REEXEC: '1' }));
    const { status, stdout, stderr } = await waitForExit(child);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(
      /^error: howdah needs Node 22\.18 or newer, and this is v\S+\.\n hint: .*`npm install node@24`.*\n$/,
    );
  });
});

test.runIf(process.platform === 'linux')(
  'SIGINT exits 130, even through an older Node',
  async () => {
    const dataDir = join(root, 'waiting/postgres');
    mkdirSync(dataDir, { recursive: true });
    // Simulates a server that takes long to recover; howdah waits for it.
    const slow = spawn('sleep', ['600'], { argv0: 'postgres', cwd: dataDir });
    const lines = [slow.pid, dataDir, 0, 5432, '', '127.0.0.1', '1 2', 'starting'];
    writeFileSync(join(dataDir, 'postmaster.pid'), lines.join('\n'));
    const env = { HOWDAH_HOME: join(root, 'waiting') };
    const child = spawn(oldNode ?? process.execPath, [bin, 'db', 'start'], options(env));
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said += chunk;
      if (said.includes('Waiting')) child.kill('SIGINT');
    });
    const { status, stderr } = await waitForExit(child);
    slow.kill();
    expect(stderr).toContain('Waiting');
    expect(status).toBe(130);
  },
);

function options(env: NodeJS.ProcessEnv = {}): SpawnOptions {
  const { DATABASE_URL: _, ...inherited } = process.env;
  return { cwd: root, env: { ...inherited, HOWDAH_HOME: home, ...env } };
}

function howdah(args: string[], env: NodeJS.ProcessEnv = {}) {
  return waitForExit(spawn(process.execPath, [bin, ...args], options(env)));
}

async function waitForExit(child: ReturnType<typeof spawn>) {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  const [status] = await once(child, 'close');
  return { status, stdout, stderr };
}
