import type { Command } from 'commander';
import { profileNamed, profilesPath, readProfiles, writeProfiles } from '../backend/profiles.ts';
import { withVerbs } from '../nouns/subcommands.ts';
import { type CliIo, printJson, printTable } from '../output/output.ts';

/** Registers `howdah profiles [list | use]`: the servers with a login, never their keys. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    { name: 'list', summary: 'the servers that are logged in to', register: registerList },
    { name: 'use', summary: 'the one that is asked from now on', register: registerUse },
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
    if (io.json) printJson(io, { items });
    else if (items.length === 0) io.err('Nobody is logged in. Log in: howdah login URL');
    else printTable(io, items);
  });
}

function registerUse(command: Command, io: CliIo): void {
  command.argument('<name>', 'the profile').action(async (name: string) => {
    const file = await profilesPath(io);
    const stored = await readProfiles(file);
    const { url } = profileNamed(stored, name);
    await writeProfiles(file, { ...stored, current: name });
    if (io.json) printJson(io, { profile: name, url });
    else io.err(`From now on ${url} is asked.`);
  });
}
