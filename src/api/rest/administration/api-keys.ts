import { z } from 'zod';
import { findRow } from '../../../db/queries/row-collection.ts';
import { apiKeys } from '../../../resources/administration/api-keys.ts';
import { byId, id, role, time } from '../../../resources/fields.ts';
import { noSuch } from '../../../resources/request-refusal.ts';
import { resourceRoutes, shownRow } from '../framework/resource-routes.ts';
import { type Route, route } from '../framework/route.ts';

const scopes = z.array(z.enum(['read', 'run', 'edit', 'manage']));

/** API keys, without their secrets. Only the name of a key changes. */
const shown = { 200: { description: 'The API key', schema: apiKeys.row } };

const create = route({
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
    user_id: id.optional().describe('The user that the key acts for; the tenant by default'),
  }),
  answers: {
    201: {
      description: 'The API key',
      schema: apiKeys.row.extend({ key: z.string().optional().describe('Shown only once') }),
    },
  },
  async work(db, { body }) {
    const { rows } = await db.query<{ id: string; key: string }>(
      `select c.id, c.key from howdah.create_api_key($1, coalesce($2, 'member')::howdah.user_role,
         $3, $4, $5) as c`,
      [body.name, body.role, body.scopes, body.expires_at, body.user_id].map((one) => one ?? null),
    );
    const { id: made = '', key } = rows[0] ?? {};
    const found = await findRow(db, apiKeys.collection, made);
    if (!found) throw noSuch(apiKeys.one, made);
    const answer = shownRow(apiKeys, found);
    return {
      ...answer,
      status: 201,
      headers: { location: `${apiKeys.path}/${made}` },
      body: { ...found.row, key },
    };
  },
});

const revoke = route({
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
    return shownRow(apiKeys, found);
  },
});

/** Routes of API keys. A key is revoked and not deleted, so that the log can name it. */
export const apiKeyRoutes: Route[] = [...resourceRoutes(apiKeys), create, revoke];
