import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { HowdahError } from '../../contracts/errors.ts';
import type { Client } from '../connection/pool.ts';
import { fsyncDirectory } from './fsync-directory.ts';

/** One connection: the rows are read in a transaction. */
type Session = Pick<Client, 'query'>;

/** One file of an archive: the rows of a table, a JSON object each, with gzip. */
export type ArchivedTable = {
  table: string;
  file: string;
  rows: number;
  bytes: number;
  sha256: string;
  columns: { name: string; type: string }[];
};

/** What `manifest.json` says of an archive. */
export type Manifest = {
  format: 'howdah-archive';
  version: 1;
  /** As `2026-03`. */
  month: string;
  /** The last migration of the database it was taken from. */
  schema: string;
  archived_at: string;
  tables: ArchivedTable[];
};

/** With their order. Of files the contents that stand in the database; those in a folder stay where they are. */
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
/** Rows may hold a megabyte each, files 8. */
const rowsAtOnce = (table: string) => (table === 'resources' ? 4 : 200);
const MANIFEST = 'manifest.json';

/**
 * Writes the runs of a month, and the questions, approvals, feedback and files of these, into a folder of its own below `folder`, as one snapshot, and reads it back: counts and digests
 * must agree before it gets its name. Contents that were erased are erased here too; secrets stand in other tables and are in none of it. Gives
 * the path of that folder. Throws `HWNTF` for a month that is not there.
 */
export async function archiveMonth(
  client: Session,
  month: string,
  folder: string,
): Promise<string> {
  const suffix = month.replace('-', '_');
  await refuseMissing(client, month, `howdah_private.executions_${suffix}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // drawn by lot and nobody else's: in a folder that others may write to, a name they know may be a link of theirs
  const part = await mkdtemp(join(folder, `${month}.part-`));
  try {
    await client.query('begin isolation level repeatable read read only');
    await client.query(`set local timezone = 'UTC'`);
    const tables: ArchivedTable[] = [];
    for (const table of TABLES) tables.push(await writeTable(client, part, table, month));
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

async function refuseMissing(client: Session, month: string, partition: string): Promise<void> {
  const { rows } = await client.query('select to_regclass($1) is not null as is_there', [
    partition,
  ]);
  if (rows[0].is_there) return;
  throw new HowdahError('HWNTF', `there is no month ${month} in this database`, {
    hint: 'Name a month whose runs are there, such as 2026-03.',
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
    // of the table, not of its partition, in which nobody sees a row
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

/** An archive gets its name when it is whole, and takes nobody's: there may be an older one of that month, which may be the only one. */
async function settle(part: string, wanted: string): Promise<string> {
  await fsyncDirectory(join(part, MANIFEST));
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
      // by another process, since a moment
      if (['ENOTEMPTY', 'EEXIST'].includes((error as NodeJS.ErrnoException).code ?? '')) continue;
      throw error;
    }
    await fsyncDirectory(name);
    return name;
  }
}

/** Reads an archive as a whole: every file has the digest and the rows that its manifest says. Throws `HWINV` naming the file that has not. */
export async function checkArchive(folder: string): Promise<Manifest> {
  const manifest = await readManifest(folder);
  for (const { file, sha256, rows } of manifest.tables) {
    const found = createHash('sha256');
    await pipeline(createReadStream(join(folder, file)), found).catch((cause) => {
      throw broken(folder, file, `it cannot be read: ${cause.message}`);
    });
    if (found.digest('hex') !== sha256) throw broken(folder, file, 'its sha256 is another one');
    let count = 0;
    for await (const _ of linesOf(join(folder, file))) count += 1;
    if (count !== rows) throw broken(folder, file, `it has ${count} rows instead of ${rows}`);
  }
  return manifest;
}

async function readManifest(folder: string): Promise<Manifest> {
  const text = await readFile(join(folder, MANIFEST), 'utf8').catch(() => {
    throw broken(folder, MANIFEST, 'it is not there');
  });
  let manifest: Manifest | undefined;
  try {
    manifest = JSON.parse(text);
  } catch {
    throw broken(folder, MANIFEST, 'it is no JSON');
  }
  const files = TABLES.map((table) => `${table} ${table}.jsonl.gz`).join();
  const named = manifest?.tables?.map?.(({ table, file }) => `${table} ${file}`).join();
  if (manifest?.format !== 'howdah-archive' || manifest.version !== 1 || named !== files)
    throw broken(folder, MANIFEST, 'it is none of an archive of this version');
  return manifest;
}

/** The lines of a file with gzip; what breaks in reading it breaks whoever reads them. */
export function linesOf(path: string): AsyncIterable<string> {
  const source = createReadStream(path);
  const plain = createGunzip();
  source.on('error', (error) => plain.destroy(error));
  return createInterface({ input: source.pipe(plain), crlfDelay: Number.POSITIVE_INFINITY });
}

function broken(folder: string, file: string, why: string): HowdahError {
  return new HowdahError('HWINV', `the archive ${folder} is not whole: ${file}: ${why}`, {
    hint: 'Take another copy of it, or archive the month again if its runs are still there.',
    detail: { folder, file },
  });
}
