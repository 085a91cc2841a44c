import { z } from 'zod';
import type { Queryable } from '../../db/connection/pool.ts';
import {
  putSetting as put,
  removeSetting as remove,
  type Setting,
  listSettings as settingsOf,
} from '../../db/queries/settings.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import { operation } from '../operation.ts';

const setting = z
  .object({
    key: z.string(),
    value: z.number().nullable().describe('The effective value; null means no limit'),
    source: z.enum(['tenant', 'system', 'default']).describe('Where the value comes from'),
    default_value: z.number().nullable(),
    minimum: z.number(),
    maximum: z.number(),
    description: z.string(),
  })
  .meta({ id: 'Setting' });

const ofKey = {
  tag: 'settings',
  path: '/api/settings/{key}',
  params: z.strictObject({
    key: z.string().describe('The key of the setting, such as max_depth; see docs/settings.md'),
  }),
};
const one = { 200: { description: 'The setting', schema: setting } };

/** Lists the settings: the numbers that control the engine. */
export const listSettings = operation({
  method: 'GET',
  path: '/api/settings',
  id: 'listSettings',
  tag: 'settings',
  summary: 'List the settings of the tenant, ordered by key',
  isReplicable: true,
  answers: { 200: { description: 'The settings', schema: z.object({ data: z.array(setting) }) } },
  work: async (db) => ({ body: { data: await settingsOf(db) } }),
});

/** Shows a setting. */
export const getSetting = operation({
  ...ofKey,
  method: 'GET',
  id: 'getSetting',
  summary: 'Get a setting',
  answers: one,
  work: async (db, { params }) => ({ body: await settingOf(db, params.key) }),
});

/** Sets a setting of the tenant. */
export const putSetting = operation({
  ...ofKey,
  method: 'PUT',
  id: 'putSetting',
  summary: 'Set a setting of the tenant',
  body: z.strictObject({ value: z.number().describe('A number from minimum to maximum') }),
  answers: one,
  async work(db, { params, body }) {
    await settingOf(db, params.key);
    await put(db, params.key, JSON.stringify(body.value));
    return { body: await settingOf(db, params.key) };
  },
});

/** Removes the value of the tenant, so that the inherited value applies. */
export const deleteSetting = operation({
  ...ofKey,
  method: 'DELETE',
  id: 'deleteSetting',
  summary: 'Reset a setting of the tenant',
  answers: { 204: { description: 'The value of the tenant was removed' } },
  async work(db, { params: { key } }) {
    await settingOf(db, key);
    if (await remove(db, key)) return { status: 204, body: undefined };
    throw new RequestRefusal(404, `${key} is not set for the tenant`, {
      code: 'HWNTF',
      hint: 'The effective value comes from the system or is the default; see the field source.',
      detail: { key },
    });
  },
});

async function settingOf(db: Queryable, key: string): Promise<Setting> {
  const [found] = await settingsOf(db, key);
  if (found) return found;
  const keys = (await settingsOf(db)).map((known) => known.key);
  throw new RequestRefusal(404, `there is no setting ${key}`, {
    code: 'HWNTF',
    hint: `The settings are: ${keys.join(', ')}.`,
    detail: { key },
  });
}
