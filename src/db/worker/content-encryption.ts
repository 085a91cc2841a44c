import type { WrappedKey } from '../../contracts/secret.ts';
import type { JsonObject } from '../../json/json.ts';
import type { Pool, Queryable } from '../connection/pool.ts';

/**
 * The tables with contents of runs. The runs themselves come last: their row says that the contents
 * are encrypted.
 */
export const CONTENT_TABLES = [
  'messages',
  'steps',
  'questions',
  'feedback_entries',
  'webhook_deliveries',
  'inbox',
  'executions',
] as const;

export type ContentTable = (typeof CONTENT_TABLES)[number];

/** The runs of a tree that a worker has locked to encrypt or decrypt them. */
export type EncryptionTask = {
  root_execution_id: string;
  tenant_id: string;
  is_to_encrypt: boolean;
  /** Empty if the tree has nothing left to do, or is in use. */
  runs: string[];
  /** True if the tree has no other runs to change. */
  is_last: boolean;
};

/** The contents of a row: texts by column, and JSON texts by column. */
export type RunContents = {
  execution_id: string;
  seq: number | null;
  id: string | null;
  texts: Record<string, string | null> | null;
  documents: Record<string, string | null> | null;
  /** The arguments of the tool calls of a message. */
  arguments: (string | null)[] | null;
  /** The fields of documents that stay readable in SQL, by column. */
  visible: Record<string, JsonObject | null> | null;
};

/** A row with other contents, and the key of encrypted contents of a run. */
export type ChangedContents = Omit<RunContents, 'visible'> & { key_id?: string | null };

/** Enqueues runs that have ended, and returns the number of trees to encrypt or decrypt. */
export async function enqueueEncryptions(pool: Pool): Promise<number> {
  const { rows } = await pool.query('select howdah_private.enqueue_encryptions() as due');
  return rows[0].due;
}

/** Locks trees that are due, and the runs in them. Returns an empty list if no tree is due. */
export async function takeEncryptions(
  client: Queryable,
  most: { trees: number; runs: number },
): Promise<EncryptionTask[]> {
  const { rows } = await client.query<EncryptionTask>(
    'select * from howdah_private.take_encryptions($1, $2)',
    [most.trees, most.runs],
  );
  return rows;
}

/** Deletes the data keys of a tenant that encrypt nothing any more, except its current one. */
export async function dropUnusedDataKeys(pool: Pool, tenantId: string): Promise<void> {
  await pool.query('select howdah_private.drop_unused_data_keys($1)', [tenantId]);
}

/**
 * Returns the current data key of a tenant, and keeps it from removal until the end of the
 * transaction.
 */
export async function lockContentKey(
  client: Queryable,
  tenantId: string,
): Promise<WrappedKey | undefined> {
  const { rows } = await client.query('select howdah_private.lock_content_key($1) as key', [
    tenantId,
  ]);
  return rows[0].key ?? undefined;
}

/**
 * Reads the contents of runs in one table, in pages. A page ends after `pageSize` rows or a few
 * megabytes.
 */
export async function* readRunContents(
  client: Queryable,
  runs: readonly string[],
  table: ContentTable,
  pageSize: number,
): AsyncGenerator<RunContents[]> {
  let [run, seq] = ['00000000-0000-0000-0000-000000000000', 0];
  for (;;) {
    const { rows } = await client.query<RunContents>(
      'select * from howdah_private.run_contents($1, $2, $3, $4, $5)',
      [runs, table, run, seq, pageSize],
    );
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (last?.seq == null) return;
    [run, seq] = [last.execution_id, last.seq];
  }
}

/** Writes contents of rows of one table. */
export async function writeRunContents(
  client: Queryable,
  table: ContentTable,
  contents: readonly ChangedContents[],
): Promise<void> {
  await client.query('select howdah_private.write_run_contents($1, $2)', [
    table,
    JSON.stringify(contents),
  ]);
}

/** Removes trees that are done from the queue, and lets workers claim decrypted runs. */
export async function finishEncryptions(
  client: Queryable,
  tasks: readonly EncryptionTask[],
): Promise<void> {
  const roots = tasks.filter((task) => task.is_last).map((task) => task.root_execution_id);
  const decrypted = tasks.flatMap((task) => (task.is_to_encrypt ? [] : task.runs));
  await client.query('select howdah_private.finish_encryptions($1, $2)', [roots, decrypted]);
}
