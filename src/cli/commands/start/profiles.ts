import type { Command } from 'commander';
import {
  profileNamed,
  profilesPath,
  readProfiles,
  writeProfiles,
} from '../../backend/profile-file.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';

/** Registers `howdah admin profiles [list | use]`: the servers with a login, never their keys. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    { name: 'list', summary: 'list the servers of login profiles', register: registerList },
    { name: 'use', summary: 'set the default profile', register: registerUse },
  ]);
}

function registerList(command: Command, io: CliIo): void {
  command.action(async () => {
    const { current, profiles } = await readProfiles((await io.config()).profileFile);
    const items = Object.entries(profiles).map(([name, { url, key }]) => ({
      name,
      url,
      has_key: key !== undefined,
      is_current: name === current,
    }));
    printRows(io, { items, empty: 'There is no login profile. Log in: howdah admin login URL' });
  });
}

function registerUse(command: Command, io: CliIo): void {
  command.argument('<name>', 'name of the profile').action(async (name: string) => {
    const file = await profilesPath(io);
    const stored = await readProfiles(file);
    const { url } = profileNamed(stored, name);
    await writeProfiles(file, { ...stored, current: name });
    if (io.json) printJson(io, { profile: name, url });
    else io.err(`Commands now use ${url}.`);
  });
}
