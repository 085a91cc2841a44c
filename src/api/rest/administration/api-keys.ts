import { z } from 'zod';
import { findRow } from '../../../db/queries/row-collection.ts';
import { noSuch } from '../../errors/request-refusal.ts';
import { byId, id, role, time } from '../../http/fields.ts';
import { createResource } from '../definitions/definitions.ts';
import { crudRoutes, shownRow } from '../framework/crud-resource.ts';
import { type Route, route } from '../framework/route.ts';

const scopes = z.array(z.enum(['read', 'run', 'edit', 'manage']));

/** API keys, without their secrets. Only the name of a key changes. */
const apiKeys = createResource({
  path: '/api/api-keys',
  one: 'API key',
  table: 'api_keys',
  name: 'ApiKey',
  // The time of the last use is no change of the key.
  stamp: 't.name, t.revoked_at',
  columns: { name: z.string().describe('What the key is for, in at most 100 characters') },
  readOnly: {
    prefix: z.string().describe('The beginning of the key, by which it is found'),
    user_id: id.nullable(),
    role,
    scopes: scopes.nullable().describe('The actions of the key; null: all of its role'),
    expires_at: time.nullable(),
    last_used_at: time.nullable(),
    revoked_at: time.nullable(),
    created_by: z.string(),
    created_at: time,
    made_without_login: z
      .boolean()
      .describe('Whether a server that requires a login refuses the key'),
  },
  filters: { name: z.string().optional(), prefix: z.string().optional(), user_id: id.optional() },
  fieldAliases: { api_key_id: 'id' },
});

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
export const apiKeyRoutes: Route[] = [
  ...crudRoutes(apiKeys).filter(({ method }) => method !== 'POST' && method !== 'DELETE'),
  create,
  revoke,
];
