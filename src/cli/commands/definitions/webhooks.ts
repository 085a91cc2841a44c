import { type Command, Option } from 'commander';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { listDeliveries, redeliver } from '../../../db/operations/deliveries.ts';
import { issueCallbackKey, issueWebhookKey } from '../../../operations/automation/signing-keys.ts';
import { webhooks } from '../../../resources/automation/webhooks.ts';
import type { Backend, Row } from '../../backend/backend.ts';
import { API_OPTION, type Api } from '../../backend/connect-server.ts';
import { requireDefinition } from '../../backend/database/database-definitions.ts';
import { onEither } from '../../backend/on-either.ts';
import type { Page } from '../../backend/pages.ts';
import { requireDefinition as requireListed } from '../../backend/server/server-definitions.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { withDates } from '../../backend/with-dates.ts';
import { uuidOf } from '../../input/resolve-id.ts';
import { forTenant, TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { maskUrlKeys } from '../../output/terminal-text.ts';
import { printRows } from '../../print/rows.ts';

const LIMIT = 100;

type Options = { tenant?: string; status?: string; rotate?: true };
type WebhookOptions = {
  events?: string;
  agent?: string;
  workflow?: string;
  secret?: string;
  description?: string;
};

/**
 * Registers `howdah admin webhooks [list | show | create | change | delete | key | deliveries |
 * redeliver]`: the receivers of run events, their signing keys, and the results of the deliveries.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    ...resourceVerbs(webhooks, {
      register: withWebhook,
      columns: columnsOf,
      complete: withSigningKey,
    }),
    {
      name: 'key',
      summary: 'show (only once) or rotate the signing key of a webhook or of callbacks',
      register: registerKey,
    },
    {
      name: 'deliveries',
      summary: 'list the deliveries, newest first',
      register: registerDeliveries,
    },
    { name: 'redeliver', summary: 'repeat a delivery', register: registerRedeliver },
  ]);
}

function withWebhook(command: Command): Command {
  return command
    .argument('<url>', 'URL that receives the POST requests')
    .option(
      '--events <list>',
      'events to deliver, separated by commas (default: all; see docs/webhooks.md)',
    )
    .option('--agent <name>', 'only runs of this agent')
    .option('--workflow <name>', 'only runs of this workflow')
    .option('--secret <name>', 'name of the secret to sign with (default: a new key, shown once)')
    .option('--description <text>', 'purpose of the webhook');
}

function columnsOf(_io: CliIo, [url]: readonly string[], options: object) {
  const { events, agent, workflow, secret, description } = options as WebhookOptions;
  return {
    url,
    ...{ agent, workflow },
    ...(events !== undefined && { events: events.split(',').map((word) => word.trim()) }),
    ...(secret !== undefined && { secret_name: secret }),
    ...(description !== undefined && { description }),
  };
}

/** Adds the signing key to a new webhook without a secret, and prints the key for the only time. */
async function withSigningKey(io: CliIo, backend: Backend, row: Row & { id: string }) {
  if (row.secret_name != null && row.signing_key == null) return row;
  const made = row.signing_key == null ? await generatedKey(io, backend, row.id) : undefined;
  const complete: Row & { id: string } = { ...row, ...made };
  if (complete.signing_key != null && !io.json) {
    io.err(`Its signing key, which is shown only now: ${complete.signing_key}`);
  }
  return complete;
}

/** Generates the key of a new webhook. The webhook stays if this process cannot generate keys. */
async function generatedKey(io: CliIo, backend: Backend, id: string) {
  try {
    const { signing_key, secret_name } = await backend.call(issueWebhookKey, { params: { id } });
    return { signing_key, secret_name };
  } catch (error) {
    io.err(`No signing key was generated here: ${(error as Error).message}`);
    io.err(`A worker generates one. Get it: howdah admin webhooks key ${id}`);
    return { signing_key: null };
  }
}

function registerKey(command: Command, io: CliIo): void {
  command
    .argument('<webhook>', 'URL or id of the webhook, or "callbacks" for all callback URLs')
    .option(
      '--rotate',
      'create a new key; deliveries are signed with both keys until you remove the old one (see docs/webhooks.md)',
    )
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (webhook: string, { tenant, rotate }: Options) => {
      const made = { tenant, createsDatabase: true };
      const issued = await withBackend(io, command, made, async (backend) => {
        const body = { rotate: rotate === true };
        if (webhook === 'callbacks') return backend.call(issueCallbackKey, { body });
        const { id } = await backend.definitions.find(webhooks, webhook);
        return backend.call(issueWebhookKey, { params: { id }, body });
      });
      if (io.json) return printJson(io, issued);
      io.out(issued.signing_key);
      const { secret_name, previous_secret_name: before } = issued;
      io.err(`The key is shown only now. It is stored as the secret ${secret_name}.`);
      if (before) io.err(`Deliveries are also signed with the previous key (secret ${before}).`);
    });
}

function registerDeliveries(command: Command, io: CliIo): void {
  command
    .argument('[webhook]', 'only this webhook, by its URL or id')
    .addOption(
      new Option('--status <status>', 'only deliveries with this status').choices(
        enumLabels.delivery_status,
      ),
    )
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (webhook: string | undefined, { tenant, status }: Options) => {
      const items = await onEither<readonly Row[]>(
        io,
        command,
        { tenant },
        {
          server: (api) => listFromServer(api, webhook, status),
          database: (database) =>
            forTenant(database, tenant, async (client) => {
              const of = webhook && (await requireDefinition(client, webhooks, webhook)).id;
              return listDeliveries(client, { webhookId: of, status, limit: LIMIT });
            }),
        },
      );
      const rows = items.map((row) => ({ ...row, url: maskUrlKeys('url', String(row.url)) }));
      printRows(io, { items, rows, empty: 'No deliveries.' });
    });
}

/** Reads the newest deliveries in the form of a database. */
async function listFromServer(api: Api, webhook: string | undefined, status: string | undefined) {
  const of = webhook && (await requireListed(api, webhooks, webhook)).id;
  const search = new URLSearchParams({
    limit: String(LIMIT),
    ...(of !== undefined && { webhook_id: of }),
    ...(status !== undefined && { status }),
  });
  const { data } = (await api.request(
    'GET',
    `/api/webhook-deliveries?${search}`,
  )) as unknown as Page<Row>;
  return data.map(shownDelivery);
}

/** The columns that a list from a database has. */
const SHOWN = [
  ...['id', 'url', 'event', 'execution_id', 'status', 'attempts', 'last_status', 'last_error'],
  ...['next_attempt_at', 'created_at'],
];

function shownDelivery(row: Row): Row {
  const dated = withDates(row);
  return Object.fromEntries(SHOWN.map((name) => [name, dated[name]]));
}

function registerRedeliver(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the delivery')
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (text: string, { tenant }: Options) => {
      const id = uuidOf(text, 'a delivery', ' List them: howdah admin webhooks deliveries');
      const row = await onEither<Row>(
        io,
        command,
        { tenant },
        {
          server: async (api) => {
            const path = `/api/webhook-deliveries/${id}/redeliver`;
            return shownDelivery((await api.request('POST', path)) as unknown as Row);
          },
          database: (database) => forTenant(database, tenant, (client) => redeliver(client, id)),
        },
      );
      if (io.json) printJson(io, row);
      else io.out(`${row.id} ${row.status}`);
    });
}
