import { z } from 'zod';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { type Collection, findRow } from '../../../db/queries/row-collection.ts';
import { answerPage } from '../../../operations/pagination.ts';
import { columnList } from '../../../resources/column-list.ts';
import { integrations } from '../../../resources/definitions/integrations.ts';
import { equalTo } from '../../../resources/equal-to.ts';
import { byId, id, names, page, pageOf, time } from '../../../resources/fields.ts';
import { noSuch } from '../../../resources/request-refusal.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import { type Route, route } from '../framework/route.ts';

const STATUSES = enumLabels.account_status;

const account = z
  .object({
    id,
    integration_id: id,
    user_id: id.nullable().describe('Null for the account of the tenant'),
    status: z.enum(STATUSES),
    scopes: names.describe('The scopes that the server granted'),
    expires_at: time.nullable().describe('The end of the current token'),
    connected_at: time.nullable(),
    refreshed_at: time.nullable(),
    error: z.string().nullable(),
    created_at: time,
    updated_at: time,
  })
  .meta({ id: 'ConnectedAccount' });
const accounts: Collection = { table: 'connected_accounts', shown: columnList(account.shape) };
const ofAccount = { tag: 'connected-accounts', params: byId };
const shown = { description: 'The account, without its tokens', schema: account };

const connect = route({
  method: 'POST',
  path: '/api/integrations/{id}/connect',
  id: 'connectAccount',
  tag: 'integrations',
  summary: 'Begin to connect an account: the own account, or that of the tenant',
  description:
    'A person opens `authorization_url` in a browser, and consents at the authorization server. ' +
    'Null means that the client of the integration is the account, and nobody has to consent.',
  params: byId,
  permission: { object: 'executions', action: 'run' },
  answers: {
    200: {
      description: 'The page to open',
      schema: z.object({
        account_id: id,
        integration: z.string(),
        authorization_url: z.string().nullable(),
        expires_at: time.nullable(),
      }),
    },
  },
  async work(db, { params }) {
    const found = await findRow(db, integrations.collection, params.id);
    if (!found) throw noSuch('integration', params.id);
    const { rows } = await db.query<{ link: object }>('select howdah.connect_account($1) as link', [
      found.row.name,
    ]);
    return { body: rows[0]?.link };
  },
});

const listAccounts = route({
  method: 'GET',
  path: '/api/connected-accounts',
  id: 'listConnectedAccounts',
  tag: 'connected-accounts',
  summary: 'List the connected accounts that the caller may see, newest first',
  isReplicable: true,
  query: z.strictObject({
    ...page,
    integration_id: id.optional(),
    user_id: id.optional(),
    status: z.enum(STATUSES).optional(),
  }),
  answers: { 200: { description: 'A page of accounts', schema: pageOf(account) } },
  async work(db, { query, url }) {
    return answerPage(db, accounts, equalTo(query), query, url);
  },
});

const getAccount = route({
  ...ofAccount,
  method: 'GET',
  path: '/api/connected-accounts/{id}',
  id: 'getConnectedAccount',
  summary: 'Get a connected account',
  answers: { 200: shown },
  async work(db, { params }) {
    const found = await findRow(db, accounts, params.id);
    if (!found) throw noSuch('connected account', params.id);
    return { body: found.row, tag: found.tag };
  },
});

const disconnect = route({
  ...ofAccount,
  method: 'DELETE',
  path: '/api/connected-accounts/{id}',
  id: 'disconnectAccount',
  summary: 'Disconnect an account, and revoke its tokens at the authorization server',
  answers: { 200: shown },
  async work(db, { params }) {
    await db.query('select (howdah.disconnect_account($1)).id', [params.id]);
    const found = await findRow(db, accounts, params.id);
    if (!found) throw noSuch('connected account', params.id);
    return { body: found.row };
  },
});

/** Routes of integrations, and of the accounts that people connected for them. */
export const integrationRoutes: Route[] = [
  ...resourceRoutes(integrations),
  connect,
  listAccounts,
  getAccount,
  disconnect,
];
