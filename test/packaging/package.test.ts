import { execFile, execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { productionPaths } from '../../packaging/licences.ts';
import { packHowdah } from '../../packaging/pack-howdah.ts';
import { startEmbedded, stopEmbedded } from '../../src/db/embedded/embedded.ts';
import { installPacked } from './install-packed.ts';

// The package as a user installs it: packed, and unpacked in an empty folder with only the packages
// that production installs.

vi.setConfig({ testTimeout: 900_000, hookTimeout: 600_000 });

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);
const { DATABASE_URL: _, ...env } = process.env;

let folder: string;
let app: string;
let howdah: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'howdah-package-'));
  chmodSync(folder, 0o755);
  app = join(folder, 'app');
  howdah = join(app, 'node_modules/howdah');
  await installPacked(await packHowdah(folder), join(app, 'node_modules'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
}

async function cli(...argv: string[]) {
  const child = spawn(process.execPath, [join(howdah, 'bin/howdah'), ...argv], { cwd: app, env });
  const printed = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text) => {
    printed.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    printed.stderr += text;
  });
  const status = await new Promise((resolve) => child.once('close', resolve));
  return { status, ...printed };
}

const rowsOf = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

test('the package contains what runs and no tests, and knows its version', async () => {
  const folders = ['bench', 'chaos', 'pages', 'src', 'vendor', 'workers'];
  expect(readdirSync(join(howdah, 'dist')).sort()).toEqual(['THIRD_PARTY_NOTICES.txt', ...folders]);
  for (const name of ['vitest', 'postgraphile', 'grafast', 'openai', 'ruru'])
    expect(existsSync(join(app, 'node_modules', name))).toBe(false);
  const { version } = readJson('package.json') as { version: string };
  expect(await cli('--version')).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' });
});

test('links of the README lead to files of the package', () => {
  const text = readFileSync(join(howdah, 'README.md'), 'utf8');
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, path = '']) => path);
  expect(links.length).toBeGreaterThan(5);
  expect(links.filter((path) => !existsSync(join(howdah, path)))).toEqual([]);
  expect(existsSync(join(howdah, 'docs/.vitepress'))).toBe(false);
});

test('the package imports only what is installed with it', () => {
  const { dependencies } = readJson('package.json') as { dependencies: Record<string, string> };
  const dist = join(howdah, 'dist');
  const imported = readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.js') && !/^(?:vendor|pages)\//.test(file))
    .flatMap((file) => {
      const text = readFileSync(join(dist, file), 'utf8');
      return [...text.matchAll(/^(?:import|export) [^;]*?from '([^'.][^']*)';$/gm)];
    })
    .map(([, name = '']) => name.split('/', name.startsWith('@') ? 2 : 1).join('/'));
  const foreign = imported.filter((name) => !name.startsWith('node:') && !(name in dependencies));
  expect(imported).toContain('fastify');
  expect([...new Set(foreign)]).toEqual([]);
});

test('an installation has at most 180 packages and 180 MB', () => {
  const installed = productionPaths().filter((path) => existsSync(join(ROOT, path)));
  expect(installed.length).toBeLessThan(180); // and Howdah itself
  const kilobytes = [howdah, ...installed.map((path) => join(ROOT, path))].map(diskUse);
  expect(kilobytes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(180 * 1024);
});

/** Returns the kilobytes of a package on disk, without the packages inside it. */
function diskUse(path: string): number {
  const printed = execFileSync('du', ['-sk', '--exclude=node_modules', '.'], { cwd: path });
  return Number.parseInt(printed.toString(), 10);
}

test('a program that imports the package passes tsc without skipLibCheck', async () => {
  const program = `import { connect, start } from 'howdah';
    const agents = await connect('http://127.0.0.1:8000').call('listAgents');
    export const names: string[] = agents.data.map(({ name }) => name);
    export const stop: () => Promise<void> = (await start({ api: false })).close;\n`;
  writeFileSync(join(app, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(app, 'program.ts'), program);
  const options = ['--module', 'nodenext', '--target', 'es2024', '--types', 'node'];
  const checked = ['--strict', '--noEmit', '--skipLibCheck', 'false', ...options, 'program.ts'];
  const tsc = run(join(ROOT, 'node_modules/.bin/tsc'), checked, { cwd: app });
  const { stdout } = await tsc.catch((error: { stdout: string }) => error);
  expect(stdout).toBe('');
});

describe('howdah bench', () => {
  test('measures on its own embedded server', async () => {
    const names = ['steps', 'recovery'];
    const { status, stdout, stderr } = await cli('bench', ...names, '--rounds', '1', '--json');
    expect(status, stderr).toBe(0);
    const figures = rowsOf(stdout);
    expect([...new Set(figures.map(({ bench }) => bench))]).toEqual(names);
    expect(figures.map(({ figure }) => figure)).toEqual(
      expect.arrayContaining(['steps_per_second', 'raw_node_steps_per_second', 'recovery_ms_max']),
    );
    expect(figures.every(({ value }) => typeof value === 'number')).toBe(true);
    expect(stderr).toMatch(/^\d+ cores /m);
    expect(stderr).toMatch(/^Node v\d+.*, PostgreSQL \d+.*fsync on/m);
  });

  test('measures on the server of a login that may create databases and roles, and leaves none', async () => {
    const home = join(folder, 'home');
    mkdirSync(home, { mode: 0o755 });
    const { url } = await startEmbedded({ home });
    const client = new pg.Client({ connectionString: url });
    try {
      await client.connect();
      await client.query(`create role tester login createdb createrole password 's3cret'`);
      await client.query('create database mine owner tester');
      const theirs = new URL(url);
      Object.assign(theirs, { username: 'tester', password: 's3cret', pathname: '/mine' });
      const before = await listDatabasesAndRoles(client);
      const argv = ['bench', 'query', '--rounds', '1', '--database-url', theirs.toString()];
      const { status, stdout, stderr } = await cli(...argv);
      expect(status, stderr).toBe(0);
      expect(stdout).toMatch(/^query_ms_p50 +[\d.]+ +[\d.]+ +[\d.]+ {2}ms$/m);
      expect(stdout).toMatch(/^\d+ cores /m);
      expect(stdout).toMatch(/^figure +min +median +max +unit$/m);
      expect(await listDatabasesAndRoles(client)).toEqual(before);
    } finally {
      await client.end();
      await stopEmbedded(home);
    }
  });
});

async function listDatabasesAndRoles(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query(
    `select datname::text as name from pg_database union all
     select rolname from pg_roles where rolname !~ '^pg_' order by 1`,
  );
  return rows.map(({ name }) => name);
}

test('howdah chaos breaks its own server and finds every promise kept', async () => {
  const words = ['--minutes', '0.1', '--workers', '2', '--seed', '7', '--only', 'kill,cut'];
  const { status, stdout, stderr } = await cli('chaos', ...words, '--json');
  expect(status, stderr).toBe(0);
  const { seed, kept, items, broken } = JSON.parse(stdout);
  expect({ seed, kept, broken }).toEqual({ seed: 7, kept: true, broken: [] });
  expect(items.at(-1)).toMatchObject({ fault: 'all of them', lost: 0, doubled: 0, violations: 0 });
  expect(items.at(-1).injected).toBeGreaterThan(0);
  expect(items.at(-1).runs).toBeGreaterThan(50);
});
