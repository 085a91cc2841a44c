import {
  listSettings,
  putSetting,
  removeSetting,
  type SettingScope,
} from '../../../db/queries/settings.ts';
import { forTenant } from '../../input/resolve-tenant.ts';
import type { SettingsBackend } from '../backend.ts';
import type { CliDatabase } from '../with-database.ts';

/** Creates the `SettingsBackend` of a database, for one tenant or for the system. */
export function createDatabaseSettings(
  database: CliDatabase,
  tenant: string | undefined,
  scope: SettingScope,
): SettingsBackend {
  return {
    list: () => forTenant(database, tenant, (client) => listSettings(client)),
    put: (key, json) =>
      forTenant(database, tenant, (client) => putSetting(client, key, json, scope)),
    remove: (key) => forTenant(database, tenant, (client) => removeSetting(client, key, scope)),
  };
}
