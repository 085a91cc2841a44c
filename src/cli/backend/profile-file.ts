import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { HowdahError } from '../../contracts/errors.ts';
import { parseJson } from '../../json/parse-json.ts';
import { joinNames } from '../../text/join-names.ts';
import type { CliIo } from '../output/output.ts';

/** A server that `howdah admin login` knows. The key is set only if the server requires one. */
export type Profile = z.output<typeof profile>;
/** All profiles, and the profile that applies when none is named. */
export type Profiles = z.output<typeof profiles>;

/** The name that selects no profile. */
export const NO_PROFILE = 'none';

const name = z.string().regex(/^[a-z0-9][a-z0-9_.-]{0,62}$/i);
const profile = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  key: z.string().min(1).optional(),
});
const profiles = z.strictObject({
  current: name.optional(),
  profiles: z.record(name, profile),
});

/** Checks the name of a profile. Throws `EUSAGE`. */
export function profileName(text: string): string {
  if (name.safeParse(text).success && text !== NO_PROFILE) return text;
  throw new HowdahError('EUSAGE', `'${text}' is not a valid profile name`, {
    hint: `Use at most 63 letters, digits, _ . and -, starting with a letter or digit. The name ${NO_PROFILE} is reserved.`,
  });
}

/**
 * Reads the stored profiles. Returns no profiles if nobody has logged in. Throws `HWINV` if other
 * users may read the file, or if it is not a file of profiles.
 */
export async function readProfiles(file: string | undefined): Promise<Profiles> {
  const text = file && (await textOf(file));
  if (!text) return { profiles: {} };
  await refuseIfOthersMayRead(file);
  try {
    return profiles.parse(parseJson(text));
  } catch {
    throw new HowdahError('HWINV', `${file} is not a valid profile file`, {
      hint: `Remove it, then log in again: howdah admin login`,
      detail: { file },
    });
  }
}

/**
 * Stores the profiles where no other user can read them. A concurrent reader reads either the old
 * file or the new one.
 */
export async function writeProfiles(file: string, stored: Profiles): Promise<void> {
  const beside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(beside, `${JSON.stringify(stored, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    await chmod(beside, 0o600); // independent of the umask
    await rename(beside, file);
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => {});
    throw new HowdahError('HWINV', `${file} cannot be written: ${(cause as Error).message}`, {
      hint: 'Make its folder writable, or set XDG_CONFIG_HOME to another folder.',
      detail: { file },
      cause,
    });
  }
}

/**
 * Returns the profile file of this environment. Throws `HWINV` if the environment names no home
 * folder.
 */
export async function profilesPath(io: CliIo): Promise<string> {
  const { profileFile } = await io.config();
  if (profileFile !== undefined) return profileFile;
  throw new HowdahError('HWINV', 'there is no folder to store a profile in', {
    hint: 'Set XDG_CONFIG_HOME to a folder that you own, such as /home/me/.config.',
  });
}

/** Returns the profile of this name. Throws `HWNTF` with the names of the existing profiles. */
export function profileNamed(stored: Profiles, wanted: string): Profile {
  const found = Object.hasOwn(stored.profiles, wanted) ? stored.profiles[wanted] : undefined;
  if (found) return found;
  const names = Object.keys(stored.profiles);
  throw new HowdahError('HWNTF', `there is no profile '${wanted}'`, {
    hint: `${names.length > 0 ? `There are: ${joinNames(names)}. ` : ''}Create it: howdah admin login URL --profile ${wanted}`,
    detail: { profile: wanted },
  });
}

/** A server with its address, and the source of that address. */
export type Server = {
  url: string;
  token: string | undefined;
  profile?: string;
  /** The source of the address, such as `profile desk`. */
  origin: string;
};

/**
 * Returns the server that a command uses. Returns undefined if the command uses a database.
 *
 * Options of the command come first: `--api`, `--profile`, `--database-url`. Then come
 * HOWDAH_PROFILE, HOWDAH_API_URL and DATABASE_URL, then the profile of the last login, and finally
 * the embedded database. `--profile none` always selects a database.
 *
 * A stored key is sent only to the address that it was stored for. HOWDAH_API_KEY takes precedence
 * over a stored key. A command that cannot use a server reports an error (`refuseServer`).
 */
export async function resolveServer(io: CliIo, url?: string): Promise<Server | undefined> {
  const { apiUrl, apiKey, databaseUrl, profileFile, profile: ofEnvironment } = await io.config();
  const flag = io.profile();
  if (url === undefined && flag === undefined && io.isDatabaseNamed()) return undefined;
  const named = flag ?? ofEnvironment;
  if (named === NO_PROFILE && url === undefined) return undefined;
  const address = url === undefined ? undefined : addressOf(url, '--api');
  const serverUrl = address ?? (named === undefined ? apiUrl : undefined);
  if (serverUrl === undefined && named === undefined && databaseUrl !== undefined) return undefined;
  const origin = url === undefined ? 'HOWDAH_API_URL' : '--api';
  if (serverUrl !== undefined && apiKey !== undefined)
    return { url: serverUrl, token: apiKey, origin };
  const stored = await readProfiles(profileFile);
  if (serverUrl !== undefined) {
    const same = Object.values(stored.profiles).find((one) => isSameAddress(one.url, serverUrl));
    return { url: serverUrl, token: same?.key, origin };
  }
  const meant = named ?? stored.current;
  if (meant === undefined) return undefined;
  const found = profileNamed(stored, meant);
  const token = apiKey ?? found.key;
  return { url: found.url, token, profile: meant, origin: `profile ${meant}` };
}

/** Returns the address of a server without a slash at its end. Throws `EUSAGE`. */
export function addressOf(text: string | undefined, what = 'the argument'): string {
  if (text === undefined) {
    throw new HowdahError('EUSAGE', 'the address of a server is missing', {
      hint: 'Example: howdah admin login https://howdah.example.com',
    });
  }
  const url = URL.parse(text);
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    url.username ||
    url.password ||
    /[?#]/.test(text)
  ) {
    throw new HowdahError('EUSAGE', `${what} is not a server address`, {
      hint: 'Use an http or https URL without user and password, such as https://howdah.example.com. Pass the key in HOWDAH_API_KEY, or on stdin to howdah admin login.',
    });
  }
  return url.href.replace(/\/$/, '');
}

export function isSameAddress(one: string, other: string): boolean {
  return new URL(one).href.replace(/\/$/, '') === new URL(other).href.replace(/\/$/, '');
}

async function textOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined;
    throw new HowdahError('HWINV', `${file} cannot be read: ${cause.message}`, {
      hint: 'Make it readable for your user, or remove it.',
      cause,
    });
  });
}

/**
 * Throws `HWINV` if other users may read the file. A key that others could have read is no longer
 * secret.
 */
async function refuseIfOthersMayRead(file: string): Promise<void> {
  if (process.platform === 'win32' || ((await stat(file)).mode & 0o077) === 0) return;
  throw new HowdahError('HWINV', `${file} contains keys, and other users may read it`, {
    hint: `Restrict it to your user: chmod 600 ${file}`,
    detail: { file },
  });
}
