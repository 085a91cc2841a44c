import type { PutSecret } from '../../contracts/secret.ts';
import { inTransaction, type Pool, type Queryable } from '../connection/pool.ts';
import { putSecretStatement } from './secrets.ts';

/** A model of the environment as a row of `howdah.models`. */
export type EnvironmentModelRow = {
  name: string;
  purpose: string;
  provider: string;
  model: string;
  base_url: string | null;
  secret_name: string | null;
  request_params: Readonly<Record<string, string>>;
  fallback_position: number | null;
};

/** A model that exists already, and whether it follows the environment. */
type PresentModel = Pick<EnvironmentModelRow, 'name' | 'provider' | 'base_url' | 'secret_name'> & {
  from_environment: boolean;
};

/** The tenant default while its models are locked, and what may be done in the transaction. */
export type LockedModels = {
  tenantId: string;
  present: readonly PresentModel[];
  putSecret: PutSecret;
  /** Returns whether the secret of this name follows the environment. */
  followsEnvironment(secretName: string): Promise<boolean>;
  /** Writes a sealed value that follows the environment. */
  putToolKey: PutSecret;
  write(models: readonly EnvironmentModelRow[]): Promise<void>;
};

/** Returns whether the login of the pool is an owner, who may store secrets and write models. */
export async function isOwner(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query(`select pg_has_role('howdah_owner', 'member') as is_owner`);
  return rows[0].is_owner;
}

/**
 * Runs `work` in one transaction that locks the environment's models of the tenant `default`. Does
 * nothing without that tenant.
 */
export async function withEnvironmentModels(
  pool: Pool,
  work: (locked: LockedModels) => Promise<void>,
): Promise<void> {
  await inTransaction(pool, async (client) => {
    const tenantId = await lockTenant(client);
    if (tenantId === undefined) return;
    const { rows } = await client.query<PresentModel>(
      `select m.name, m.provider, m.base_url, m.secret_name, m.from_environment
       from howdah.models as m where m.tenant_id = $1`,
      [tenantId],
    );
    const putSecret: PutSecret = async (secret, traits) =>
      (await client.query(putSecretStatement(secret, traits))).rows[0]?.id;
    await work({
      tenantId,
      present: rows,
      putSecret,
      async followsEnvironment(secretName) {
        const text = `select s.from_environment from howdah.secrets as s where s.tenant_id = $1 and s.name = $2`;
        return (
          (await client.query(text, [tenantId, secretName])).rows[0]?.from_environment ?? false
        );
      },
      async putToolKey(secret, traits) {
        const id = await putSecret(secret, traits);
        const text = 'update howdah.secrets as s set from_environment = true where s.id = $1';
        if (id) await client.query(text, [id]);
        return id;
      },
      write: async (models) => {
        await client.query('select howdah_private.sync_environment_models($1, $2)', [
          tenantId,
          JSON.stringify(models),
        ]);
      },
    });
  });
}

/** Locks the models of the tenant `default`, for which the transaction then acts. */
async function lockTenant(client: Queryable): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>(
    `select t.id, set_config('howdah.tenant_id', t.id::text, true),
       howdah_private.lock_environment_models(t.id)
     from howdah.tenants as t where t.slug = 'default'`,
  );
  return rows[0]?.id;
}
