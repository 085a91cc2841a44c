import { sql } from 'kysely';
import type {
  NextSecretVersion,
  PutSecret,
  SealedSecret,
  SecretRows,
  SecretTraits,
} from '../../contracts/secret.ts';
import { callPrivate, inTenant, type Pool, type Queryable } from '../connection/pool.ts';
import type { Queries } from '../queries/queries.ts';

/**
 * Returns access to the rows of secrets. Reading needs the rights of howdah_worker, and everything
 * else needs the rights of the owner.
 */
export function secretRowsOn(pool: Pool): SecretRows {
  const call = <T>(name: string, ...values: unknown[]) => callPrivate<T>(pool, name, ...values);
  return {
    find: async (tenantId, name) =>
      (await call<SealedSecret | null>('sealed_secret', tenantId, name)) ?? undefined,
    nextVersion: (tenantId, name) => call('secret_slot', tenantId, name),
    currentDataKey: async (tenantId) =>
      (await call<NextSecretVersion>('secret_slot', tenantId, '')).key,
    enqueueContents: (tenantId) => call('enqueue_missed_encryptions', tenantId),
    keys: (ids) => call('data_keys_by_id', ids),
    newId: async () => (await pool.query('select howdah.uuid_v7() as id')).rows[0].id,
    masterKeys: () => call('master_key_state'),
    adoptMasterKey: (fingerprint) => call('adopt_master_key', fingerprint),
    switchMasterKey: (fingerprint, force) => call('switch_master_key', fingerprint, force),
    addDataKey: (key, replacing) => call('add_data_key', key, replacing),
    toRewrap: (most) => call('data_keys_to_rewrap', most),
    rewrap: (key, before) => call('rewrap_data_key', key, before),
    toReseal: (tenantId, most) => call('secrets_to_reseal', tenantId, most),
    reseal: (tenantId, secrets) => call('reseal_secrets', tenantId, JSON.stringify(secrets)),
    dropUnusedDataKeys: (tenantId) => call('drop_unused_data_keys', tenantId),
  };
}

/**
 * Returns the statement that writes a sealed value, with the role and tenant of the session that
 * runs it.
 */
export function putSecretStatement(secret: SealedSecret, traits: SecretTraits) {
  const { fingerprint, last_four } = traits;
  return {
    text: 'select howdah_private.put_secret($1, $2, $3) as id',
    values: [JSON.stringify(secret), fingerprint, last_four],
  };
}

/** Returns a function that writes sealed values of a tenant as the login of the pool. */
export function putSecretOn(pool: Pool, tenantId: string): PutSecret {
  return (secret, traits) =>
    inTenant(pool, tenantId, async (client) => {
      const { rows } = await client.query<{ id: string | null }>(
        putSecretStatement(secret, traits),
      );
      return rows[0]?.id ?? null;
    });
}

/** Lists the secrets of a tenant, with the models that name them. */
export function listSecrets(db: Queries, tenantId: string) {
  return db
    .selectFrom('secrets as s')
    .select(['s.id', 's.name', 's.last_four', 's.fingerprint', 's.version'])
    .select(['s.created_at', 's.rotated_at'])
    .select((secret) =>
      secret
        .selectFrom('models as m')
        .select(sql<string[]>`coalesce(array_agg(m.name order by m.name), '{}')`.as('names'))
        .whereRef('m.tenant_id', '=', 's.tenant_id')
        .whereRef('m.secret_name', '=', 's.name')
        .as('models'),
    )
    .where('s.tenant_id', '=', tenantId)
    .orderBy('s.name')
    .execute();
}

/** A secret that something uses. */
export type UsedSecret = { name: string; used_by: string };

/** Returns those of these secrets that something else than this agent system uses. */
export async function secretsUsedElsewhere(
  db: Queryable,
  names: readonly string[],
  system: string,
): Promise<UsedSecret[]> {
  const { rows } = await db.query<UsedSecret>(
    'select s.name, s.used_by from howdah_private.secrets_used_elsewhere($1, $2) as s',
    [names, system],
  );
  return rows;
}

/** Lists the ids of the tenants that have a data key, and therefore secrets. */
export async function tenantsWithSecrets(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ tenant_id: string }>(
    'select k.tenant_id from howdah_private.data_keys as k where k.is_current order by k.tenant_id',
  );
  return rows.map(({ tenant_id }) => tenant_id);
}
