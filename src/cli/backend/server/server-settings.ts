import { HowdahError } from '../../../contracts/errors.ts';
import type { SettingScope } from '../../../db/queries/settings.ts';
import { parseJson } from '../../../json/parse-json.ts';
import type { SettingsBackend } from '../backend.ts';
import type { Api } from '../connect-server.ts';

/** Creates the `SettingsBackend` of a server. Throws `EUSAGE` for the settings of the system. */
export function createServerSettings(api: Api, scope: SettingScope): SettingsBackend {
  if (scope === 'system') throw systemNeedsDatabase();
  return {
    list: async () => (await api.call('listSettings')).data,
    async put(key, json) {
      const value = parseJson(json);
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

function systemNeedsDatabase(): HowdahError {
  return new HowdahError('EUSAGE', '--system needs a database, not an API', {
    hint: 'Name the database with --database-url, or omit --system to change the setting for the tenant of your key.',
    detail: { field: '--system' },
  });
}
