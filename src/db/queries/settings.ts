import { type Client, jsonRows } from './json-rows.ts';

/** A number the engine goes by: what holds for the tenant now, who said so, and what may be set. */
export type Setting = {
  key: string;
  /** Null: nothing is limited. */
  value: number | null;
  source: 'tenant' | 'system' | 'default';
  default_value: number | null;
  minimum: number;
  maximum: number;
  description: string;
};

/** Of the tenant, or of all tenants that have none of their own. */
export type SettingScope = 'tenant' | 'system';

/** All there are, or the one of a key. */
export function listSettings(client: Client, key?: string): Promise<Setting[]> {
  const text = `select v.key, v.value, v.source, v.default_value, v.minimum, v.maximum, v.description
    from howdah.setting_values as v where $1::text is null or v.key = $1 order by v.key`;
  return jsonRows(client, text, [key ?? null]);
}

/** `value` is JSON. Throws `HWINV` for a key there is none of and a value that it may not have, `HWDEN`. */
export async function putSetting(
  client: Client,
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

/** False when there was no such row. */
export async function removeSetting(
  client: Client,
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
