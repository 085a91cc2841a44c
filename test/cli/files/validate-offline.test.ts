import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { HELPDESK } from '../../systems/support.ts';
import { runCli, startCli } from '../run-cli.ts';

// Each test starts its own server.

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'howdah-validate-'));
  await chmod(folder, 0o755); // a server in this folder may run as another user
  vi.stubEnv('TMPDIR', folder);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const UNREACHABLE_URL = 'postgres://me@127.0.0.1:1/x';
const runOffline = (...argv: string[]) => runCli(UNREACHABLE_URL, ...argv);
const put = async (text: string, name = 'shop.yaml') => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};
const FAULTY = 'version: v1\nname: b\nagents:\n  a: { mision: x }\n  c: { model: fats }\n';

describe('howdah validate --offline', () => {
  const listScratchFolders = async () =>
    (await readdir(folder)).filter((name) => name.startsWith('howdah-scratch'));

  test('creates a database and removes it', async () => {
    const [good, bad] = [await put(HELPDESK), await put(FAULTY, 'b.yaml')];
    const keyless = await put(
      `version: v1
name: k
models:
  m: { provider: anthropic, model: x }
  p: { provider: "npm:@acme/models", model: x, base_url: "https://models.example.com" }
`,
      'k.yaml',
    );
    const argv = ['validate', good, bad, keyless, 'packs/platform', 'packs/finance', '--offline'];
    const { status, stdout, stderr } = await runOffline(...argv);
    expect({ status, stdout: stdout.split('\n') }).toEqual({
      status: 1,
      stdout: [
        `${good}: ok (1 model, 2 agents, 1 workflow)`,
        `${bad}: 2 faults`,
        `${keyless}: ok (2 models)`,
        expect.stringMatching(/^packs\/platform\/pack.yaml: ok \(/),
        expect.stringMatching(/^packs\/finance\/pack.yaml: ok \(/),
        '',
      ],
    });
    expect(stderr).toContain('Creating a temporary empty database for the check');
    expect(stderr).toContain('unknown model "fats", did you mean "fast"?');
    expect(await listScratchFolders()).toEqual([]);
  }, 120_000);

  test('leaves nothing behind when it is interrupted', async () => {
    const cli = startCli(UNREACHABLE_URL, 'validate', await put(HELPDESK), '--offline');
    await vi.waitFor(
      () => expect(cli.stderr()).toContain('Creating a temporary empty database'),
      60_000,
    );
    cli.interrupt();
    expect(await cli.end()).toMatchObject({
      ...{ status: 130, stdout: '' },
      stderr: expect.stringContaining('interrupted; the temporary database was removed'),
    });
    expect(await listScratchFolders()).toEqual([]);
  }, 120_000);

  test('leaves nothing behind when it is killed', async () => {
    const bin = join(import.meta.dirname, '../../../bin/howdah');
    const child = spawn(process.execPath, [bin, 'validate', await put(HELPDESK), '--offline'], {
      ...{ env: { ...process.env, TMPDIR: folder }, stdio: 'ignore' },
    });
    const ended = new Promise((resolve) => child.on('exit', resolve));
    await vi.waitFor(async () => {
      const [home = ''] = await listScratchFolders();
      expect(await readdir(join(folder, home, 'postgres'))).toContain('postmaster.pid');
    }, 60_000);
    child.kill('SIGINT');
    child.kill('SIGTERM');
    await ended;
    expect(await listScratchFolders()).toEqual([]);
  }, 120_000);
});
