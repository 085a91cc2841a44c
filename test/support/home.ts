import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

// A folder of its own for every file: databases of tests are copies of one template, so that what a worker of one keeps
// in a shared folder (how far an audit log is, each five minutes) would speak of the tenants of all of them.
const home = mkdtempSync(join(tmpdir(), 'howdah-home-'));
process.env.HOWDAH_HOME = home;
process.env.XDG_CONFIG_HOME = home; // and no profile of whoever runs them

afterAll(() => rmSync(home, { recursive: true, force: true }));
