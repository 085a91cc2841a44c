import type { Command } from 'commander';
import { ownEnvironment } from '../../../config.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import { findPrograms, program } from '../../../db/backup/find-pg-programs.ts';
import { pathWithOurs } from '../../../db/connection/search-path.ts';
import { refuseGuest, schemaState } from '../../../db/schema/schema-state.ts';
import { type CliDatabase, withDatabase } from '../../backend/with-database.ts';
import { TENANT_OPTION, tenantOf } from '../../input/resolve-tenant.ts';
import { type CliIo, paint } from '../../output/output.ts';
import { execInPlace } from '../../process/exec.ts';
import { PG_BIN_OPTION, programPlacesOf } from '../../process/pg-programs.ts';

type Options = { tenant?: string; readOnly?: true; owner?: true; pgBin?: string };

/**
 * Registers `howdah dev psql`, which opens psql of this machine on the database, as the tenant.
 * With `--owner` psql has all rights of the login.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument(
      '[arguments...]',
      'arguments of psql, such as -c QUERY or -f FILE; put other psql options after --',
    )
    .allowUnknownOption()
    .option(...TENANT_OPTION)
    .option('--read-only', 'use the rights of howdah_analyst, which cannot write')
    .option('--owner', 'use all rights of the login, for all tenants')
    .option(...PG_BIN_OPTION)
    .action(async (args: string[], options: Options) => {
      refuseMixed(io, options);
      const { url, file, settings } = await withDatabase(
        io,
        (database) => prepare(io, database, options),
        { writesModels: options.readOnly !== true },
      );
      const { address, environment } = connectionFor(url, settings);
      io.setExitCode(await execInPlace(io, file, [`--dbname=${address}`, ...args], environment));
    });
}

function refuseMixed(io: CliIo, { tenant, readOnly, owner }: Options): void {
  if (io.json) {
    throw new HowdahError('EUSAGE', 'howdah dev psql does not support --json', {
      hint: 'Print rows as JSON with: howdah sql "select …" --json. Print CSV with: howdah dev psql -- --csv -c "select …"',
    });
  }
  const other = readOnly ? '--read-only' : tenant !== undefined ? '--tenant' : undefined;
  if (owner && other) {
    throw new HowdahError(
      'EUSAGE',
      `--owner has access to all tenants and may write, so it cannot be combined with ${other}`,
      {
        hint: 'Omit one of them.',
      },
    );
  }
}

/** Returns the settings of the session, and the psql program to open it with. */
async function prepare(io: CliIo, database: CliDatabase, options: Options) {
  const { pool, config, url } = database;
  if (options.owner) refuseGuest(await schemaState(pool));
  const acting = options.owner ? {} : await actingFor(database, options);
  const settings = { ...acting, search_path: await pathWithOurs(pool) };
  const { rows } = await pool.query<{ major: number }>(
    `select current_setting('server_version_num')::int / 10000 as major`,
  );
  const found = await findPrograms(programPlacesOf(config, options.pgBin), {
    ...{ programs: ['psql'], atLeast: rows[0]?.major ?? 0, of: 'this server', orOlder: true },
    without: 'For one statement, no program is needed: howdah sql "select …"',
  });
  if (io.isTerminal && io.ask) io.err(paint(io, 'dim', greeting(options, acting.role)));
  return { url, file: program(found, 'psql'), settings };
}

/**
 * Returns the settings for the tenant and the role, as `howdah sql` uses them. A login of a tenant
 * already acts for its tenant.
 */
async function actingFor({ db, isOwner }: CliDatabase, { tenant, readOnly }: Options) {
  const tenantId = isOwner || tenant !== undefined ? (await tenantOf(db, tenant)).id : undefined;
  return {
    ...(tenantId !== undefined && { 'howdah.tenant_id': tenantId }),
    ...(isOwner && { role: readOnly ? 'howdah_analyst' : 'howdah_app' }),
    ...(readOnly && { default_transaction_read_only: 'on' }),
  };
}

function greeting({ tenant = 'default', owner }: Options, role: string | undefined): string {
  if (owner) return 'Session with all rights of this login, for all tenants.';
  if (role === undefined) return 'Session with the rights of this login.';
  return `Session for tenant ${tenant}, with the rights of ${role}. For all rights of this login, use --owner.`;
}

/**
 * Returns the address and the environment for psql. The password is passed in the environment,
 * because everybody on the machine may read a command line.
 */
function connectionFor(url: string, settings: Readonly<Record<string, string>>) {
  const address = new URL(url);
  const environment = ownEnvironment();
  const password = address.searchParams.get('password') ?? decodeURIComponent(address.password);
  if (password !== '') environment.PGPASSWORD = password;
  const options = [
    address.searchParams.get('options') ?? environment.PGOPTIONS ?? '',
    ...Object.entries(settings).map(([name, value]) => `-c ${name}=${escapeOption(value)}`),
  ];
  environment.PGOPTIONS = options.filter((option) => option !== '').join(' ');
  address.password = '';
  address.searchParams.delete('password');
  address.searchParams.delete('options');
  address.search = address.search.replaceAll('+', '%20'); // libpq reads a + literally
  return { address: address.toString(), environment };
}

/**
 * Escapes a value of an option for the server: a blank ends an option unless a backslash precedes
 * it.
 */
function escapeOption(value: string): string {
  return value.replace(/[\\\s]/g, '\\$&');
}
