import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import {
  listSecrets,
  putSecretOn,
  removeSecret,
  secretRowsOn,
  tenantsWithSecrets,
} from '../../../db/access/secrets.ts';
import { rotateDataKey, rotateMasterKey } from '../../../secrets/rotation.ts';
import { createSecretWriter, MAX_SECRET_BYTES } from '../../../secrets/writer.ts';
import { joinNames } from '../../../text/join-names.ts';
import { type CliDatabase, withDatabase } from '../../backend/with-database.ts';
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
  const add = (
    usage: string,
    description: string,
    tenantOption: readonly [string, string] = TENANT_OPTION,
  ) =>
    command
      .command(usage)
      .description(description)
      .option(...tenantOption)
      .allowExcessArguments() // an excess argument may be a value, which commander would print
      .hook('preAction', (_, { args, registeredArguments }) => {
        if (args.length > registeredArguments.length) throw tooMuch();
      });
  add('set', 'store a secret, or change its value')
    .argument('<name>', 'name by which models, tools, webhooks and others refer to the secret')
    .action((name: string, options: Options) => set(io, name, options, false));
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
    .action((name: string | undefined, options: Options) =>
      name === undefined ? rotateKeys(io, options) : set(io, name, options, true),
    );
  add('list', 'list the secrets, without their values').action((options: Options) =>
    list(io, options),
  );
  add('remove', 'delete a secret')
    .argument('<name>', 'name of the secret')
    .option('--force', 'delete the secret even if it is in use (calls that need it will fail)')
    .option(...YES_OPTION)
    .action((name: string, options: Options) => remove(io, name, options));
}

async function set(io: CliIo, name: string, options: Options, isThere: boolean): Promise<void> {
  const prompt = `Value of ${name} (input is hidden):`;
  const value = await readHidden(io, prompt, {
    most: MAX_SECRET_BYTES,
    example: 'printf %s "$KEY" | npx howdah admin secret set NAME',
  });
  await withDatabase(
    io,
    async (database) => {
      const tenantId = await tenantFor(database, options);
      const { masterKeysOf } = await import('../../../bootstrap.ts');
      const rows = secretRowsOn(database.pool);
      if (isThere) await findSecret(database, tenantId, name);
      const writer = createSecretWriter(rows, masterKeysOf(database.config));
      await writer.set(tenantId, name, value, putSecretOn(database.pool, tenantId));
      const row = await findSecret(database, tenantId, name);
      if (io.json) return printJson(io, row);
      const end = row.last_four ? ` (…${row.last_four})` : '';
      io.err(`Secret ${name}${end} is stored, version ${row.version}.`);
    },
    { createsDatabase: true },
  );
}

/** Returns the secret of this name. Throws `HWNTF`. */
async function findSecret({ db }: CliDatabase, tenantId: string, name: string) {
  const secrets = await listSecrets(db, tenantId);
  const found = secrets.find((secret) => secret.name === name);
  if (found) return found;
  const names = secrets.map((secret) => secret.name);
  throw new HowdahError('HWNTF', `there is no secret named '${name}'`, {
    hint: `${names.length > 0 ? `There are: ${joinNames(names)}.` : 'There are no secrets yet.'} Store it: howdah admin secret set ${name}`,
    detail: { secret: name },
  });
}

async function list(io: CliIo, options: Options): Promise<void> {
  await withDatabase(io, async (database) => {
    const items = await listSecrets(database.db, await tenantFor(database, options));
    const rows = items.map(({ name, last_four, created_at, rotated_at, models }) => ({
      name,
      value: last_four ? `…${last_four}` : '…',
      age: ageOf(rotated_at ?? created_at),
      'used by': models?.join(', ') ?? '',
    }));
    printRows(io, { items, rows, empty: 'No secrets. Store one: howdah admin secret set NAME' });
  });
}

async function remove(io: CliIo, name: string, options: Options): Promise<void> {
  await withDatabase(io, async (database) => {
    const tenantId = await tenantFor(database, options);
    if (!(await confirm(io, `This deletes the secret ${name}.`, options.yes))) return;
    await removeSecret(database.pool, tenantId, name, options.force === true);
    if (io.json) printJson(io, { removed: name });
    else io.err(`Secret ${name} is deleted.`);
  });
}

async function rotateKeys(io: CliIo, options: Options): Promise<void> {
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
      ? [await tenantFor(database, options)]
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

async function tenantFor({ db }: CliDatabase, { tenant }: Options): Promise<string> {
  return (await tenantOf(db, tenant)).id;
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
