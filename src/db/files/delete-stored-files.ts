import { lstat, opendir, realpath, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { callPrivate, type Pool } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';

/** The number of files that are deleted, and the reasons why others are not. */
export type FileDeletions = { deleted: number; errors: string[] };

type Claim = { id: string; storage_path: string };

/** Maximum number of files in one call. */
export const MAX_FILES = 100;

/**
 * Deletes files of resources that are deleted. A file that cannot be deleted stays in
 * `howdah_private.due_work` and is tried again later. So is a file whose worker ends before
 * it records the outcome. Does nothing where the folder does not exist or is empty, such as a
 * share that is not mounted.
 */
export async function deleteStoredFiles(pool: Pool, folder: string): Promise<FileDeletions> {
  const outcome: FileDeletions = { deleted: 0, errors: [] };
  const root = await realpath(folder).catch(() => undefined);
  if (root === undefined || (await isEmpty(root))) return outcome;
  const files = 'select * from howdah_private.claim_file_deletions($1)';
  const { rows } = await pool.query<Claim>(files, [MAX_FILES]);
  const deleted: string[] = [];
  const failed: string[] = [];
  for (const { id, storage_path } of rows) {
    const error = await deleteFile(root, storage_path);
    if (error === undefined) deleted.push(id);
    else {
      failed.push(id);
      outcome.errors.push(error);
    }
  }
  if (rows.length > 0)
    await callPrivate(pool, 'record_file_deletions', deleted, failed, outcome.errors);
  outcome.deleted = deleted.length;
  return outcome;
}

async function isEmpty(folder: string): Promise<boolean> {
  const entries = await opendir(folder).catch(() => undefined);
  if (entries === undefined) return true;
  try {
    return (await entries.read()) === null;
  } finally {
    await entries.close();
  }
}

/** Returns why a file cannot be deleted. A file that does not exist counts as deleted. */
async function deleteFile(root: string, path: string): Promise<string | undefined> {
  try {
    const parent = await realpath(resolve(root, dirname(path)));
    if (!`${parent}${sep}`.startsWith(root.endsWith(sep) ? root : root + sep))
      return 'the path is outside the folder for files';
    const file = join(parent, basename(path));
    if (!(await lstat(file)).isFile()) return 'the path is not a regular file';
    await unlink(file);
    return undefined;
  } catch (error) {
    const { code } = faultOf(error);
    return code === 'ENOENT' || code === 'ENOTDIR'
      ? undefined
      : `the file cannot be deleted (${code})`;
  }
}
