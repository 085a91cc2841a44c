import { type Command, InvalidArgumentError } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { type AdHocQuery, adHocQuery } from '../../../db/sql-tools/ad-hoc-query.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { parseDuration } from '../../input/parse-duration.ts';
import { TENANT_OPTION, tenantOf } from '../../input/resolve-tenant.ts';
import { readUtf8Stream } from '../../input/utf8-text.ts';
import { type CliIo, plainNumber, printJson, printTable } from '../../output/output.ts';

type Options = { tenant?: string; write?: true; limit: number; timeout?: number };

/** The default maximum number of rows. Rows are kept in memory before they are printed. */
const MAX_ROWS = 10_000;

/**
 * Registers `howdah sql QUERY`, which runs one statement as the tenant. The statement may only
 * read; with `--write` it may also write what the application may write.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument('[query]', 'SQL statement (default: read from standard input, as with -)')
    .option(...TENANT_OPTION)
    .option('-c', 'accepted before the statement, as in psql; has no effect')
    .option('--write', 'run with the rights of the application and commit (default: read-only)')
    .option('--limit <rows>', 'maximum number of rows to print; 0 prints all', rowsOf, MAX_ROWS)
    .option(
      '--timeout <duration>',
      'cancel the statement after this time, such as 30s',
      parseDuration(1),
    )
    .action(async (query: string | undefined, options: Options) => {
      const { tenant, write, limit, timeout } = options;
      const text = await queryIn(io, query);
      await withDatabase(
        io,
        async ({ pool, db, decrypt, isOwner }) => {
          const tenantId =
            isOwner || tenant !== undefined ? (await tenantOf(db, tenant)).id : undefined;
          const role = write ? 'howdah_app' : 'howdah_analyst';
          const result = await adHocQuery(pool, text, {
            ...{ isReadOnly: !write, decrypt },
            ...(tenantId !== undefined && { tenantId }),
            ...(isOwner && { role }),
            ...{ mostRows: limit === 0 ? undefined : limit, seconds: timeout },
          }).catch((error) => {
            throw write ? error : suggestWrite(error);
          });
          const { rows, count } = result;
          if (io.json) printJson(io, { items: rows });
          else printTable(io, rows.map(withAllDigits));
          if (!io.json || rows.length < count) io.err(summaryOf(result));
        },
        { writesModels: write === true },
      );
    });
}

/** Returns a row whose numbers have all digits: a table of a query shortens nothing. */
function withAllDigits(row: Readonly<Record<string, unknown>>) {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'number' ? plainNumber(value) : value,
    ]),
  );
}

/** The error read_only_sql_transaction of Postgres. */
const READ_ONLY = '25006';

/** Adds the option that allows writes to the error of a statement that wrote without it. */
function suggestWrite(error: unknown): unknown {
  const isWrite = error instanceof Error && 'code' in error && error.code === READ_ONLY;
  return isWrite ? Object.assign(error, { hint: 'Add --write to write and commit.' }) : error;
}

function summaryOf({ rows, count, command }: AdHocQuery): string {
  const total = `${count} row${count === 1 ? '' : 's'}`;
  if (rows.length < count) return `the first ${rows.length} of ${total}: --limit 0 prints all`;
  return command === 'SELECT' ? total : `${total} (${command})`;
}

function rowsOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Use a whole number of 0 or more; 0 prints all.');
}

async function queryIn(io: CliIo, query: string | undefined): Promise<string> {
  const isPiped = query === '-' || (query === undefined && io.ask === undefined);
  const text = isPiped ? await readUtf8Stream(io.stdin, 'stdin') : (query ?? '');
  if (text.trim() !== '') return text;
  throw new HowdahError('EUSAGE', 'the statement is missing', {
    hint: `howdah sql "select status, count(*) from howdah.executions group by 1", or pipe the statement to howdah sql. For a session: psql "$(howdah db url)"`,
  });
}
