import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Howdah, type StartOptions, start } from '../../src/index.ts';

/** Starts an instance without a log, whose files are in a temporary folder. */
export function startHowdah(databaseUrl: string, options: StartOptions = {}): Promise<Howdah> {
  return start({
    ...{ databaseUrl, port: false, logger: false },
    home: mkdtempSync(join(tmpdir(), 'howdah-embedding-')),
    ...options,
    env: { HOWDAH_SECRET_KEY: randomBytes(32).toString('base64'), ...options.env },
  });
}
