import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import type { Setting } from '../../../db/queries/settings.ts';
import { parseNumber } from '../../../json/parse-json.ts';
import { closestNames } from '../../../text/closest-names.ts';
import type { SettingsBackend } from '../../backend/backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
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
            change(io, key, whose, self, (settings) => settings.put(key, jsonOf(value))),
          ),
    },
    {
      name: 'remove',
      summary: 'remove the value of a setting, so that the inherited value applies',
      register: (verb) =>
        withKey(verb, 'remove').action((key: string, whose: SettingsTarget, self: Command) =>
          change(io, key, whose, self, async (settings) => {
            if (await settings.remove(key)) return;
            const who = whose.system ? 'the system' : 'the tenant';
            throw new HowdahError('HWNTF', `${key} is not set for ${who}`, {
              hint: 'Show where each setting is set: howdah admin settings list',
              detail: { key },
            });
          }),
        ),
    },
  ]);
}

function withSettings<T>(
  io: CliIo,
  self: Command,
  { tenant, system }: SettingsTarget,
  work: (settings: SettingsBackend) => Promise<T>,
): Promise<T> {
  return withBackend(io, self, { tenant }, (backend) =>
    work(backend.settings(system ? 'system' : 'tenant')),
  );
}

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
  work: (settings: SettingsBackend) => Promise<void>,
): Promise<void> {
  const now = await withSettings(io, self, whose, async (settings) => {
    await settingOf(settings, key);
    await work(settings);
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
async function settingOf(settings: SettingsBackend, key: string): Promise<Setting> {
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

/**
 * Converts a value to JSON. A value that is not a number becomes a text, which the database rejects
 * with its own message.
 */
function jsonOf(value: string): string {
  return JSON.stringify(parseNumber(value) ?? value);
}
