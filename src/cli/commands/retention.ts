import { resolve } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { faultOf } from '../../db/connection/sqlstate.ts';
import { dropMonths, type MonthOutcome, oldMonths } from '../../db/retention/drop-months.ts';
import { restoreArchive } from '../../db/retention/restore-archive.ts';
import { archiveMonth, checkArchive } from '../../db/retention/write-archive.ts';
import { type RetentionOutcome, retain } from '../../db/worker/maintenance.ts';
import { withDatabase } from '../backend/database.ts';
import { confirm, DRY_RUN_OPTION, withDryRun, YES_OPTION } from '../input/confirm-option.ts';
import { exitCodes } from '../output/exit-codes.ts';
import { type CliIo, printJson, printTable } from '../output/output.ts';

type Options = { archive?: string; dryRun?: true; yes?: true };

/**
 * Registers `howdah retention`, which does now what a worker does each night, and reads archived
 * months.
 */
export function register(command: Command, io: CliIo): void {
  command
    .option(
      '--archive <folder>',
      'archive months there before they are dropped (default: HOWDAH_ARCHIVE_FOLDER)',
    )
    .option(...DRY_RUN_OPTION)
    .option(...YES_OPTION)
    .action((options: Options) => now(io, options));
  command
    .command('months')
    .description('the months before the last one, and why each stays')
    .action(() => months(io));
  command
    .command('archive')
    .description('write a month into a folder as gzip JSONL, and drop nothing')
    .argument('<month>', 'such as 2026-03', monthOf)
    .requiredOption('--out <folder>', 'its files go into a folder of its own in there')
    .action((month: string, { out }: { out: string }) => archive(io, month, resolve(out)));
  command
    .command('restore')
    .description('put the rows of an archive into a schema of its own, for reading')
    .argument('<folder>', 'the archive: the folder with its manifest.json', (path) => resolve(path))
    .option('--schema <name>', 'the schema that is made for it (default: archive_2026_03)')
    .action((folder: string, { schema }: { schema?: string }) => restore(io, folder, schema));
}

async function now(io: CliIo, { archive: folder, dryRun, yes }: Options): Promise<void> {
  if (dryRun) return wouldBe(io);
  await withDatabase(io, async ({ pool, url, config }) => {
    const archiveFolder = folder === undefined ? config.archiveFolder : resolve(folder);
    const what = 'This deletes what retention policies no longer keep.';
    if (!(await confirm(io, what, yes))) return;
    const dropped = await dropMonths({ url, archiveFolder });
    if (dropped === undefined)
      io.err('Another session is dropping months; this command left them to it.');
    const { removed, failures } = await retain(pool);
    reportFailures(io, failures);
    if (io.json)
      return printJson(io, {
        removed,
        months: (dropped ?? []).map(shown),
        failures: failures.map(failure),
      });
    for (const outcome of dropped ?? []) io.out(inWords(outcome));
    io.out(
      `${removed} root runs, sessions and messages erased or deleted, as the retention policies say`,
    );
  });
}

/**
 * Prints the months that would be dropped, and how many other rows would be removed. The removal is
 * tried and rolled back.
 */
async function wouldBe(io: CliIo): Promise<void> {
  await withDatabase(io, async ({ pool }) => {
    const goes = (await oldMonths(pool)).filter(({ blockers }) => blockers.length === 0);
    const months = goes.map(({ month }) => month);
    const { removed, failures } = await retain(pool, (work) => withDryRun(pool, true, work));
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

const shown = ({ month, dropped, runs, blockers, archive, replaced }: MonthOutcome) => ({
  month,
  dropped,
  runs,
  blockers,
  archive,
  replaced,
});

function inWords({ month, dropped, runs, blockers, archive, replaced }: MonthOutcome): string {
  const instead = replaced === null ? '' : ` instead of ${replaced}, which is not whole`;
  const where = archive === null ? '' : `, archived in ${archive}${instead}`;
  if (!dropped) return `${month} stays: ${blockers.join('; ')}`;
  return `${month} was dropped: ${runs} runs${where}`;
}

async function months(io: CliIo): Promise<void> {
  await withDatabase(io, async ({ pool }) => {
    const rows = (await oldMonths(pool)).map(({ month, is_closed, blockers }) => ({
      month,
      is_closed,
      blockers,
    }));
    if (io.json) return printJson(io, { items: rows });
    if (rows.length === 0) return io.err('There is no month before the last one.');
    printTable(
      io,
      rows.map(({ month, is_closed, blockers }) => ({
        month,
        next:
          blockers.length > 0
            ? `stays: ${blockers.join('; ')}`
            : is_closed
              ? 'is being dropped'
              : 'goes',
      })),
    );
  });
}

async function archive(io: CliIo, month: string, out: string): Promise<void> {
  await withDatabase(io, async ({ pool }) => {
    const client = await pool.connect();
    try {
      const folder = await archiveMonth(client, month, out);
      const { tables } = await checkArchive(folder);
      const rows = Object.fromEntries(tables.map((one) => [one.table, one.rows]));
      if (io.json) return printJson(io, { month, folder, rows });
      io.out(`${folder}: ${inNumbers(rows)}`);
    } finally {
      client.release();
    }
  });
}

async function restore(io: CliIo, folder: string, name: string | undefined): Promise<void> {
  await withDatabase(io, async ({ pool }) => {
    const { month, schema, tables, erased } = await restoreArchive(pool, folder, name);
    if (io.json) return printJson(io, { month, schema, rows: tables, erased });
    io.out(`${schema}: ${inNumbers(tables)}`);
    if (erased > 0) io.err(`Left out are ${erased} runs of people who were erased since.`);
  });
}

const inNumbers = (rows: Record<string, number>): string =>
  Object.entries(rows)
    .map(([table, count]) => `${count} ${table}`)
    .join(', ');

function monthOf(text: string): string {
  if (/^\d{4}-(0[1-9]|1[0-2])$/.test(text)) return text;
  throw new InvalidArgumentError('Name a month as a year and a month, such as 2026-03.');
}
