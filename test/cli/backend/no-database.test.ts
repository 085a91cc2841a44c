import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { runWithoutDatabase } from '../run-cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'howdah-nothing-'));
const home = join(folder, 'home');

beforeAll(() => {
  vi.stubEnv('HOWDAH_HOME', home);
  vi.stubEnv('DATABASE_URL', '');
});
afterAll(() => rmSync(folder, { recursive: true }));

const LOOKS = [
  ...['runs', 'agents', 'models', 'tools', 'questions', 'logs', 'doctor', 'admin users list'],
  ...['watch', 'admin top --once', 'admin backup', 'dev export', 'migrate status', 'migrate down'],
  ...['migrate up --dry-run', 'admin secret list', 'admin settings list', 'sql select'],
];

describe('without any database', () => {
  test.each(LOOKS)('howdah %s creates none, and says how to', async (line) => {
    const { status, stdout, stderr } = await runWithoutDatabase('', ...line.split(' '));
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toContain(`error: there is no database yet: ${home} has none`);
    expect(stderr).toContain('howdah start');
    expect(existsSync(home)).toBe(false);
  });

  test('howdah db url creates none in the home of the user', async () => {
    const cwd = vi.spyOn(process, 'cwd').mockReturnValue(folder);
    vi.stubEnv('HOWDAH_HOME', '');
    vi.stubEnv('HOME', folder);
    try {
      const { status, stderr } = await runWithoutDatabase('', 'db', 'url', '--json');
      expect(status).toBe(3);
      expect(JSON.parse(stderr).error).toMatchObject({
        code: 'HWNTF',
        detail: { home: join(folder, '.howdah') },
      });
      expect(existsSync(join(folder, '.howdah'))).toBe(false);
    } finally {
      cwd.mockRestore();
      vi.stubEnv('HOWDAH_HOME', home);
    }
  });
});
