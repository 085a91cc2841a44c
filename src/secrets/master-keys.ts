import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HowdahError } from '../contracts/errors.ts';
import { parseSecretKey } from '../settings/secret-key.ts';
import { fingerprintOfKey, newKey } from './envelope.ts';

/** A key that data keys are wrapped with. */
export type MasterKey = Readonly<{ fingerprint: string; key: Buffer }>;

/** Where a process has its master keys from: the first is for whatever is new, the others open what is old. */
export type KeySource = Readonly<{
  /** Of HOWDAH_SECRET_KEY and HOWDAH_SECRET_KEY_OLD. */
  keys: readonly Buffer[];
  /** Where a key is kept when the environment names none; undefined: nowhere. */
  file: string | undefined;
}>;

/** The master keys of this process. */
export type MasterKeys = {
  known(): Promise<readonly MasterKey[]>;
  /** The same; where there is none, one is made and kept. Throws `HWINV` where none may be kept. */
  made(): Promise<readonly MasterKey[]>;
};

/** Of a process that has none and may make none. */
export const noMasterKeys: MasterKeys = {
  known: async () => [],
  made: async () => {
    throw noKey();
  },
};

/** The keys of the environment, else the one in the file. A file that comes later, of another process, is found then. */
export function createMasterKeys({ keys, file }: KeySource): MasterKeys {
  const named = keys.map(masterKey);
  let kept: readonly MasterKey[] = [];
  const known = async () => {
    if (named.length > 0 || kept.length > 0 || file === undefined) return [...named, ...kept];
    const found = await readKeyFile(file);
    kept = found ? [masterKey(found)] : [];
    return kept;
  };
  return {
    known,
    async made() {
      const there = await known();
      if (there.length > 0) return there;
      if (file === undefined) throw noKey();
      await makeKeyFile(file);
      return known();
    },
  };
}

/** What says that a process lacks its key. */
export function noKey(): HowdahError {
  return new HowdahError(
    'HWINV',
    'HOWDAH_SECRET_KEY is not set, and only an API on loopback keeps a key in a file of its own.',
    {
      hint: 'Set it, the same for every process, to the output of: openssl rand -base64 32',
      detail: { variable: 'HOWDAH_SECRET_KEY' },
    },
  );
}

function masterKey(key: Buffer): MasterKey {
  return { key, fingerprint: fingerprintOfKey(key) };
}

async function readKeyFile(file: string): Promise<Buffer | undefined> {
  try {
    const { mode } = await stat(file);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw broken(file, 'may be read by others', `chmod 600 ${file}`);
    }
    const key = parseSecretKey((await readFile(file, 'utf8')).trim());
    if (!key)
      throw broken(file, 'holds no key', 'Put back the file that was there, or its backup.');
    return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole or not at all, and never over one that is there: a link is made to a file that is written already. */
async function makeKeyFile(file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${newKey().toString('base64')}\n`);
    await handle.sync();
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await handle.close();
    await rm(draft);
  }
}

function broken(file: string, what: string, hint: string): HowdahError {
  return new HowdahError('HWINV', `the file ${file} ${what}`, { hint, detail: { file } });
}
