import { type Command, Option } from 'commander';
import { type UserRole, userRoles } from '../../../db/access/subjects.ts';
import { makeUser, setUserActive } from '../../../db/queries/users.ts';
import { requireDefinition } from '../../backend/database/database-definitions.ts';
import type { DefinitionKind } from '../../backend/definition-kinds.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { forTenant, TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { listVerb, showVerb, withName } from '../../nouns/list-and-show.ts';
import { type Verb, withVerbs } from '../../nouns/subcommands.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { register as registerErase } from './erase-user.ts';
import { register as registerExport } from './export-user.ts';

const USERS: DefinitionKind = {
  kind: 'users',
  singular: 'user',
  noun: 'admin users',
  emptyMessage: 'No users. Create one: howdah admin users create NAME',
};

type Options = { tenant?: string; role?: UserRole; email?: string };

/**
 * Registers `howdah admin users [list | show | create | suspend | admit | export | erase]`: the
 * users of a tenant.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    listVerb(USERS),
    showVerb(USERS),
    { name: 'create', summary: 'create a user', register: registerCreate },
    switchVerb('suspend', 'suspend a user: reject all tokens and keys of the user', false),
    switchVerb('admit', 'end the suspension of a user', true),
    {
      name: 'export',
      summary: 'export all data of a user, one JSON document per line',
      register: registerExport,
    },
    {
      name: 'erase',
      summary: 'anonymise or delete the data of a user',
      register: registerErase,
    },
  ]);
}

function registerCreate(command: Command, io: CliIo): void {
  command
    .argument('<name>', 'name of the user')
    .addOption(
      new Option('--role <role>', 'role of the user').choices([...userRoles]).default('member'),
    )
    .option('--email <address>', 'email address of the user')
    .option(...TENANT_OPTION)
    .action(async (name: string, { tenant, role = 'member', email }: Options) => {
      await withDatabase(
        io,
        async (database) => {
          const row = await forTenant(database, tenant, async (client) => {
            await makeUser(client, { username: name, role, email });
            return requireDefinition(client, USERS, name);
          });
          if (io.json) return printJson(io, row);
          io.out(row.id);
          io.err(
            `Created user ${name} with role ${role}. Create a token: howdah admin token --user ${name}`,
          );
        },
        { createsDatabase: true },
      );
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
            const { id } = await requireDefinition(client, USERS, of);
            await setUserActive(client, id, isActive);
            return requireDefinition(client, USERS, id);
          });
          if (io.json) printJson(io, row);
          else io.out(`${row.username} ${isActive ? 'admitted' : 'suspended'}`);
        });
      });
    },
  };
}
