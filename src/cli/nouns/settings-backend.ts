import { HowdahError } from '../../contracts/errors.ts';
import {
  listSettings,
  putSetting,
  removeSetting,
  type Setting,
} from '../../db/queries/settings.ts';
import { type Api, tenantOverApi } from '../backend/connect.ts';
import { withDatabase } from '../backend/database.ts';
import { forTenant } from '../input/resolve-tenant.ts';
import type { CliIo } from '../output/output.ts';

/** The owner of the settings: a tenant or the system. */
export type SettingsTarget = { tenant?: string; system?: true };

/** The settings of a tenant, or of the system: in a database, or over the API of a server. */
export type Settings = {
  list(): Promise<Setting[]>;
  /** Sets the JSON value of a setting. */
  put(key: string, json: string): Promise<void>;
  /** Removes a setting. Returns false if there was none. */
  remove(key: string): Promise<boolean>;
};

/** Runs `work` with the settings. In a database it runs in one transaction. */
export async function withSettings<T>(
  io: CliIo,
  api: Api | undefined,
  { tenant, system }: SettingsTarget,
  work: (settings: Settings) => Promise<T>,
): Promise<T> {
  if (api) {
    if (tenant !== undefined) throw tenantOverApi();
    if (system) throw systemOverApi();
    return work(settingsOverApi(api));
  }
  const scope = system ? 'system' : 'tenant';
  return withDatabase(io, (database) =>
    forTenant(database, tenant, (client) =>
      work({
        list: () => listSettings(client),
        put: (key, json) => putSetting(client, key, json, scope),
        remove: (key) => removeSetting(client, key, scope),
      }),
    ),
  );
}

function settingsOverApi(api: Api): Settings {
  return {
    list: async () => (await api.call('listSettings')).data,
    async put(key, json) {
      const value = JSON.parse(json);
      if (typeof value !== 'number') throw await noNumber(api, key, json);
      await api.call('putSetting', { params: { key }, body: { value } });
    },
    async remove(key) {
      try {
        await api.call('deleteSetting', { params: { key } });
        return true;
      } catch (error) {
        if ((error as HowdahError).code !== 'HWNTF') throw error;
        return false;
      }
    },
  };
}

async function noNumber(api: Api, key: string, json: string): Promise<HowdahError> {
  const { minimum, maximum } = await api.call('getSetting', { params: { key } });
  return new HowdahError(
    'HWINV',
    `${key} must be a number from ${minimum} to ${maximum}, not ${json}`,
    {
      hint: 'Use a JSON number without quotes.',
      detail: { field: 'value' },
    },
  );
}

function systemOverApi(): HowdahError {
  return new HowdahError('EUSAGE', '--system needs a database, not an API', {
    hint: 'Name the database with --database-url, or omit --system to change the setting for the tenant of your key.',
    detail: { field: '--system' },
  });
}
