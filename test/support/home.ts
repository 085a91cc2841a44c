import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, vi } from 'vitest';

// Runs before each test file. Files share a process, so each leaves it as it was.
const { env } = process;
const before = { ...env };

// Each file has its own folder. Databases of tests are copies of one template. In a common folder,
// what a worker keeps there (the state of an audit log, every five minutes) would mix their tenants.
const home = mkdtempSync(join(tmpdir(), 'howdah-home-'));
env.HOWDAH_HOME = home;
env.XDG_CONFIG_HOME = home; // profiles of the user must not apply

afterAll(() => {
  rmSync(home, { recursive: true, force: true });
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  for (const name of Object.keys(env)) if (!(name in before)) delete env[name];
  Object.assign(env, before);
});
