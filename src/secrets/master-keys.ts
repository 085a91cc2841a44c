import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { HowdahError } from '../contracts/errors.ts';
import { ignoreInGit } from '../settings/home-folder.ts';
import { parseSecretKey } from '../settings/secret-key.ts';
import { fingerprintOfKey, newKey } from './aead.ts';

/** A key that data keys are wrapped with. */
export type MasterKey = Readonly<{ fingerprint: string; key: Buffer }>;

/**
 * The source of the master keys of a process. The first key is for new data, and the other keys
 * open old data.
 */
export type KeySource = Readonly<{
  /** The keys of HOWDAH_SECRET_KEY and HOWDAH_SECRET_KEY_OLD. */
  keys: readonly Buffer[];
  /** The file of a key if the environment names no key; undefined for no file. */
  file: string | undefined;
}>;

/** The master keys of this process. */
export type MasterKeys = {
  readKeys(): Promise<readonly MasterKey[]>;
  /**
   * Returns the known keys. If there are none, creates and stores a key. Throws `HWINV` if no key
   * may be stored.
   */
  readOrCreateKeys(): Promise<readonly MasterKey[]>;
};

/** The master keys of a process that has none and may create none. */
export const noMasterKeys: MasterKeys = {
  readKeys: async () => [],
  readOrCreateKeys: async () => {
    throw noKey();
  },
};

/**
 * Creates access to the keys of the environment, or else to the key in the file. A file that
 * another process creates later is found too.
 */
export function createMasterKeys({ keys, file }: KeySource): MasterKeys {
  const named = keys.map(masterKey);
  let stored: readonly MasterKey[] = [];
  const readKeys = async () => {
    if (named.length > 0 || stored.length > 0 || file === undefined) return [...named, ...stored];
    const found = await readKeyFile(file);
    stored = found ? [masterKey(found)] : [];
    return stored;
  };
  return {
    readKeys: readKeys,
    async readOrCreateKeys() {
      const there = await readKeys();
      if (there.length > 0) return there;
      if (file === undefined) throw noKey();
      await makeKeyFile(file);
      return readKeys();
    },
  };
}

/** Returns the error for a process that lacks its key. */
export function noKey(): HowdahError {
  return new HowdahError(
    'HWINV',
    'HOWDAH_SECRET_KEY is not set. It is required because HOST is not a loopback address.',
    {
      hint: 'Set it to the same value for every process: the output of openssl rand -base64 32',
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
      throw keyFileError(file, 'may be read by others', `chmod 600 ${file}`);
    }
    const key = parseSecretKey((await readFile(file, 'utf8')).trim());
    if (!key)
      throw keyFileError(file, 'contains no key', 'Restore the previous file or its backup.');
    return key;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Creates the key file completely or not at all, and never replaces an existing file. The key is
 * written to another file first, and that file is then linked.
 */
async function makeKeyFile(file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  ignoreInGit(dirname(file));
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

function keyFileError(file: string, what: string, hint: string): HowdahError {
  return new HowdahError('HWINV', `the file ${file} ${what}`, { hint, detail: { file } });
}
