import type { Command } from 'commander';
import { connect } from '../../../client/connect.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import { isLoopback } from '../../../network/addresses.ts';
import {
  addressOf,
  isSameAddress,
  type Profile,
  profileName,
  profilesPath,
  readProfiles,
  writeProfiles,
} from '../../backend/profile-file.ts';
import { readHidden } from '../../output/hidden-input.ts';
import { type CliIo, printJson } from '../../output/output.ts';

const MAX_KEY_BYTES = 16_384;
const DEFAULT = 'default';

/**
 * Registers `howdah admin login [URL]`, which stores the address of a server and a key for it,
 * after that server has accepted the key.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument('[url]', 'address of the server (default: the address of the profile)')
    .option('--no-key', 'the server needs no key')
    .action(async (url: string | undefined, { key }: { key?: false }) =>
      login(io, url, key !== false),
    );
}

async function login(io: CliIo, address: string | undefined, withKey: boolean): Promise<void> {
  const file = await profilesPath(io);
  const name = profileName(io.profile() ?? (await io.config()).profile ?? DEFAULT);
  const before = (await readProfiles(file)).profiles[name];
  const url = addressOf(address ?? before?.url ?? (await io.config()).apiUrl);
  const key = withKey ? await keyFor(io, url) : undefined;
  await connect(url, key === undefined ? {} : { token: key }).call('listAgents', {
    query: { limit: 1 },
  });
  const profile: Profile = { url, ...(key !== undefined && { key }) };
  const stored = await readProfiles(file); // read again: a person may have taken long
  await writeProfiles(file, {
    current: name,
    profiles: { ...stored.profiles, [name]: profile },
  });
  if (io.json) return printJson(io, { profile: name, url, has_key: key !== undefined });
  const changed = before && !isSameAddress(before.url, url) ? ` instead of ${before.url}` : '';
  io.err(`Logged in to ${url}${changed} as profile ${name}, stored in ${file}.`);
}

async function keyFor(io: CliIo, url: string): Promise<string> {
  const { protocol, hostname } = new URL(url);
  if (protocol === 'http:' && !isLoopback(hostname)) {
    io.err(`Warning: requests to ${url}, including the key, are not encrypted. Use https.`);
  }
  const key = await readHidden(io, `API key or token for ${url} (input is hidden):`, {
    most: MAX_KEY_BYTES,
    example: 'printf %s "$KEY" | npx howdah admin login URL',
  });
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new HowdahError('HWINV', key === '' ? 'the key is empty' : 'the key contains white space', {
    hint: 'Pipe it: printf %s "$KEY" | npx howdah admin login URL. For a server that needs no key: --no-key',
    detail: { field: 'key' },
  });
}
