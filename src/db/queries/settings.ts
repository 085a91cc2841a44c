import type { EnumLabel } from '../../contracts/enum-labels.generated.ts';
import type { Queryable } from '../connection/pool.ts';
import { jsonRows } from './json-rows.ts';

/**
 * A numeric setting of the engine: its value for the tenant, the source of the value, and the
 * allowed values.
 */
export type Setting = {
  key: string;
  /** The current value; null means no limit. */
  value: number | null;
  source: 'tenant' | 'system' | 'default';
  default_value: number | null;
  minimum: number;
  maximum: number;
  description: string;
};

/** The scope of a setting: the tenant, or all tenants that have no setting of their own. */
export type SettingScope = EnumLabel<'setting_scope'>;

/** Lists all settings, or only the setting of `key`. */
export function listSettings(client: Queryable, key?: string): Promise<Setting[]> {
  const text = `select v.key, v.value, v.source, v.default_value, v.minimum, v.maximum, v.description
    from howdah.setting_values as v where $1::text is null or v.key = $1 order by v.key`;
  return jsonRows(client, text, [key ?? null]);
}

/**
 * Sets a setting to `value`, which is JSON. Throws `HWINV` for an unknown key or a value that is
 * not allowed. Throws `HWDEN`.
 */
export async function putSetting(
  client: Queryable,
  key: string,
  value: string,
  scope: SettingScope = 'tenant',
): Promise<void> {
  await client.query(
    `with changed as (
       update howdah.settings as s set value = $3
       where s.scope = $1 and s.key = $2 and (s.scope = 'system' or s.tenant_id = howdah.current_tenant())
       returning s.id
     )
     insert into howdah.settings (scope, key, value) select $1, $2, $3 where not exists (select from changed)
     on conflict (tenant_id, scope, key) do update set value = excluded.value`,
    [scope, key, value],
  );
}

/** Removes a setting. Returns false if there was no such row. */
export async function removeSetting(
  client: Queryable,
  key: string,
  scope: SettingScope = 'tenant',
): Promise<boolean> {
  const { rowCount } = await client.query(
    `delete from howdah.settings as s
     where s.scope = $1 and s.key = $2 and (s.scope = 'system' or s.tenant_id = howdah.current_tenant())`,
    [scope, key],
  );
  return rowCount === 1;
}
