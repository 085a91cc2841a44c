import { type Command, Option } from 'commander';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import {
  connectAccount,
  disconnectAccount,
} from '../../../operations/definitions/connected-accounts.ts';
import { connectedAccounts } from '../../../resources/definitions/connected-accounts.ts';
import { integrations } from '../../../resources/definitions/integrations.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { hintIfNotFound } from '../../backend/unknown-name.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { withDates } from '../../backend/with-dates.ts';
import { confirm, YES_OPTION } from '../../input/confirm-option.ts';
import { uuidOf } from '../../input/resolve-id.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { type CliIo, printJson } from '../../output/output.ts';

const LIST = 'List them: howdah admin integrations accounts';

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
      'user whose account it is; only an owner of the database may name another user',
    )
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (name: string, { user: username, ...options }: Options) => {
      const link = await withBackend(io, command, options, async ({ definitions, call }) => {
        const { id } = await definitions.find(integrations, name);
        return call(connectAccount, { params: { id }, body: { username } });
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
  withVerbs(command, io, resourceVerbs(connectedAccounts));
}

function registerDisconnect(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the account')
    .option(...TENANT_OPTION)
    .option(...YES_OPTION)
    .option(...API_OPTION)
    .action(async (text: string, options: Options & { yes?: true }) => {
      const id = uuidOf(text, 'an account', ` ${LIST}`);
      const what = `This disconnects the account ${id}, and revokes its tokens.`;
      if (!(await confirm(io, what, options.yes))) return;
      const row = await withBackend(io, command, options, ({ call }) =>
        call(disconnectAccount, { params: { id } }).catch(hintIfNotFound(LIST)),
      );
      if (io.json) printJson(io, withDates(row));
      else io.out(`${row.id} ${row.status}`);
    });
}
