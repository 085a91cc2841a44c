import { type Command, Option } from 'commander';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import {
  type AccountLink,
  connectAccount,
  disconnectAccount,
  listAccounts,
} from '../../../db/access/connected-accounts.ts';
import { integrations } from '../../../resources/definitions/integrations.ts';
import { API_OPTION, type Api } from '../../backend/connect-server.ts';
import { onEither } from '../../backend/on-either.ts';
import { allRows, type Page } from '../../backend/pages.ts';
import { requireDefinition } from '../../backend/server/server-definitions.ts';
import { confirm, YES_OPTION } from '../../input/confirm-option.ts';
import { uuidOf } from '../../input/resolve-id.ts';
import { forTenant, TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';

const ACCOUNTS = '/api/connected-accounts';
const ACCOUNT_COLUMNS = ['id', 'integration', 'user', 'status', 'expires_at', 'error'] as const;

type EndedAccount = { id: string; status: string };
type Options = { tenant?: string; user?: string };
type NewOptions = {
  url: string;
  scope?: string;
  grant?: string;
  scopes?: string;
  issuer?: string;
  clientId?: string;
  secret?: string;
  resource?: false;
  description?: string;
};

/**
 * Registers `howdah admin integrations [list | show | create | change | delete | connect |
 * accounts | disconnect]`: the APIs and MCP servers that agents use with OAuth, and the connected
 * accounts.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    ...resourceVerbs(integrations, { register: withIntegration, columns: columnsOf }),
    {
      name: 'connect',
      summary: 'print the link by which a person connects an account',
      register: registerConnect,
    },
    { name: 'accounts', summary: 'list the connected accounts', register: registerAccounts },
    {
      name: 'disconnect',
      summary: 'disconnect an account, and revoke its tokens',
      register: registerDisconnect,
    },
  ]);
}

function withIntegration(command: Command): Command {
  return command
    .argument('<name>', 'name that MCP servers and HTTP tools refer to')
    .requiredOption('--url <url>', 'URL of the MCP server or API')
    .addOption(
      new Option(
        '--scope <owner>',
        'whose account a run uses: that of its user, or that of the tenant (default: user)',
      ).choices(enumLabels.account_scope),
    )
    .addOption(
      new Option('--grant <type>', 'how tokens are obtained (default: authorization_code)').choices(
        enumLabels.oauth_grant,
      ),
    )
    .option('--scopes <list>', 'scopes to ask for, separated by commas')
    .option(
      '--issuer <url>',
      'URL of the authorization server, if the MCP server or API names none',
    )
    .option('--client-id <id>', 'id of a client that was registered manually')
    .option('--secret <name>', 'name of the stored secret that holds the client secret')
    .option('--no-resource', 'do not send the `resource` parameter to the authorization server')
    .option('--description <text>', 'purpose of the integration');
}

function columnsOf(_io: CliIo, [name]: readonly string[], options: object) {
  const { url, scope, grant, scopes, issuer, clientId, secret, resource, description } =
    options as NewOptions;
  return {
    ...{ name, resource_url: url },
    ...(scope !== undefined && { account_scope: scope }),
    ...(grant !== undefined && { grant_type: grant }),
    ...(scopes !== undefined && { scopes: scopes.split(',').map((word) => word.trim()) }),
    ...(issuer !== undefined && { issuer }),
    ...(clientId !== undefined && { client_id: clientId }),
    ...(secret !== undefined && { secret_name: secret }),
    ...(resource === false && { sends_resource: false }),
    ...(description !== undefined && { description }),
  };
}

function registerConnect(command: Command, io: CliIo): void {
  command
    .argument('<name>', 'name or id of the integration')
    .option(
      '--user <name>',
      'user whose account it is; only with a direct database connection, not with --api',
    )
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (name: string, options: Options) => {
      const link = await onEither(io, command, options, {
        server: async (api) => {
          const { id } = await requireDefinition(api, integrations, name);
          const path = `${integrations.path}/${id}/connect`;
          return (await api.request('POST', path)) as unknown as AccountLink;
        },
        database: (database) =>
          forTenant(database, options.tenant, (client) =>
            connectAccount(client, name, options.user),
          ),
      });
      if (io.json) return printJson(io, link);
      if (link.authorization_url === null) {
        return io.err('Nobody has to consent. The first call that needs a token gets one.');
      }
      io.out(link.authorization_url);
      io.err('Open the link in a browser. It is valid for one hour.');
    });
}

function registerAccounts(command: Command, io: CliIo): void {
  command
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (options: Options) => {
      const items = await onEither(io, command, options, {
        server: listFromServer,
        database: (database) => forTenant(database, options.tenant, listAccounts),
      });
      const rows = items.map((row) =>
        Object.fromEntries(ACCOUNT_COLUMNS.map((column) => [column, row[column]])),
      );
      printRows(io, { items, rows, empty: 'No connected accounts.' });
    });
}

async function listFromServer(api: Api): Promise<Readonly<Record<string, unknown>>[]> {
  const read = (path: string) =>
    allRows(async ({ limit, ...page }) => {
      const search = new URLSearchParams({ limit: String(limit), ...page });
      return (await api.request('GET', `${path}?${search}`)) as unknown as Page<{ id: string }>;
    }) as Promise<{ [column: string]: unknown }[]>;
  const integrations = new Map((await read('/api/integrations')).map(({ id, name }) => [id, name]));
  const accounts = await read(ACCOUNTS);
  return accounts.map((row) => ({
    ...row,
    integration: integrations.get(row.integration_id),
    user: row.user_id,
  }));
}

function registerDisconnect(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the account')
    .option(...TENANT_OPTION)
    .option(...YES_OPTION)
    .option(...API_OPTION)
    .action(async (text: string, options: Options & { yes?: true }) => {
      const id = uuidOf(text, 'an account', ' List them: howdah admin integrations accounts');
      const what = `This disconnects the account ${id}, and revokes its tokens.`;
      if (!(await confirm(io, what, options.yes))) return;
      const row = await onEither<EndedAccount>(io, command, options, {
        server: async (api) =>
          (await api.request('DELETE', `${ACCOUNTS}/${id}`)) as unknown as EndedAccount,
        database: (database) =>
          forTenant(database, options.tenant, (client) => disconnectAccount(client, id)),
      });
      if (io.json) printJson(io, row);
      else io.out(`${row.id} ${row.status}`);
    });
}
