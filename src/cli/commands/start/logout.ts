import type { Command } from 'commander';
import {
  profileNamed,
  profilesPath,
  readProfiles,
  writeProfiles,
} from '../../backend/profile-file.ts';
import { type CliIo, printJson } from '../../output/output.ts';

/** Registers `howdah admin logout`, which removes a profile with its key, or all profiles. */
export function register(command: Command, io: CliIo): void {
  command
    .option('--all', 'remove all profiles')
    .action(async ({ all }: { all?: true }) => logout(io, all === true));
}

async function logout(io: CliIo, all: boolean): Promise<void> {
  const file = await profilesPath(io);
  const { current, profiles } = await readProfiles(file);
  const name = io.profile() ?? (await io.config()).profile ?? current;
  const forgotten = all ? Object.keys(profiles) : name === undefined ? [] : [name];
  if (!all && name !== undefined) profileNamed({ profiles }, name);
  if (forgotten.length > 0) {
    const others = Object.entries(profiles).filter(([one]) => !forgotten.includes(one));
    await writeProfiles(file, {
      ...(current !== undefined && !forgotten.includes(current) && { current }),
      profiles: Object.fromEntries(others),
    });
  }
  if (io.json) return printJson(io, { forgotten });
  if (forgotten.length === 0) return io.err('There is no login profile.');
  io.err(
    `Removed profiles: ${forgotten.join(', ')}. Their keys stay valid until they are revoked: howdah admin key revoke`,
  );
}
