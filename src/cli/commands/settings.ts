import type { Command } from 'commander';
import { HowdahError } from '../../contracts/errors.ts';
import {
  listSettings,
  putSetting,
  removeSetting,
  type Setting,
  type SettingScope,
} from '../../db/settings.ts';
import { nearestNames } from '../../runtime/nearest-names.ts';
import { type CliDatabase, withDatabase } from '../database.ts';
import { type CliIo, printJson, printTable } from '../output.ts';
import { forTenant, TENANT_OPTION } from '../tenants.ts';
import { withVerbs } from '../verbs.ts';

type Options = { tenant?: string; system?: true };
type Client = Parameters<typeof listSettings>[0];

const SYSTEM = [
  '--system',
  'for all tenants that have none of their own, as an owner of the database',
] as const;

const KEY = ['<key>', 'which one, such as max_depth'] as const;

/** `howdah settings [list | show | set | remove]`: numbers the engine goes by. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    {
      name: 'list',
      summary: 'the settings there are, with what holds',
      register: (verb) =>
        verb.option(...TENANT_OPTION).action(({ tenant }: Options) => list(io, tenant)),
    },
    {
      name: 'show',
      summary: 'one of them: what holds, and what it may be',
      register: (verb) =>
        verb
          .argument(...KEY)
          .option(...TENANT_OPTION)
          .action((key: string, { tenant }: Options) => show(io, key, tenant)),
    },
    {
      name: 'set',
      summary: 'say what holds from now on',
      register: (verb) =>
        withKey(verb)
          .argument('<value>', 'a number; list says which it may be')
          .action((key: string, value: string, options: Options) =>
            change(io, key, options, (client, scope) =>
              putSetting(client, key, jsonOf(value), scope),
            ),
          ),
    },
    {
      name: 'remove',
      summary: 'take back what was set',
      register: (verb) =>
        withKey(verb).action((key: string, options: Options) =>
          change(io, key, options, async (client, scope) => {
            if (await removeSetting(client, key, scope)) return;
            const who = scope === 'system' ? 'the system' : 'the tenant';
            throw new HowdahError('HWNTF', `${who} has not set ${key}`, {
              hint: 'See who has: howdah settings list',
              detail: { key },
            });
          }),
        ),
    },
  ]);
}

function withKey(verb: Command): Command {
  return verb
    .argument(...KEY)
    .option(...SYSTEM)
    .option(...TENANT_OPTION);
}

async function list(io: CliIo, tenant: string | undefined): Promise<void> {
  await withDatabase(io, async (database) => {
    const items = await forTenant(database, tenant, (client) => listSettings(client));
    if (io.json) return printJson(io, { items });
    const rows = items.map(({ key, value, source, minimum, maximum, description }) => {
      return { key, value: value ?? '-', source, range: `${minimum}..${maximum}`, description };
    });
    printTable(io, rows);
  });
}

async function show(io: CliIo, key: string, tenant: string | undefined): Promise<void> {
  await withDatabase(io, async (database) => {
    const setting = await forTenant(database, tenant, (client) => settingOf(client, key));
    if (io.json) return printJson(io, setting);
    const { minimum, maximum, description } = setting;
    io.out(`${standing(setting)}\n${description}\nIt may be from ${minimum} to ${maximum}.`);
  });
}

async function change(
  io: CliIo,
  key: string,
  { tenant, system }: Options,
  work: (client: Client, scope: SettingScope) => Promise<void>,
): Promise<void> {
  await withDatabase(io, async (database: CliDatabase) => {
    const now = await forTenant(database, tenant, async (client) => {
      await settingOf(client, key);
      await work(client, system ? 'system' : 'tenant');
      return settingOf(client, key);
    });
    if (io.json) return printJson(io, now);
    if (system && now.source === 'tenant') {
      io.err('This tenant has one of its own, which counts first.');
    }
    io.out(standing(now));
  });
}

function standing({ key, value, source }: Setting): string {
  const by = { tenant: 'set by the tenant', system: 'set for all', default: 'the default' };
  return `${key} ${value ?? '-'} (${by[source]})`;
}

/** Throws `HWNTF`, saying what may have been meant. */
async function settingOf(client: Client, key: string): Promise<Setting> {
  const [found] = await listSettings(client, key);
  if (found) return found;
  const keys = (await listSettings(client)).map((known) => known.key);
  const [near] = nearestNames(key, keys, 1);
  throw new HowdahError('HWNTF', `there is no setting named '${key}'`, {
    hint: `${near === undefined ? '' : `Did you mean ${near}? `}List them: howdah settings list`,
    detail: { key },
  });
}

/** What is no number is handed on as a text, which the database refuses in its own words. */
function jsonOf(value: string): string {
  return value.trim() !== '' && Number.isFinite(Number(value))
    ? JSON.stringify(Number(value))
    : JSON.stringify(value);
}
