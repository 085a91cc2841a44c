import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, vi } from 'vitest';
// Sets variables that packages read when they load, and that no test file may remove.
import '../../src/api/graphql/environment.ts';
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

// A fake timer that stays would stop the limits of time in all later files of the process.
const timers = { Date, setTimeout, clearTimeout, setInterval, clearInterval, fetch };
const replaced = () =>
  Object.entries(timers).flatMap(([name, real]) =>
    (globalThis as unknown as Record<string, unknown>)[name] === real ? [] : [name],
  );

afterAll(() => {
  rmSync(home, { recursive: true, force: true });
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.unstubAllEnvs();
  for (const name of Object.keys(env)) if (!(name in before)) delete env[name];
  Object.assign(env, before);
  const left = replaced();
  Object.assign(globalThis, timers);
  if (left.length > 0) throw new Error(`this file leaves ${left.join(', ')} replaced`);
});
