import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { HowdahError } from '../../contracts/errors.ts';
import type { WrappedKey } from '../../contracts/secret.ts';
import { parseJson } from '../../json/parse-json.ts';
import type { Queryable } from '../connection/pool.ts';
import { fsyncParentOf } from './fsync-parent.ts';

/** A single connection, because the rows are read in a transaction. */
type Session = Queryable;

/** A file of an archive: the rows of a table as one JSON object each, compressed with gzip. */
export type ArchivedTable = {
  table: string;
  file: string;
  rows: number;
  bytes: number;
  sha256: string;
  columns: { name: string; type: string }[];
};

/** The content of `manifest.json` of an archive. */
export type Manifest = {
  format: 'howdah-archive';
  version: 1;
  /** The month in the form `2026-03`. */
  month: string;
  /** The last migration of the database that the archive was made from. */
  schema: string;
  archived_at: string;
  tables: ArchivedTable[];
  /**
   * The data keys of encrypted contents, which only a master key opens. The database deletes a data
   * key that no run needs any more. Absent in older archives.
   */
  data_keys?: WrappedKey[];
};

/**
 * The archived tables with their order. Of files, only contents stored in the database are
 * archived. Files in a folder stay there.
 */
const ORDERS: Record<string, string> = {
  executions: 't.id',
  steps: 't.execution_id, t.seq',
  messages: 't.execution_id, t.seq',
  questions: 't.id',
  approvals: 't.id',
  feedback_entries: 't.id',
  resources: 't.id',
};
const TABLES = Object.keys(ORDERS);
/** Returns the number of rows to fetch at once. A row may have a megabyte, a file 8. */
const rowsAtOnce = (table: string) => (table === 'resources' ? 4 : 200);
const MANIFEST = 'manifest.json';

/**
 * Writes the runs of a month, with their questions, approvals, feedback and files, into a new
 * folder below `folder`. All rows are from one snapshot. Reads the archive back: counts and digests
 * must match before the folder gets its name. Erased contents are erased here too, and encrypted
 * contents stay encrypted. Secrets are in other tables and not in the archive. Returns the path of
 * the folder. Throws `HWNTF` for a month that does not exist.
 */
export async function archiveMonth(
  client: Session,
  month: string,
  folder: string,
): Promise<string> {
  const suffix = month.replace('-', '_');
  await refuseMissing(client, month, `howdah_private.executions_${suffix}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // The name is random and the folder belongs to nobody else. In a folder that others may write to,
  // a known name may be a link of theirs.
  const part = await mkdtemp(join(folder, `${month}.part-`));
  try {
    await client.query('begin isolation level repeatable read read only');
    await client.query(`set local timezone = 'UTC'`);
    const tables: ArchivedTable[] = [];
    for (const table of TABLES) tables.push(await writeTable(client, part, table, month));
    const data_keys = await dataKeysOf(client, month);
    const { rows } = await client.query(
      'select name from howdah_private.migrations order by id desc limit 1',
    );
    await client.query('commit');
    const manifest: Manifest = {
      format: 'howdah-archive',
      version: 1,
      month,
      schema: rows[0].name,
      archived_at: new Date().toISOString(),
      tables,
      data_keys,
    };
    await writeFile(join(part, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, {
      flag: 'wx',
      mode: 0o600,
      flush: true,
    });
    await checkArchive(part);
    return await settle(part, join(folder, month));
  } catch (error) {
    await client.query('rollback').catch(() => {});
    await rm(part, { recursive: true, force: true });
    throw error;
  }
}

/** Returns the data keys of the encrypted contents of a month. */
async function dataKeysOf(client: Session, month: string): Promise<WrappedKey[]> {
  const { rows } = await client.query<{ keys: WrappedKey[] }>(
    `select howdah_private.data_keys_by_id(array(
       select distinct e.contents_key_id from howdah.executions as e
       cross join howdah_private.month_bounds('${month}-01') as b
       where e.id >= b.first_id and e.id < b.next_id and e.contents_key_id is not null)) as keys`,
  );
  return rows[0]?.keys ?? [];
}

async function refuseMissing(client: Session, month: string, partition: string): Promise<void> {
  const { rows } = await client.query('select to_regclass($1) is not null as is_there', [
    partition,
  ]);
  if (rows[0].is_there) return;
  throw new HowdahError('HWNTF', `month ${month} does not exist in this database`, {
    hint: 'Name a month that has runs, such as 2026-03.',
    detail: { month },
  });
}

async function writeTable(
  client: Session,
  folder: string,
  table: string,
  month: string,
): Promise<ArchivedTable> {
  const id = table === 'executions' ? 'id' : 'execution_id';
  const file = `${table}.jsonl.gz`;
  const hash = createHash('sha256');
  let [rows, bytes] = [0, 0];
  await client.query(
    // Read the table and not its partition, in which nobody sees a row.
    `declare archived no scroll cursor for select row_to_json(t)::text as line from howdah.${table} as t
     where t.${id} >= (select b.first_id from howdah_private.month_bounds('${month}-01') as b)
       and t.${id} < (select b.next_id from howdah_private.month_bounds('${month}-01') as b)
     order by ${ORDERS[table]}`,
  );
  const lines = async function* () {
    for (;;) {
      const found = await client.query<{ line: string }>(
        `fetch ${rowsAtOnce(table)} from archived`,
      );
      if (found.rows.length === 0) return;
      rows += found.rows.length;
      yield found.rows.map(({ line }) => `${line}\n`).join('');
    }
  };
  await pipeline(
    Readable.from(lines()),
    createGzip(),
    async function* (pieces: AsyncIterable<Buffer>) {
      for await (const piece of pieces) {
        hash.update(piece);
        bytes += piece.length;
        yield piece;
      }
    },
    createWriteStream(join(folder, file), { flags: 'wx', mode: 0o600, flush: true }),
  );
  await client.query('close archived');
  const columns = await client.query(
    `select a.attname as name, format_type(a.atttypid, a.atttypmod) as type from pg_attribute as a
     where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    [`howdah.${table}`],
  );
  return { table, file, rows, bytes, sha256: hash.digest('hex'), columns: columns.rows };
}

