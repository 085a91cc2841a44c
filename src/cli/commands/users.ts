import { type Command, Option } from 'commander';
import { type UserRole, userRoles } from '../../db/access/subjects.ts';
import { makeUser, setUserActive } from '../../db/queries/users.ts';
import { withDatabase } from '../backend/database.ts';
import { forTenant, TENANT_OPTION } from '../input/resolve-tenant.ts';
import { listVerb, type Named, oneNamed, showVerb, withName } from '../nouns/list-and-show.ts';
import { type Verb, withVerbs } from '../nouns/subcommands.ts';
import { type CliIo, printJson } from '../output/output.ts';
import { register as registerErase } from './erase-user.ts';
import { register as registerExport } from './export-user.ts';

const USERS: Named = {
  kind: 'users',
  one: 'user',
  noun: 'users',
  empty: 'No users. Make one: howdah users create NAME',
};

type Options = { tenant?: string; role?: UserRole; email?: string };

/**
 * Registers `howdah users [list | show | create | suspend | admit | export | erase]`: the users of
 * a tenant.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    listVerb(USERS),
    showVerb(USERS),
    { name: 'create', summary: 'make a user', register: registerCreate },
    switchVerb('suspend', 'let no token and no key of this user in', false),
    switchVerb('admit', 'let them in again', true),
    {
      name: 'export',
      summary: 'everything about a person, one document a line',
      register: registerExport,
    },
    {
      name: 'erase',
      summary: "a person's data, made nobody's or deleted",
      register: registerErase,
    },
  ]);
}

function registerCreate(command: Command, io: CliIo): void {
  command
    .argument('<name>', 'what the user is called')
    .addOption(
      new Option('--role <role>', 'what it may do').choices([...userRoles]).default('member'),
    )
    .option('--email <address>', 'where it is written to')
    .option(...TENANT_OPTION)
    .action(async (name: string, { tenant, role = 'member', email }: Options) => {
      await withDatabase(io, async (database) => {
        const row = await forTenant(database, tenant, async (client) => {
          await makeUser(client, { username: name, role, email });
          return oneNamed(client, USERS, name);
        });
        if (io.json) return printJson(io, row);
        io.out(row.id);
        io.err(`User ${name} is there, as ${role}. A token: howdah token --user ${name}`);
      });
    });
}

function switchVerb(name: string, summary: string, isActive: boolean): Verb {
  return {
    name,
    summary,
    register: (command, io) => {
      withName(command, USERS).action(async (of: string, { tenant }: Options) => {
        await withDatabase(io, async (database) => {
          const row = await forTenant(database, tenant, async (client) => {
            const { id } = await oneNamed(client, USERS, of);
            await setUserActive(client, id, isActive);
            return oneNamed(client, USERS, id);
          });
          if (io.json) printJson(io, row);
          else io.out(`${row.username} ${isActive ? 'admitted' : 'suspended'}`);
        });
      });
    },
  };
}
