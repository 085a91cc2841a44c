import { type Command, Option } from 'commander';
import { listDeliveries, redeliver } from '../../../db/operations/deliveries.ts';
import { requireDefinition } from '../../backend/database/database-definitions.ts';
import type { DefinitionKind } from '../../backend/definition-kinds.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { uuidOf } from '../../input/resolve-id.ts';
import { forTenant, TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { createVerb, deleteVerb } from '../../nouns/create-and-delete.ts';
import { listVerb, showVerb } from '../../nouns/list-and-show.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { maskUrlKeys } from '../../output/terminal-text.ts';
import { printRows } from '../../print/rows.ts';

const WEBHOOKS: DefinitionKind = {
  kind: 'webhooks',
  singular: 'webhook',
  noun: 'admin webhooks',
  emptyMessage: 'No webhooks. Create one: howdah admin webhooks create URL',
  nameColumn: 'url',
  restPath: '/api/webhooks',
  columns: ['id', 'url', 'events', 'is_active', 'disabled_because', 'description'],
};
const LIMIT = 100;

type Options = { tenant?: string; status?: string };
type WebhookOptions = {
  events?: string;
  agent?: string;
  workflow?: string;
  secret?: string;
  description?: string;
};

/**
 * Registers `howdah admin webhooks [list | show | create | delete | deliveries | redeliver]`: the
 * receivers of run events, and the results of the deliveries.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    listVerb(WEBHOOKS),
    showVerb(WEBHOOKS),
    createVerb(WEBHOOKS, { register: withWebhook, columns: columnsOf }),
    deleteVerb(WEBHOOKS),
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
      'events to deliver, separated by commas (default: all): docs/webhooks.md',
    )
    .option('--agent <name>', 'only runs of this agent')
    .option('--workflow <name>', 'only runs of this workflow')
    .option('--secret <name>', 'secret to sign with: howdah admin secret set NAME')
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

function registerDeliveries(command: Command, io: CliIo): void {
  command
    .argument('[webhook]', 'only this webhook, by its URL or id')
    .addOption(
      new Option('--status <status>', 'only deliveries with this status').choices([
        'pending',
        'delivered',
        'failed',
      ]),
    )
    .option(...TENANT_OPTION)
    .action(async (webhook: string | undefined, { tenant, status }: Options) => {
      await withDatabase(io, async (database) => {
        const items = await forTenant(database, tenant, async (client) => {
          const of = webhook && (await requireDefinition(client, WEBHOOKS, webhook)).id;
          return listDeliveries(client, { webhookId: of, status, limit: LIMIT });
        });
        const rows = items.map((row) => ({ ...row, url: maskUrlKeys('url', row.url) }));
        printRows(io, { items, rows, empty: 'No deliveries.' });
      });
    });
}

function registerRedeliver(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the delivery')
    .option(...TENANT_OPTION)
    .action(async (text: string, { tenant }: Options) => {
      const id = uuidOf(text, 'a delivery', ' List them: howdah admin webhooks deliveries');
      await withDatabase(io, async (database) => {
        const row = await forTenant(database, tenant, (client) => redeliver(client, id));
        if (io.json) printJson(io, row);
        else io.out(`${row.id} ${row.status}`);
      });
    });
}