/**
 * Gives an archive its name once the archive is whole. Never replaces an older archive of that
 * month, because that may be the only one.
 */
async function settle(part: string, wanted: string): Promise<string> {
  await fsyncParentOf(join(part, MANIFEST));
  for (let n = 1; ; n++) {
    const name = n === 1 ? wanted : `${wanted}.${n}`;
    const isTaken = await access(name).then(
      () => true,
      () => false,
    );
    if (isTaken) continue;
    try {
      await rename(part, name);
    } catch (error) {
      // Another process has just taken the name.
      if (['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) continue;
      throw error;
    }
    await fsyncParentOf(name);
    return name;
  }
}

/**
 * Reads a whole archive and checks that every file has the digest and the rows of its manifest.
 * Throws `HWINV` with the name of the invalid file.
 */
export async function checkArchive(folder: string): Promise<Manifest> {
  const manifest = await readManifest(folder);
  for (const { file, sha256, rows } of manifest.tables) {
    const found = createHash('sha256');
    await pipeline(createReadStream(join(folder, file)), found).catch((cause) => {
      throw archiveError(folder, file, `it cannot be read: ${cause.message}`);
    });
    if (found.digest('hex') !== sha256) throw archiveError(folder, file, 'its sha256 differs');
    let count = 0;
    for await (const _ of readArchiveLines(join(folder, file))) count += 1;
    if (count !== rows) throw archiveError(folder, file, `it has ${count} rows instead of ${rows}`);
  }
  return manifest;
}

async function readManifest(folder: string): Promise<Manifest> {
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch(() => {
    throw archiveError(folder, MANIFEST, 'it does not exist');
  });
  let manifest: Manifest | undefined;
  try {
    manifest = parseJson<Manifest>(text);
  } catch {
    throw archiveError(folder, MANIFEST, 'it is not valid JSON');
  }
  const files = TABLES.map((table) => `${table} ${table}.jsonl.gz`).join();
  const named = manifest?.tables?.map?.(({ table, file }) => `${table} ${file}`).join();
  if (manifest?.format !== 'howdah-archive' || manifest.version !== 1 || named !== files)
    throw archiveError(folder, MANIFEST, 'it does not belong to an archive of this version');
  return manifest;
}

/**
 * Yields the lines of a file with gzip. A read error rejects the iteration. Only a line feed ends a
 * line: `readline` also splits texts at the separators U+2028 and U+2029.
 */
export async function* readArchiveLines(path: string): AsyncGenerator<string> {
  const source = createReadStream(path);
  const plain = createGunzip().setEncoding('utf8');
  source.on('error', (error) => plain.destroy(error));
  let parts: string[] = [];
  for await (const piece of source.pipe(plain) as AsyncIterable<string>) {
    const [end = '', ...lines] = piece.split('\n');
    parts.push(end);
    for (const line of lines) {
      yield parts.join('');
      parts = [line];
    }
  }
  const rest = parts.join('');
  if (rest !== '') yield rest;
}

function archiveError(folder: string, file: string, why: string): HowdahError {
  return new HowdahError('HWINV', `the archive ${folder} is not complete: ${file}: ${why}`, {
    hint: 'Use another copy of it, or archive the month again if its runs still exist.',
    detail: { folder, file },
  });
}
