import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest';
import { packHowdah } from '../../packaging/pack-howdah.ts';
import { testDatabase } from '../support/database.ts';
import { createApp } from './create-app.ts';
import { installPacked } from './install-packed.ts';

// An app that create-howdah wrote, with the packed Howdah: its types, its tests and its page.

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const PROGRAM = [
  process.env.CHROMIUM_PATH,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path && existsSync(path));
if (!PROGRAM) console.warn('no Chromium found, set CHROMIUM_PATH: the page of the app is skipped');

const OTHERS = ['typescript', '@types/node', '@types/pg'];
const run = promisify(execFile);
const database = testDatabase();
let folder: string;
let app: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'howdah-created-'));
  app = join(folder, 'my-app');
  const tarball = await packHowdah(folder);
  expect(await createApp(folder, 'my-app', '--howdah', tarball)).toMatchObject({ status: 0 });
  const modules = join(app, 'node_modules');
  await installPacked(tarball, modules, OTHERS);
  mkdirSync(join(modules, '.bin'));
  symlinkSync('../howdah/bin/howdah', join(modules, '.bin/howdah'));
  symlinkSync('../typescript/bin/tsc', join(modules, '.bin/tsc'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a script of the app. Returns what it prints, and throws if it fails. */
async function runScript(name: string, variables: Record<string, string> = {}): Promise<string> {
  const env = { ...process.env, ...variables };
  const { stdout } = await run('npm', ['run', name], { cwd: app, env }).catch((error) => {
    throw new Error(`${error.stdout}\n${error.stderr}`);
  });
  return stdout;
}

test('passes tsc', () => runScript('types'));

test('passes its own tests', async () => {
  const printed = await runScript('test', { DATABASE_URL: inject('serverUrl') });
  expect(printed).toMatch(/^. pass 6$/m);
  expect(printed).toMatch(/^. fail 0$/m);
});

describe.skipIf(!PROGRAM)('the page', () => {
  let program: ChildProcess;
  let browser: Browser;
  afterAll(async () => {
    await browser?.close();
    program?.kill('SIGKILL');
  });

  test('shows a run live, also after a reload, and the program ends on SIGTERM', async () => {
    const env = { ...process.env, DATABASE_URL: database.url, PORT: '0' };
    program = spawn(process.execPath, ['src/main.ts'], { cwd: app, env });
    const url = await urlOf(program);
    const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'];
    browser = await chromium.launch({ executablePath: PROGRAM ?? '', args });
    const [, password = ''] =
      /^APP_PASSWORD=(.+)$/m.exec(readFileSync(join(app, '.env'), 'utf8')) ?? [];
    expect((await fetch(url)).status).toBe(401);
    const page = await browser.newPage({ httpCredentials: { username: 'me', password } });
    const problems: string[] = [];
    page.on('console', (one) => one.type() === 'error' && problems.push(one.text()));
    page.on('pageerror', (error) => problems.push(error.message));
    await page.goto(url);
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Ask' }).click();
    const answered = page.locator('tbody tr', { hasText: 'Trail backpack 32 l' });
    await answered.filter({ hasText: 'completed' }).waitFor();
    await page.reload();
    await answered.waitFor();
    expect(await page.locator('tbody tr').count()).toBe(1);
    expect(problems).toEqual([]);
    program.kill('SIGTERM');
    expect(await once(program, 'exit')).toEqual([0, null]);
  });
});

/** Returns the address that the program prints. Throws if it ends before. */
async function urlOf({ stdout, stderr }: ChildProcess): Promise<string> {
  let errors = '';
  stderr?.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  for await (const line of createInterface({ input: stdout as NodeJS.ReadableStream })) {
    const [url] = /http:\S+/.exec(line) ?? [];
    if (url) return url;
  }
  throw new Error(`the program ended: ${errors}`);
}
