import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, vi } from 'vitest';
import { KEY_VARIABLES, modelVariables } from '../../src/providers/environment/variables.ts';

// Runs before each test file. Files share a process, so each file restores the environment.
const { env } = process;
const before = { ...env };

// Each file has its own folder. Test databases are copies of one template. In a common folder, the
// files of workers (such as audit checkpoints, every five minutes) would mix their tenants.
const home = mkdtempSync(join(tmpdir(), 'howdah-home-'));
env.HOWDAH_HOME = home;
env.XDG_CONFIG_HOME = home; // profiles of the user must not apply
// Nor their models: no test may send anything to a vendor.
for (const name of [...Object.keys(modelVariables), ...KEY_VARIABLES]) delete env[name];

afterAll(() => {
  rmSync(home, { recursive: true, force: true });
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  for (const name of Object.keys(env)) if (!(name in before)) delete env[name];
  Object.assign(env, before);
});
