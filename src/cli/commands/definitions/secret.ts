import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { secretRowsOn, tenantsWithSecrets } from '../../../db/access/secrets.ts';
import {
  createSecret,
  removeSecret,
  rotateSecret,
} from '../../../operations/administration/secrets.ts';
import { secrets } from '../../../resources/administration/secrets.ts';
import { rotateDataKey, rotateMasterKey } from '../../../secrets/rotation.ts';
import { MAX_SECRET_BYTES } from '../../../secrets/writer.ts';
import { API_OPTION, refuseApi } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { confirm, YES_OPTION } from '../../input/confirm-option.ts';
import { TENANT_OPTION, tenantOf } from '../../input/resolve-tenant.ts';
import { readHidden } from '../../output/hidden-input.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';

type Options = { tenant?: string; force?: true; data?: true; yes?: true };

const ROTATED_TENANT_OPTION: readonly [string, string] = [
  '--tenant <slug>',
  'with a name: tenant of the secret; with --data: rotate only this tenant (default: all tenants); otherwise ignored',
];

/**
 * Registers `howdah admin secret set | rotate | list | remove`. A value comes from stdin and is
 * stored encrypted in the database.
 */
export function register(command: Command, io: CliIo): void {
  const add = (usage: string, description: string, tenantOption?: readonly [string, string]) =>
    addVerb(command, usage, description, tenantOption);
  add('set', 'store a secret, or change its value')
    .argument('<name>', 'name by which models, tools, webhooks and others refer to the secret')
    .action((name: string, options: Options, self: Command) => set(io, self, name, options, false));
  add(
    'rotate',
    'rotate the encryption keys of all secrets; with a name, change the value of that secret',
    ROTATED_TENANT_OPTION,
  )
    .argument('[name]', 'name of an existing secret; its new value comes from stdin')
    .option(
      '--data',
      'create new data keys instead of re-wrapping the existing ones with HOWDAH_SECRET_KEY',
    )
    .option(
      '--force',
      'rotate even if a worker does not have the new HOWDAH_SECRET_KEY yet (it cannot read secrets until it restarts with that key)',
    )
    .action((name: string | undefined, options: Options, self: Command) =>
      name === undefined ? rotateKeys(io, self, options) : set(io, self, name, options, true),
    );
  add('list', 'list the secrets, without their values').action((options: Options, self: Command) =>
    list(io, self, options),
  );
  add('remove', 'delete a secret')
    .argument('<name>', 'name of the secret')
    .option('--force', 'delete the secret even if it is in use (calls that need it will fail)')
    .option(...YES_OPTION)
    .action((name: string, options: Options, self: Command) => remove(io, self, name, options));
}

function addVerb(
  command: Command,
  usage: string,
  description: string,
  tenantOption: readonly [string, string] = TENANT_OPTION,
): Command {
  return command
    .command(usage)
    .description(description)
    .option(...tenantOption)
    .option(...API_OPTION)
    .allowExcessArguments() // an excess argument may be a value, which commander would print
    .hook('preAction', (_, { args, registeredArguments }) => {
      if (args.length > registeredArguments.length) throw tooMuch();
    });
}

async function set(
  io: CliIo,
  self: Command,
  name: string,
  { tenant }: Options,
  isThere: boolean,
): Promise<void> {
  const prompt = `Value of ${name} (input is hidden):`;
  const value = await readHidden(io, prompt, {
    most: MAX_SECRET_BYTES,
    example: 'printf %s "$KEY" | npx howdah admin secret set NAME',
  });
  const row = await withBackend(io, self, { tenant, createsDatabase: true }, async (backend) => {
    const { definitions, call } = backend;
    const found = await (isThere
      ? definitions.find(secrets, name)
      : definitions.lookUp(secrets, name));
    if (!found) return call(createSecret, { body: { name, value } });
    return call(rotateSecret, { params: { id: found.id }, body: { value } });
  });
  if (io.json) return printJson(io, row);
  const end = row.last_four ? ` (…${row.last_four})` : '';
  io.err(`Secret ${name}${end} is stored, version ${row.version}.`);
}

async function list(io: CliIo, self: Command, { tenant }: Options): Promise<void> {
  const { items, empty = '' } = await withBackend(io, self, { tenant }, ({ definitions }) =>
    definitions.list(secrets),
  );
  const rows = items.map(({ name, last_four, created_at, rotated_at, models }) => ({
    name,
    value: last_four ? `…${last_four}` : '…',
    age: ageOf((rotated_at ?? created_at) as Date),
    'used by': (models as string[]).join(', '),
  }));
  printRows(io, { items, rows, empty });
}

async function remove(
  io: CliIo,
  self: Command,
  name: string,
  { tenant, yes, force }: Options,
): Promise<void> {
  await withBackend(io, self, { tenant }, async ({ definitions, call }) => {
    if (!(await confirm(io, `This deletes the secret ${name}.`, yes))) return;
    const { id } = await definitions.find(secrets, name);
    const query = force ? { force: 'true' as const } : {};
    await call(removeSecret, { params: { id }, query });
    if (io.json) printJson(io, { removed: name });
    else io.err(`Secret ${name} is deleted.`);
  });
}

async function rotateKeys(io: CliIo, self: Command, options: Options): Promise<void> {
  await refuseApi(io, self, 'the rotation of encryption keys');
  await withDatabase(io, async (database) => {
    const { masterKeysOf } = await import('../../../bootstrap.ts');
    const rows = secretRowsOn(database.pool);
    const masterKeys = masterKeysOf(database.config);
    if (!options.data) {
      const rewrapped = await rotateMasterKey(rows, masterKeys, options.force === true);
      if (io.json) return printJson(io, { rewrapped });
      return io.err(`${rewrapped} data keys were re-wrapped with HOWDAH_SECRET_KEY.`);
    }
    const tenants = options.tenant
      ? [(await tenantOf(database.db, options.tenant)).id]
      : await tenantsWithSecrets(database.pool);
    let [resealed, runs] = [0, 0];
    for (const tenant of tenants) {
      const rotated = await rotateDataKey(rows, masterKeys, tenant);
      resealed += rotated.resealed;
      runs += rotated.runs;
    }
    if (io.json) return printJson(io, { tenants: tenants.length, resealed, runs });
    io.err(`${resealed} secrets of ${tenants.length} tenants were re-encrypted.`);
    if (runs > 0) io.err(`Workers re-encrypt the contents of ${runs} runs and their child runs.`);
  });
}

function tooMuch(): HowdahError {
  return new HowdahError('EUSAGE', 'the command has too many arguments', {
    hint: 'Do not pass the value as an argument: it would stay in the shell history and in process lists. Pipe it: printf %s "$KEY" | npx howdah admin secret set NAME',
  });
}

function ageOf(since: Date): string {
  const seconds = Math.max(0, (Date.now() - since.getTime()) / 1000);
  const [unit = 's', length = 1] =
    Object.entries({ d: 86_400, h: 3_600, m: 60 }).find(([, most]) => seconds >= most) ?? [];
  return `${Math.floor(seconds / length)}${unit}`;
}
