import { targetOf, textsOf } from '../../client/call.ts';
import { bodyOf } from '../../client/http-client.ts';
import { secretRowsOn } from '../../db/access/secrets.ts';
import { ownTenant } from '../../db/access/subjects.ts';
import { inTenant, inTransaction } from '../../db/connection/pool.ts';
import type { Json } from '../../json/json.ts';
import { checkInput } from '../../operations/check-input.ts';
import type { Arguments, InTransaction, Operation } from '../../operations/operation.ts';
import { createSecretWriter } from '../../secrets/writer.ts';
import { tenantOf } from '../input/resolve-tenant.ts';
import type { Api } from './connect-server.ts';
import type { CliDatabase } from './with-database.ts';

/** Does an operation, and returns the body of its answer. */
export type CallOperation = <Takes extends Arguments, Gives>(
  operation: Operation<Takes, Gives>,
  takes: Takes,
) => Promise<Gives>;

/** Returns a function that does operations over REST. */
export function callOnServer(api: Api): CallOperation {
  return async ({ method, path, answers }, { params = {}, query = {}, body }) => {
    const response = await api.open(method, targetOf(path, params, query), body as Json);
    const isText = answers[200]?.type !== undefined;
    return (isText ? await response.text() : await bodyOf(response)) as never;
  };
}

/**
 * Returns a function that does operations in a transaction of the login, for a tenant, by default
 * the tenant of the login. The arguments are checked as those of a request.
 */
export function callInDatabase(
  { db, pool, config }: CliDatabase,
  tenant: string | undefined,
): CallOperation {
  return async (operation, { params = {}, query = {}, body }) => {
    const sent = { params, query: textsOf(query), body: body ?? (operation.body && {}) };
    const checked = checkInput(operation, sent) as Record<keyof typeof sent, never>;
    const { masterKeysOf } = await import('../../bootstrap.ts');
    const secrets = createSecretWriter(secretRowsOn(pool), masterKeysOf(config));
    // an owner of the database may read without a tenant
    const isRead = operation.method === 'GET' && tenant === undefined;
    const { id: tenantId = '' } = (await (isRead ? ownTenant(db) : tenantOf(db, tenant))) ?? {};
    const url = targetOf(operation.path, params, {});
    const input = { ...checked, headers: {}, identity: { tenantId }, url };
    const transaction: InTransaction = (work) =>
      tenantId === '' ? inTransaction(pool, work) : inTenant(pool, tenantId, work);
    await operation.prepare?.(transaction, input);
    return transaction(async (client) => (await operation.work(client, input, { secrets })).body);
  };
}
