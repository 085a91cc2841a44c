import { z } from 'zod';
import { findRow } from '../../db/queries/row-collection.ts';
import { apiKeys, scopes } from '../../resources/administration/api-keys.ts';
import { byId, id, role, time } from '../../resources/fields.ts';
import { noSuch, refuseBoth } from '../../resources/request-refusal.ts';
import { listOperation } from '../list-operation.ts';
import { type Answer, operation, shownRow } from '../operation.ts';

const shown = { 200: { description: 'The API key', schema: apiKeys.row } };

/** An API key as it is shown. */
export type ApiKey = {
  id: string;
  tenant: string;
  user: string | null;
  name: string;
  prefix: string;
  role: string;
  scopes: string[] | null;
  state: string;
  expires_at: string | null;
  last_used_at: string | null;
  made_without_login: boolean;
};
/** A new API key. `key` is a secret: show it once, to the person who requested it. */
export type NewApiKey = ApiKey & { key?: string | undefined };

/** Lists the API keys: of the tenant, and for an owner of the database of all tenants. */
export const listApiKeys = listOperation<ApiKey>(apiKeys);

/** Creates an API key. */
export const createApiKey = operation({
  method: 'POST',
  path: apiKeys.path,
  id: 'createApiKey',
  tag: 'api-keys',
  summary: 'Create an API key',
  description:
    'Only this response contains the key. The response to a repeated request with the same Idempotency-Key does not.',
  isKeyed: true,
  body: z.strictObject({
    name: z.string().describe('What the key is for, in at most 100 characters'),
    role: role.optional().describe('member by default; at most your own role'),
    scopes: scopes.min(1).optional().describe('The actions of the key; all of its role by default'),
    expires_at: time.optional().describe('Never by default'),
    expires_in: z
      .number()
      .positive()
      .optional()
      .describe('The seconds until the key expires, in place of expires_at'),
    user_id: id.optional().describe('The user that the key acts for; the tenant by default'),
  }),
  answers: {
    201: {
      description: 'The API key',
      schema: apiKeys.row.extend({ key: z.string().optional().describe('Shown only once') }),
    },
  },
  async work(db, { body }) {
    refuseBoth(body, 'expires_in', ['expires_at']);
    const { rows } = await db.query<{ id: string; key: string }>(
      `select c.id, c.key from howdah.create_api_key($1, coalesce($2, 'member')::howdah.user_role,
         $3, coalesce($4::timestamptz, now() + $6::float8 * interval '1 second'), $5) as c`,
      [...[body.name, body.role, body.scopes, body.expires_at, body.user_id], body.expires_in].map(
        (one) => one ?? null,
      ),
    );
    const { id: made = '', key } = rows[0] ?? {};
    const found = await findRow(db, apiKeys.collection, made);
    if (!found) throw noSuch(apiKeys.one, made);
    const answer = shownRow(apiKeys, found);
    return {
      ...answer,
      status: 201,
      headers: { location: `${apiKeys.path}/${made}` },
      body: { ...found.row, key } as unknown as NewApiKey,
    };
  },
});

/** Revokes an API key. */
export const revokeApiKey = operation({
  method: 'POST',
  path: '/api/api-keys/{id}/revoke',
  id: 'revokeApiKey',
  tag: 'api-keys',
  summary: 'Revoke an API key for good, within a second',
  params: byId,
  answers: shown,
  async work(db, { params }) {
    await db.query('select (howdah.revoke_api_key($1)).id', [params.id]);
    const found = await findRow(db, apiKeys.collection, params.id);
    if (!found) throw noSuch(apiKeys.one, params.id);
    return shownRow(apiKeys, found) as unknown as Answer<ApiKey>;
  },
});
