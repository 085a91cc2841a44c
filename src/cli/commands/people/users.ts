import { type Command, Option } from 'commander';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import type { UserRole } from '../../../db/access/subjects.ts';
import { users } from '../../../resources/administration/users.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { changeVerb } from '../../nouns/change.ts';
import { listVerb, showVerb } from '../../nouns/list-and-show.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { switchVerb } from '../../nouns/switch-active.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { register as registerErase } from './erase-user.ts';
import { register as registerExport } from './export-user.ts';

type Options = { tenant?: string; role?: UserRole; email?: string };

/**
 * Registers `howdah admin users [list | show | create | change | suspend | admit | export |
 * erase]`: the users of a tenant.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    listVerb(users),
    showVerb(users),
    { name: 'create', summary: 'create a user', register: registerCreate },
    changeVerb(users),
    switchVerb(users, {
      name: 'suspend',
      summary: 'suspend a user: reject all tokens and keys of the user',
      isActive: false,
      describe: ({ username }) => `${username} suspended`,
    }),
    switchVerb(users, {
      name: 'admit',
      summary: 'end the suspension of a user',
      isActive: true,
      describe: ({ username }) => `${username} admitted`,
    }),
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
      new Option('--role <role>', 'role of the user')
        .choices(enumLabels.user_role)
        .default('member'),
    )
    .option('--email <address>', 'email address of the user')
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (username: string, { tenant, role = 'member', email }: Options) => {
      const made = { tenant, createsDatabase: true };
      const values = { username, role, ...(email !== undefined && { email }) };
      const row = await withBackend(io, command, made, ({ definitions }) =>
        definitions.create(users, values),
      );
      if (io.json) return printJson(io, row);
      io.out(row.id);
      io.err(
        `Created user ${username} with role ${role}. Create a token: howdah admin token --user ${username}`,
      );
    });
}
