import { z } from 'zod';
import { connectedAccounts } from '../../resources/definitions/connected-accounts.ts';
import { integrations } from '../../resources/definitions/integrations.ts';
import { byId, id, time } from '../../resources/fields.ts';
import { readRow } from '../../resources/operations.ts';
import { operation } from '../operation.ts';

const link = z.object({
  account_id: id,
  integration: z.string(),
  authorization_url: z.string().nullable(),
  expires_at: time.nullable(),
});

/** Begins to connect an account. */
export const connectAccount = operation({
  method: 'POST',
  path: `${integrations.path}/{id}/connect`,
  id: 'connectAccount',
  tag: 'integrations',
  summary: 'Begin to connect an account: the own account, or that of the tenant',
  description:
    'A person opens `authorization_url` in a browser, and consents at the authorization server. ' +
    'Null means that the client of the integration is the account, and nobody has to consent.',
  params: byId,
  permission: { object: 'executions', action: 'run' },
  isBodyOptional: true,
  isPlainAction: true,
  body: z.strictObject({
    username: z
      .string()
      .optional()
      .describe('The user whose account it is; only an owner of the database names another user'),
  }),
  answers: { 200: { description: 'The page to open', schema: link } },
  async work(db, { params, body }) {
    const { row } = await readRow(db, integrations, params.id);
    const { rows } = await db.query<{ link: z.output<typeof link> }>(
      'select howdah.connect_account($1, $2) as link',
      [row.name, body.username ?? null],
    );
    return { body: rows[0]?.link as z.output<typeof link> };
  },
});

/** Disconnects an account. A worker revokes its tokens. */
export const disconnectAccount = operation({
  method: 'DELETE',
  path: `${connectedAccounts.path}/{id}`,
  id: 'disconnectAccount',
  tag: 'connected-accounts',
  summary: 'Disconnect an account, and revoke its tokens at the authorization server',
  params: byId,
  answers: {
    200: { description: 'The account, without its tokens', schema: connectedAccounts.row },
  },
  async work(db, { params }) {
    await db.query('select (howdah.disconnect_account($1)).id', [params.id]);
    return { body: (await readRow(db, connectedAccounts, params.id)).row };
  },
});
