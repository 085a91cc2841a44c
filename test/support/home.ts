import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, vi } from 'vitest';
import { KEY_VARIABLES, modelVariables } from '../../src/providers/environment/variables.ts';

// Vitest evaluates this file before each test file. Test files share a process, so each one
// restores the environment.
const { env } = process;
const before = { ...env };

// Each test file has its own home folder. Test databases are copies of one template, so the files
// of workers in a common folder would mix tenants, for example audit checkpoints.
const home = mkdtempSync(join(tmpdir(), 'howdah-home-'));
env.HOWDAH_HOME = home;
env.XDG_CONFIG_HOME = home; // profiles of the user must not apply
// Models of the user must not apply either: tests never send requests to vendors.
for (const name of [...Object.keys(modelVariables), ...KEY_VARIABLES]) delete env[name];

afterAll(() => {
  rmSync(home, { recursive: true, force: true });
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  for (const name of Object.keys(env)) if (!(name in before)) delete env[name];
  Object.assign(env, before);
});
