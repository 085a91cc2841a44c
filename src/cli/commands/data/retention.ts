import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { WrappedKey } from '../../../contracts/secret.ts';
import { onConnection } from '../../../db/connection/pool.ts';
import { faultOf } from '../../../db/connection/sqlstate.ts';
import {
  applyRetention,
  type RetentionOutcome,
  refusePaused,
} from '../../../db/retention/apply-retention.ts';
import { dropMonths, type MonthOutcome, oldMonths } from '../../../db/retention/drop-months.ts';
import { restoreArchive } from '../../../db/retention/restore-archive.ts';
import { archiveMonth, checkArchive } from '../../../db/retention/write-archive.ts';
import { createContentDecryptor } from '../../../secrets/contents.ts';
import type { MasterKeys } from '../../../secrets/master-keys.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { confirm, DRY_RUN_OPTION, withDryRun, YES_OPTION } from '../../input/confirm-option.ts';
import { exitCodes } from '../../output/exit-codes.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { printRows } from '../../print/rows.ts';

type Options = { archive?: string; dryRun?: true; yes?: true };

/**
 * Registers `howdah admin retention`, which does now what a worker does each night, and reads
 * archived months.
 */
export function register(command: Command, io: CliIo): void {
  command
    .option(
      '--archive <folder>',
      'folder to archive months in before they are dropped (default: HOWDAH_ARCHIVE_FOLDER)',
    )
    .option(...DRY_RUN_OPTION)
    .option(...YES_OPTION)
    .action((options: Options) => now(io, options));
  command
    .command('months')
    .description(
      'list the months that have not been dropped, except the current and the previous month, and what prevents dropping each',
    )
    .action(() => months(io));
  command
    .command('archive')
    .description('write a month to a folder as gzipped JSONL, without dropping the month')
    .argument('<month>', 'month to archive, such as 2026-03', monthOf)
    .requiredOption('--out <folder>', 'parent folder of the new archive folder')
    .action((month: string, { out }: { out: string }) => archive(io, month, resolve(out)));
  command
    .command('restore')
    .description('load an archive into a separate schema, for reading')
    .argument('<folder>', 'folder of the archive, with its manifest.json', (path) => resolve(path))
    .option(
      '--schema <name>',
      'name of the new schema (default: archive_YEAR_MONTH, such as archive_2026_03)',
    )
    .action((folder: string, { schema }: { schema?: string }) => restore(io, folder, schema));
}

async function now(io: CliIo, { archive: folder, dryRun, yes }: Options): Promise<void> {
  if (dryRun) return showPlannedRemoval(io);
  await withDatabase(io, async ({ pool, url, config }) => {
    const archiveFolder = folder === undefined ? config.archiveFolder : resolve(folder);
    await refusePaused(pool); // before months are dropped
    const what = 'This deletes all data that is past its retention period.';
    if (!(await confirm(io, what, yes))) return;
    const dropped = await dropMonths({ url, archiveFolder });
    if (dropped === undefined)
      io.err('Another session is dropping months, so this command dropped none.');
    const { removed, failures } = await applyRetention(pool);
    reportFailures(io, failures);
    if (io.json)
      return printJson(io, {
        removed,
        months: (dropped ?? []).map(jsonOf),
        failures: failures.map(failure),
      });
    for (const outcome of dropped ?? []) io.out(inWords(outcome));
    io.out(
      `${removed} root runs, sessions and messages erased or deleted, by the retention policies`,
    );
  });
}

/**
 * Prints the months that would be dropped, and how many other rows would be removed. The removal is
 * tried and rolled back.
 */
async function showPlannedRemoval(io: CliIo): Promise<void> {
  await withDatabase(io, async ({ pool }) => {
    const goes = (await oldMonths(pool)).filter(({ blockers }) => blockers.length === 0);
    const months = goes.map(({ month }) => month);
    const { removed, failures } = await applyRetention(pool, (work) =>
      withDryRun(pool, true, work),
    );
    reportFailures(io, failures);
    if (io.json)
      return printJson(io, { dry_run: true, removed, months, failures: failures.map(failure) });
    for (const month of months) io.out(`${month} would be dropped`);
    io.out(`${removed} root runs, sessions and messages would be erased or deleted`);
    io.err('Nothing was done.');
  });
}

