import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import type { Setting } from '../../../db/queries/settings.ts';
import * as settingRows from '../../../db/queries/settings.ts';
import { parseNumber } from '../../../json/parse-json.ts';
import {
  deleteSetting,
  listSettings,
  putSetting,
} from '../../../operations/administration/settings.ts';
import { closestNames } from '../../../text/closest-names.ts';
import type { CallOperation } from '../../backend/call-operation.ts';
import { API_OPTION, refuseApi } from '../../backend/connect-server.ts';
import { hintIfNotFound } from '../../backend/unknown-name.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { type CliDatabase, withDatabase } from '../../backend/with-database.ts';
import { forTenant, TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { type CliIo, printJson, printTable } from '../../output/output.ts';

/** The owner of the settings: a tenant or the system. */
type SettingsTarget = { tenant?: string; system?: true };

/** Creates the option that selects the value of the system. */
const systemOption = (action: string) =>
  [
    '--system',
    `${action} the value that applies to all tenants without a value of their own (owners of the database only)`,
  ] as const;

const KEY = ['<key>', 'key of the setting, such as max_depth'] as const;

/**
 * Registers `howdah admin settings [list | show | set | remove]`: numbers that control the engine.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    {
      name: 'list',
      summary: 'list the settings with their current values',
      register: (verb) =>
        verb
          .option(...TENANT_OPTION)
          .option(...API_OPTION)
          .action((whose: SettingsTarget, self: Command) => list(io, whose, self)),
    },
    {
      name: 'show',
      summary: 'show the value and the allowed range of a setting',
      register: (verb) =>
        verb
          .argument(...KEY)
          .option(...TENANT_OPTION)
          .option(...API_OPTION)
          .action((key: string, whose: SettingsTarget, self: Command) =>
            show(io, key, whose, self),
          ),
    },
    {
      name: 'set',
      summary: 'change a setting',
      register: (verb) =>
        withKey(verb, 'change')
          .argument('<value>', 'number in the range that `howdah admin settings show KEY` prints')
          .action((key: string, value: string, whose: SettingsTarget, self: Command) =>
            change(io, key, whose, self, (settings, { minimum, maximum }) => {
              const number = parseNumber(value);
              if (typeof number !== 'number') throw noNumber({ key, value, minimum, maximum });
              return settings.put(key, number);
            }),
          ),
    },
    {
      name: 'remove',
      summary: 'remove the value of a setting, so that the inherited value applies',
      register: (verb) =>
        withKey(verb, 'remove').action((key: string, whose: SettingsTarget, self: Command) =>
          change(io, key, whose, self, (settings) => settings.remove(key)),
        ),
    },
  ]);
}

/** The settings as a tenant has them. Changes are of the tenant, or of the system. */
type Settings = {
  list(): Promise<readonly Setting[]>;
  put(key: string, value: number): Promise<unknown>;
  /** Throws `HWNTF` if there is no such value. */
  remove(key: string): Promise<unknown>;
};

async function withSettings<T>(
  io: CliIo,
  self: Command,
  { tenant, system }: SettingsTarget,
  work: (settings: Settings) => Promise<T>,
): Promise<T> {
  if (!system) return withBackend(io, self, { tenant }, ({ call }) => work(ofTenant(call)));
  await refuseApi(io, self, '--system');
  return withDatabase(io, (database) => work(ofSystem(database, tenant)));
}

function ofTenant(call: CallOperation): Settings {
  return {
    list: async () => (await call(listSettings, {})).data,
    put: (key, value) => call(putSetting, { params: { key }, body: { value } }),
    remove: (key) => call(deleteSetting, { params: { key } }).catch(hintIfNotFound(LIST_SOURCES)),
  };
}

function ofSystem(database: CliDatabase, tenant: string | undefined): Settings {
  const write = <Written>(work: (client: Queryable) => Promise<Written>) =>
    forTenant(database, tenant, work);
  return {
    list: () => write((client) => settingRows.listSettings(client)),
    put: (key, value) =>
      write((client) => settingRows.putSetting(client, key, `${value}`, 'system')),
    async remove(key) {
      if (await write((client) => settingRows.removeSetting(client, key, 'system'))) return;
      throw new HowdahError('HWNTF', `${key} is not set for the system`, {
        hint: LIST_SOURCES,
        detail: { key },
      });
    },
  };
}

const LIST_SOURCES = 'Show where each setting is set: howdah admin settings list';

function withKey(verb: Command, action: string): Command {
  return verb
    .argument(...KEY)
    .option(...systemOption(action))
    .option(...TENANT_OPTION)
    .option(...API_OPTION);
}

async function list(io: CliIo, whose: SettingsTarget, self: Command): Promise<void> {
  const items = await withSettings(io, self, whose, (settings) => settings.list());
  if (io.json) return printJson(io, { items });
  const rows = items.map(({ key, value, source, minimum, maximum, description }) => {
    return { key, value: value ?? '-', source, range: `${minimum}..${maximum}`, description };
  });
  printTable(io, rows);
}

async function show(io: CliIo, key: string, whose: SettingsTarget, self: Command): Promise<void> {
  const setting = await withSettings(io, self, whose, (settings) => settingOf(settings, key));
  if (io.json) return printJson(io, setting);
  const { minimum, maximum, description } = setting;
  io.out(`${describeSetting(setting)}\n${description}\nAllowed range: ${minimum} to ${maximum}.`);
}

async function change(
  io: CliIo,
  key: string,
  whose: SettingsTarget,
  self: Command,
  work: (settings: Settings, setting: Setting) => Promise<unknown>,
): Promise<void> {
  const now = await withSettings(io, self, whose, async (settings) => {
    await work(settings, await settingOf(settings, key));
    return settingOf(settings, key);
  });
  if (io.json) return printJson(io, now);
  if (whose.system && now.source === 'tenant') {
    io.err('This tenant has its own value, which takes precedence.');
  }
  io.out(describeSetting(now));
}

function describeSetting({ key, value, source }: Setting): string {
  const by = { tenant: 'set by the tenant', system: 'set for the system', default: 'the default' };
  return `${key} ${value ?? '-'} (${by[source]})`;
}

/** Returns the setting of this key. Throws `HWNTF` with the key that may have been meant. */
async function settingOf(settings: Settings, key: string): Promise<Setting> {
  const all = await settings.list();
  const found = all.find((known) => known.key === key);
  if (found) return found;
  const keys = all.map((known) => known.key);
  const [near] = closestNames(key, keys, 1);
  throw new HowdahError('HWNTF', `there is no setting named '${key}'`, {
    hint: `${near === undefined ? '' : `Did you mean ${near}? `}List them: howdah admin settings list`,
    detail: { key },
  });
}

type NoNumber = Pick<Setting, 'key' | 'minimum' | 'maximum'> & { value: string };

function noNumber({ key, value, minimum, maximum }: NoNumber): HowdahError {
  return new HowdahError(
    'HWINV',
    `${key} must be a number from ${minimum} to ${maximum}, not ${JSON.stringify(value)}`,
    { hint: 'Use a JSON number without quotes.', detail: { field: 'value' } },
  );
}
