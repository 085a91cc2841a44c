import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { resolve, sep } from 'node:path';
import type { Resource } from '../../contracts/agents/resource.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { Pool } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';

export type ResourceOptions = {
  /**
   * The folder of the files that rows name by `storage_path`. Without a folder, only content in the
   * database is read.
   */
  folder?: string | undefined;
  /** The maximum size. Larger content is refused before it is read. */
  maxBytes?: number | undefined;
};

type Row = Omit<Resource, 'bytes'> & {
  bytes: Buffer | null;
  storage_path: string | null;
  size: string;
};

/**
 * Reads the content of a resource of this tenant and verifies its hash, wherever the content is
 * stored. Returns an error that names the file when the content is missing, altered or too large.
 * The cause of the error is `too_large` in this case, and `unreachable` if this process cannot read
 * the file, but one on another machine may.
 * Throws when the database is unreachable.
 */
export async function loadResource(
  pool: Pool,
  tenantId: string,
  id: string,
  { folder, maxBytes = Number.POSITIVE_INFINITY }: ResourceOptions = {},
): Promise<Outcome<Resource>> {
  const { rows } = await pool.query<Row>('select * from howdah_private.load_resource($1, $2)', [
    tenantId,
    id,
  ]);
  const [row] = rows;
  if (!row) {
    return invalidResource(`there is no resource ${id}: it may have been deleted`);
  }
  const { name, type, is_text, sha256 } = row;
  if (Number(row.size) > maxBytes) {
    return invalidResource(
      `the file ${name} has ${row.size} bytes, at most ${maxBytes} can be read here`,
      { cause: 'too_large' },
    );
  }
  const content = await contentOf(row, folder);
  if (!content.ok) {
    return content;
  }
  const bytes = content.value;
  return createHash('sha256').update(bytes).digest('hex') === sha256
    ? { ok: true, value: { name, type, is_text, bytes, sha256 } }
    : invalidResource(`the file ${name} has been altered: its content does not match its sha256`);
}

async function contentOf(row: Row, folder: string | undefined): Promise<Outcome<Buffer>> {
  if (row.bytes) {
    return { ok: true, value: row.bytes };
  }
  if (folder === undefined) {
    return invalidResource(
      `the file ${row.name} is stored in a folder, but this worker was started without a folder for files`,
      { cause: 'unreachable' },
    );
  }
  try {
    const path = await pathBelow(folder, row.storage_path ?? '');
    return path === undefined
      ? invalidResource(`the path of the file ${row.name} is outside the folder for files`)
      : await readWhole(path, row);
  } catch (error) {
    const { code } = faultOf(error);
    const message = LASTING.has(code)
      ? `the file ${row.name} is missing: there is no readable file ${row.storage_path} (${code})`
      : `the file ${row.name} cannot be read now (${code})`;
    const cause = OF_FILE.has(code) ? {} : ({ cause: 'unreachable' } as const);
    return invalidResource(message, { retryable: !LASTING.has(code), ...cause });
  }
}

/** The error codes for which a retry does not help. */
const LASTING = new Set(['ENOENT', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENXIO']);

/** The error codes of a path that names no regular file, on whatever machine. */
const OF_FILE = new Set(['EISDIR', 'ELOOP', 'ENXIO']);

/** Resolves all links of the path. Returns undefined when the target is outside of the folder. */
async function pathBelow(folder: string, path: string): Promise<string | undefined> {
  const root = await realpath(folder);
  const target = await realpath(resolve(root, path));
  return target.startsWith(root.endsWith(sep) ? root : root + sep) ? target : undefined;
}

/**
 * Reads a file without waiting for a pipe, and without following a link that was created meanwhile.
 */
async function readWhole(path: string, row: Row): Promise<Outcome<Buffer>> {
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    return await readSized(handle, row);
  } finally {
    await handle.close();
  }
}

async function readSized(handle: FileHandle, row: Row): Promise<Outcome<Buffer>> {
  const found = await handle.stat();
  if (!found.isFile()) {
    return invalidResource(
      `the file ${row.name} is missing: ${row.storage_path} is not a regular file`,
    );
  }
  return found.size === Number(row.size)
    ? { ok: true, value: await handle.readFile() }
    : invalidResource(
        `the file ${row.name} has been altered: it has ${found.size} bytes, not ${row.size}`,
      );
}

function invalidResource(
  message: string,
  more: { retryable?: boolean; cause?: 'too_large' | 'unreachable' } = {},
): Outcome<never> {
  return { ok: false, error: { code: 'invalid_request', message, retryable: false, ...more } };
}