const failure = ({ tenant, error }: RetentionOutcome['failures'][number]) => ({
  tenant,
  error: faultOf(error).message,
});

/** Prints which tenants failed, and sets the exit code of an error. */
function reportFailures(io: CliIo, failures: RetentionOutcome['failures']): void {
  for (const { tenant, error } of failures.map(failure))
    io.err(`The retention of tenant ${tenant} failed: ${error}`);
  if (failures.length > 0) io.setExitCode(exitCodes.error);
}

const jsonOf = ({ month, dropped, runs, blockers, archive, replaced }: MonthOutcome) => ({
  month,
  dropped,
  runs,
  blockers,
  archive,
  replaced,
});

function inWords({ month, dropped, runs, blockers, archive, replaced }: MonthOutcome): string {
  const instead = replaced === null ? '' : ` instead of ${replaced}, which is incomplete`;
  const where = archive === null ? '' : `, archived in ${archive}${instead}`;
  if (!dropped) return `${month} is kept: ${blockers.join('; ')}`;
  return `${month} was dropped: ${runs} runs${where}`;
}

async function months(io: CliIo): Promise<void> {
  await withDatabase(io, async ({ pool }) => {
    const items = (await oldMonths(pool)).map(({ month, is_closed, blockers }) => ({
      month,
      is_closed,
      blockers,
    }));
    const rows = items.map(({ month, is_closed, blockers }) => ({
      month,
      next:
        blockers.length > 0
          ? `kept: ${blockers.join('; ')}`
          : is_closed
            ? 'is being dropped'
            : 'will be dropped',
    }));
    printRows(io, { items, rows, empty: 'There is no month before the previous month.' });
  });
}

async function archive(io: CliIo, month: string, out: string): Promise<void> {
  await withDatabase(io, async ({ url }) => {
    // not the pool of the command, which would decrypt contents and write them to the file
    const folder = await onConnection({ url, applicationName: 'howdah-archive' }, (client) =>
      archiveMonth(client, month, out),
    );
    const { tables } = await checkArchive(folder);
    const rows = Object.fromEntries(tables.map((one) => [one.table, one.rows]));
    if (io.json) return printJson(io, { month, folder, rows });
    io.out(`${folder}: ${inNumbers(rows)}`);
  });
}

async function restore(io: CliIo, folder: string, name: string | undefined): Promise<void> {
  await withDatabase(io, async ({ pool, config }) => {
    const { masterKeysOf } = await import('../../../bootstrap.ts');
    const masterKeys = masterKeysOf(config);
    const { month, schema, tables, erased } = await restoreArchive(pool, folder, name, (keys) =>
      archiveReader(keys, masterKeys),
    );
    if (io.json) return printJson(io, { month, schema, rows: tables, erased });
    io.out(`${schema}: ${inNumbers(tables)}`);
    if (erased > 0) io.err(`${erased} runs were skipped, because their users were erased since.`);
  });
}

/**
 * Returns a function that decrypts rows of an archive. Without their master key, they stay
 * encrypted.
 */
function archiveReader(keys: readonly WrappedKey[], masterKeys: MasterKeys) {
  const rows = {
    keys: async (ids: readonly string[]) => keys.filter(({ id }) => ids.includes(id)),
  };
  const decrypt = createContentDecryptor(rows, masterKeys);
  return (row: string) => decrypt(row, async (texts) => new Set(texts.map(({ text }) => text)));
}

const inNumbers = (rows: Record<string, number>): string =>
  Object.entries(rows)
    .map(([table, count]) => `${count} ${table}`)
    .join(', ');

function monthOf(text: string): string {
  if (/^\d{4}-(0[1-9]|1[0-2])$/.test(text)) return text;
  throw new InvalidArgumentError('Use a year and a month, such as 2026-03.');
}
