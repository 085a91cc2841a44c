import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { variables } from '../../src/config.ts';
import { KEY_VARIABLES } from '../../src/providers/environment/variables.ts';
import { createApp } from './create-app.ts';

const ROOT = join(import.meta.dirname, '../..');
const PACKAGE = join(ROOT, 'packaging/create-howdah');
const TEMPLATE = join(PACKAGE, 'template');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'create-howdah-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const readText = (...path: string[]) => readFileSync(join(...path), 'utf8');
const readJson = (...path: string[]) => JSON.parse(readText(...path));

test('writes the template under the name of the folder, and says what to type', async () => {
  const { status, stdout, stderr } = await createApp(folder, 'my-shop');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(stdout.match(/^ {2}.*/gm)).toEqual(['  cd my-shop', '  npm install', '  npm start']);
  const app = join(folder, 'my-shop');
  const written = readdirSync(TEMPLATE).map((name) => name.replace(/^_/, '.'));
  expect(readdirSync(app).sort()).toEqual([...written, '.env'].sort());
  expect(readJson(app, 'package.json').name).toBe('my-shop');
  expect(readText(app, 'README.md')).toMatch(/^# my-shop\n/);
});

test('writes a password of its own for each app, which others cannot read', async () => {
  const passwords = new Set<string>();
  for (const name of ['first', 'second']) {
    expect(await createApp(folder, name)).toMatchObject({ status: 0 });
    const [, password = ''] =
      /^APP_PASSWORD=([\w-]{24})$/m.exec(readText(folder, name, '.env')) ?? [];
    passwords.add(password);
    expect(statSync(join(folder, name, '.env')).mode & 0o777).toBe(0o600);
    expect(readText(folder, name, '.gitignore')).toMatch(/^\.env$/m);
    expect(readText(folder, name, '.dockerignore')).toMatch(/^\.env$/m);
  }
  expect(passwords.size).toBe(2);
  expect(passwords).not.toContain('');
});

test('accepts a folder that contains only .git', async () => {
  mkdirSync(join(folder, 'cloned/.git'), { recursive: true });
  expect(await createApp(join(folder, 'cloned'), '.')).toMatchObject({ status: 0 });
});

test('copies a tarball of howdah into the app', async () => {
  writeFileSync(join(folder, 'howdah-0.1.0.tgz'), 'packed');
  const argv = ['packed', '--howdah', 'howdah-0.1.0.tgz'];
  expect(await createApp(folder, ...argv)).toMatchObject({ status: 0 });
  const { dependencies } = readJson(folder, 'packed/package.json');
  expect(dependencies.howdah).toBe('file:howdah-0.1.0.tgz');
  expect(readText(folder, 'packed/howdah-0.1.0.tgz')).toBe('packed');
});

test.each([
  { argv: [], status: 2 },
  { argv: ['one', 'two'], status: 2 },
  { argv: ['app', '--no-such-option'], status: 2 },
  { argv: ['My App'], status: 2 },
  { argv: ['node_modules'], status: 2 },
  { argv: ['howdah'], status: 2 },
  { argv: ['app', '--howdah', 'missing.tgz'], status: 1 },
])('refuses $argv and writes nothing', async ({ argv, status }) => {
  const result = await createApp(folder, ...argv);
  expect(result).toMatchObject({ status, stdout: '' });
  expect(result.stderr).toMatch(/^error: /);
  expect(existsSync(join(folder, argv[0] ?? 'app'))).toBe(false);
});

test('refuses a folder that is not empty, and a file', async () => {
  mkdirSync(join(folder, 'full'));
  writeFileSync(join(folder, 'full/notes.txt'), 'mine');
  for (const name of ['full', 'full/notes.txt']) {
    expect(await createApp(folder, name)).toMatchObject({ status: 1, stdout: '' });
  }
  expect(readdirSync(join(folder, 'full'))).toEqual(['notes.txt']);
});

test('refuses an old Node', () => {
  const old = `Object.defineProperty(process.versions, 'node', { value: '20.20.2' });`;
  const preload = `data:text/javascript,${encodeURIComponent(old)}`;
  const argv = ['--import', preload, join(PACKAGE, 'bin.js'), join(folder, 'old')];
  const { status, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  expect({ status, lines: stderr.trim().split('\n').length }).toEqual({ status: 1, lines: 1 });
  expect(stderr).toMatch(/^error: howdah needs Node 22\.18 or newer/);
  expect(existsSync(join(folder, 'old'))).toBe(false);
});

test('the template uses the versions of this checkout', () => {
  const howdah = readJson(ROOT, 'package.json');
  const own = readJson(PACKAGE, 'package.json');
  const { engines, dependencies, devDependencies } = readJson(TEMPLATE, 'package.json');
  expect([own.version, own.engines]).toEqual([howdah.version, howdah.engines]);
  expect(engines).toEqual(howdah.engines);
  const known = { howdah: howdah.version, ...howdah.dependencies, ...howdah.devDependencies };
  for (const [name, range] of Object.entries({ ...dependencies, ...devDependencies })) {
    expect([name, range]).toEqual([name, `^${known[name]}`]);
  }
});

test('docker-compose.yml and .env.example name variables that exist', () => {
  const { services } = parse(readText(TEMPLATE, 'docker-compose.yml'));
  expect(Object.keys(services)).toEqual(['postgres', 'app']);
  const own = ['APP_PASSWORD', 'POSTGRES_PASSWORD'];
  const known = new Set<string>([...Object.keys(variables), ...KEY_VARIABLES, ...own]);
  const settings = readText(TEMPLATE, '.env.example').match(/^#([A-Z_]+)(?==)/gm) ?? [];
  const named = [...Object.keys(services.app.environment), ...settings.map((one) => one.slice(1))];
  expect(settings.length).toBeGreaterThan(5);
  expect(named.filter((name) => !known.has(name))).toEqual([]);
});
