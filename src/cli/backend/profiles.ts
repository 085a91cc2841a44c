import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { HowdahError } from '../../contracts/errors.ts';
import { joinNames } from '../input/resolve-tenant.ts';
import type { CliIo } from '../output/output.ts';

/** A server `howdah login` knows; a key only where it asks for one. */
export type Profile = z.output<typeof profile>;
/** All of them, and the one that is meant when none is named. */
export type Profiles = z.output<typeof profiles>;

/** In the place of a profile's name: as if there were none. */
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
  throw new HowdahError('EUSAGE', `'${text}' cannot be the name of a profile`, {
    hint: `It has up to 63 letters, digits, _ . and -, and is not ${NO_PROFILE}.`,
  });
}

/** What is kept; nothing where nobody has logged in. Throws `HWINV` for a file that others may read, or that is none of ours. */
export async function readProfiles(file: string | undefined): Promise<Profiles> {
  const text = file && (await textOf(file));
  if (!text) return { profiles: {} };
  await refuseReadable(file);
  try {
    return profiles.parse(JSON.parse(text));
  } catch {
    throw new HowdahError('HWINV', `${file} is no file of profiles`, {
      hint: `Remove it, then log in again: howdah login`,
      detail: { file },
    });
  }
}

/** Keeps them where nobody else may read them; whoever reads meanwhile reads the old file or the new one. */
export async function writeProfiles(file: string, kept: Profiles): Promise<void> {
  const beside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(beside, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    await chmod(beside, 0o600); // whatever the umask
    await rename(beside, file);
  } catch (cause) {
    await rm(beside, { force: true }).catch(() => {});
    throw new HowdahError('HWINV', `${file} cannot be written: ${(cause as Error).message}`, {
      hint: 'Make its folder writable, or name another by XDG_CONFIG_HOME.',
      detail: { file },
      cause,
    });
  }
}

/** The file of this environment. Throws `HWINV` where it names no home. */
export async function profilesPath(io: CliIo): Promise<string> {
  const { profileFile } = await io.config();
  if (profileFile !== undefined) return profileFile;
  throw new HowdahError('HWINV', 'there is no folder to keep a profile in', {
    hint: 'Set XDG_CONFIG_HOME to a folder of yours, such as /home/me/.config.',
  });
}

/** The profile of this name. Throws `HWNTF`, naming those there are. */
export function profileNamed(kept: Profiles, wanted: string): Profile {
  const found = Object.hasOwn(kept.profiles, wanted) ? kept.profiles[wanted] : undefined;
  if (found) return found;
  const names = Object.keys(kept.profiles);
  throw new HowdahError('HWNTF', `there is no profile '${wanted}'`, {
    hint: `${names.length > 0 ? `There are: ${joinNames(names)}. ` : ''}Make it: howdah login URL --profile ${wanted}`,
    detail: { profile: wanted },
  });
}

/** A server by its address, and what said so. */
export type Server = {
  url: string;
  token: string | undefined;
  profile?: string;
  /** Such as `profile desk`. */
  origin: string;
};

/**
 * Whom a command asks; undefined: a database. What is said for it alone goes first: `--api`, `--profile`, `--database-url`; then
 * HOWDAH_PROFILE, HOWDAH_API_URL, DATABASE_URL; then the profile last logged in; at last the embedded database. `--profile none` is
 * always a database. A key is told to the address it was kept for and to no other; HOWDAH_API_KEY goes before it. A command that cannot
 * ask a server says so (`refuseServer`).
 */
export async function chosenServer(io: CliIo, url?: string): Promise<Server | undefined> {
  const { apiUrl, apiKey, databaseUrl, profileFile, profile: ofEnvironment } = await io.config();
  const flag = io.profile();
  if (url === undefined && flag === undefined && io.isDatabaseNamed()) return undefined;
  const named = flag ?? ofEnvironment;
  if (named === NO_PROFILE && url === undefined) return undefined;
  const address = url === undefined ? undefined : addressOf(url, '--api');
  const given = address ?? (named === undefined ? apiUrl : undefined);
  if (given === undefined && named === undefined && databaseUrl !== undefined) return undefined;
  const origin = url === undefined ? 'HOWDAH_API_URL' : '--api';
  if (given !== undefined && apiKey !== undefined) return { url: given, token: apiKey, origin };
  const kept = await readProfiles(profileFile);
  if (given !== undefined) {
    const same = Object.values(kept.profiles).find((one) => isSame(one.url, given));
    return { url: given, token: same?.key, origin };
  }
  const meant = named ?? kept.current;
  if (meant === undefined) return undefined;
  const found = profileNamed(kept, meant);
  const token = apiKey ?? found.key;
  return { url: found.url, token, profile: meant, origin: `profile ${meant}` };
}

/** The address of a server without a slash at its end. Throws `EUSAGE`. */
export function addressOf(text: string | undefined, what = 'this'): string {
  if (text === undefined) {
    throw new HowdahError('EUSAGE', 'the address of a server is missing', {
      hint: 'Such as: howdah login https://howdah.example.com',
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
    throw new HowdahError('EUSAGE', `${what} is no address of a server`, {
      hint: 'It is an http or https URL without a login, such as https://howdah.example.com; a key comes by HOWDAH_API_KEY, or to howdah login by stdin.',
    });
  }
  return url.href.replace(/\/$/, '');
}

export function isSame(one: string, other: string): boolean {
  return new URL(one).href.replace(/\/$/, '') === new URL(other).href.replace(/\/$/, '');
}

async function textOf(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return undefined;
    throw new HowdahError('HWINV', `${file} cannot be read: ${cause.message}`, {
      hint: 'Make it readable for you alone, or remove it.',
      cause,
    });
  });
}

/** A key that others could have read is no key any more. */
async function refuseReadable(file: string): Promise<void> {
  if (process.platform === 'win32' || ((await stat(file)).mode & 0o077) === 0) return;
  throw new HowdahError('HWINV', `${file} holds keys, and others may read it`, {
    hint: `Make it yours alone: chmod 600 ${file}`,
    detail: { file },
  });
}
