import { z } from 'zod';
import type { SealedSecret } from '../../contracts/secret.ts';
import { putSecretStatement } from '../../db/access/secrets.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import { findRow } from '../../db/queries/row-collection.ts';
import { secrets } from '../../resources/administration/secrets.ts';
import { byId, flag } from '../../resources/fields.ts';
import { noSuch, RequestRefusal, staleMatch } from '../../resources/request-refusal.ts';
import { tagToMatch } from '../if-match.ts';
import { type Answer, type OperationContext, operation, shownRow } from '../operation.ts';

/**
 * Secrets. This process seals a value before the value is sent to the database, and no route
 * returns one.
 */
const value = z
  .string()
  .describe('The value: at most 64 KB of text. No answer contains it')
  .meta({ format: 'password' });
const shown = { description: 'The secret, without its value', schema: secrets.row };
const ofOne = { tag: 'secrets', path: '/api/secrets/{id}', params: byId } as const;

/** A secret as it is shown. */
type SecretRow = { id: string; name: string; version: number; last_four: string | null };
type Written = { db: Queryable; tenantId: string; name: string; value: string };

/** Seals and writes a value. `check` may refuse the version that is about to be written. */
async function write(
  { secrets: writer }: OperationContext,
  { db, tenantId, name, value }: Written,
  check: (secret: SealedSecret) => void,
): Promise<Answer<SecretRow>> {
  const written = await writer.set(tenantId, name, value, async (secret, traits) => {
    check(secret);
    const { rows } = await db.query<{ id: string | null }>(putSecretStatement(secret, traits));
    return rows[0]?.id;
  });
  const found = await findRow(db, secrets.collection, written);
  if (!found) throw noSuch(secrets.one, written);
  return shownRow(secrets, found) as unknown as Answer<SecretRow>;
}

/** Stores a secret under a new name. This process seals the value. */
export const createSecret = operation({
  method: 'POST',
  path: secrets.path,
  id: 'createSecret',
  tag: 'secrets',
  summary: 'Store a secret under a new name',
  isKeyed: true,
  body: z.strictObject({ name: secrets.fields.shape.name as z.ZodString, value }),
  answers: { 201: shown },
  async work(db, { body, identity: { tenantId } }, context) {
    const answer = await write(context, { db, tenantId, ...body }, ({ version }) => {
      if (version > 1) throw nameTaken(body.name);
    });
    const headers = { location: `${secrets.path}/${answer.body.id}` };
    return { ...answer, status: 201, headers };
  },
});

const nameTaken = (name: string) =>
  new RequestRefusal(409, `there is a secret ${name} already`, {
    code: 'HWCNF',
    hint: 'To replace its value, send PUT /api/secrets/ID with the new value.',
    detail: { field: 'name' },
  });

/** Gives a secret its next value. */
export const rotateSecret = operation({
  ...ofOne,
  method: 'PUT',
  id: 'rotateSecret',
  summary: 'Give a secret its next value',
  body: z.strictObject({ value }),
  answers: { 200: shown },
  async work(db, { params, body, headers, identity: { tenantId } }, context) {
    const found = await findRow(db, secrets.collection, params.id);
    if (!found) throw noSuch(secrets.one, params.id);
    const tag = await tagToMatch(db, secrets, params.id, headers['if-match']);
    const { name, version } = found.row as unknown as { name: string; version: number };
    return write(context, { db, tenantId, name, value: body.value }, (secret) => {
      if (secret.id !== params.id.toLowerCase()) throw noSuch(secrets.one, params.id);
      if (tag !== undefined && secret.version !== version + 1) throw staleMatch();
    });
  },
});

/** Removes a secret. */
export const removeSecret = operation({
  ...ofOne,
  method: 'DELETE',
  id: 'deleteSecret',
  summary: 'Remove a secret that nothing uses',
  query: z.strictObject({
    force: flag.optional().describe('true removes it even if a model or tool still names it'),
  }),
  answers: { 204: { description: 'The secret was removed' } },
  async work(db, { params, query, headers }) {
    const tag = await tagToMatch(db, secrets, params.id, headers['if-match']);
    const found = await findRow(db, secrets.collection, params.id);
    if (!found) throw noSuch(secrets.one, params.id);
    const { rows } = await db.query<{ version: number }>(
      'select (howdah.remove_secret($1, $2)).version',
      [found.row.name, query.force === true],
    );
    if (tag !== undefined && rows[0]?.version !== found.row.version) throw staleMatch();
    return { status: 204, body: undefined };
  },
});
