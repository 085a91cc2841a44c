import { setImmediate as nextTick } from 'node:timers/promises';
import { HowdahError } from '../../src/contracts/errors.ts';
import { runsOf } from '../../src/db/connection/decrypt-results.ts';
import { decryptableRuns } from '../../src/db/connection/decrypt-run-rows.ts';
import { inTransaction, type Pool, type PoolClient } from '../../src/db/connection/pool.ts';
import { faultOf, isConnectionLoss } from '../../src/db/connection/sqlstate.ts';
import {
  type ChangedContents,
  CONTENT_TABLES,
  type ContentTable,
  dropUnusedDataKeys,
  type EncryptionTask,
  enqueueEncryptions,
  finishEncryptions,
  lockContentKey,
  postponeEncryption,
  type RunContents,
  readRunContents,
  takeEncryptions,
  writeRunContents,
} from '../../src/db/worker/content-encryption.ts';
import {
  type ContentCipher,
  type ContentKey,
  encryptJson,
  encryptText,
  placeName,
} from '../../src/secrets/contents.ts';
import { encryptedTextsIn } from '../../src/secrets/encrypted-values.ts';

/** The most trees, and the most runs in them, in a transaction. */
const MOST = { trees: 50, runs: 200 };
/** The most steps or messages in memory at once. */
const PAGE_SIZE = 500;
/** The most transactions in a call, so that other chores have their turn. */
const MOST_TRANSACTIONS = 200;
/** The delay after which a tree that could not be changed is tried again, in seconds. */
const RETRY_SECONDS = 60;
/** The delay after a lost connection or a deadlock, in seconds: the tree is not the cause. */
const SHORT_RETRY_SECONDS = 1;

/**
 * Encrypts the contents of ended runs, and decrypts those of retried and forked runs, as the
 * policies of tenants say. Each transaction changes runs of a few trees. When one fails, its trees
 * are changed one by one, and the tree that fails is tried again in a minute, or in a second after
 * a lost connection or a deadlock. At the end, earlier data keys that encrypt nothing any more are
 * deleted.
 */
export async function applyContentEncryption(
  pool: Pool,
  cipher: ContentCipher,
  onError: (error: unknown, executionId: string) => void,
): Promise<void> {
  if ((await enqueueEncryptions(pool)) === 0) return;
  const tenants = new Set<string>();
  let alone = 0;
  for (let count = 0; count < MOST_TRANSACTIONS; count += 1) {
    const most = alone > 0 ? { ...MOST, trees: 1 } : MOST;
    alone -= 1;
    let tasks: EncryptionTask[] = [];
    try {
      await inTransaction(pool, async (client) => {
        tasks = await takeEncryptions(client, most);
        await changeTrees(client, tasks, cipher);
      });
    } catch (error) {
      const [task] = tasks;
      if (!task) throw error;
      if (tasks.length > 1) {
        alone = tasks.length;
      } else {
        onError(error, task.root_execution_id);
        await postponeEncryption(pool, task.root_execution_id, delayAfter(error));
      }
    }
    if (tasks.length === 0) break;
    for (const { tenant_id } of tasks) tenants.add(tenant_id);
  }
  for (const tenant of tenants) await dropUnusedDataKeys(pool, tenant);
}

/** Returns the delay after which a tree is tried again, in seconds. A retried run waits for it. */
function delayAfter(error: unknown): number {
  const isInnocent = isConnectionLoss(error) || /^40/.test(faultOf(error).code);
  return isInnocent ? SHORT_RETRY_SECONDS : RETRY_SECONDS;
}

/** Changes the contents of runs in trees, tenant by tenant. */
async function changeTrees(
  client: PoolClient,
  tasks: readonly EncryptionTask[],
  cipher: ContentCipher,
): Promise<void> {
  const groups = Map.groupBy(tasks, (task) => `${task.tenant_id} ${task.is_to_encrypt}`);
  for (const [task, ...others] of groups.values()) {
    const runs = [task, ...others].flatMap((one) => one?.runs ?? []);
    if (!task || runs.length === 0) continue;
    const key = task.is_to_encrypt
      ? await lockCurrentKey(client, task.tenant_id, cipher)
      : undefined;
    for (const table of CONTENT_TABLES) await changeTable(client, table, runs, key, cipher);
  }
  await finishEncryptions(client, tasks);
}

async function changeTable(
  client: PoolClient,
  table: ContentTable,
  runs: readonly string[],
  key: ContentKey | undefined,
  cipher: ContentCipher,
): Promise<void> {
  for await (const page of readRunContents(client, runs, table, PAGE_SIZE)) {
    const contents: ChangedContents[] = [];
    for (const row of page) {
      const plain = await decryptRow(client, table, row, cipher);
      contents.push(key ? encryptRow(plain, table, key) : withoutKey(plain));
      await nextTick(); // a row has up to a few megabytes
    }
    await writeRunContents(client, table, contents);
  }
}

async function lockCurrentKey(
  client: PoolClient,
  tenantId: string,
  cipher: ContentCipher,
): Promise<ContentKey> {
  let wrapped = await lockContentKey(client, tenantId);
  if (!wrapped) {
    await cipher.addKey(tenantId);
    wrapped = await lockContentKey(client, tenantId);
  }
  if (!wrapped) throw new Error(`tenant ${tenantId} has no data key`);
  return cipher.open(wrapped);
}

/**
 * Decrypts the contents of a row. A text of another run is a copy, which the run may have in its
 * input, history and log until it is decrypted. Throws `HWINV` if a text of the run itself stands
 * in another place than it was encrypted for: somebody exchanged contents.
 */
async function decryptRow(
  client: PoolClient,
  table: ContentTable,
  row: RunContents,
  cipher: ContentCipher,
): Promise<RunContents> {
  const { execution_id } = row;
  for (const [column, value] of contentsOf(row)) {
    const places = [nameOf(table, row, column), ...(COPIED_FROM[`${table}.${column}`] ?? [])];
    const moved = encryptedTextsIn(value).some(
      ({ executionId, place }) =>
        executionId === execution_id && place !== undefined && !places.includes(place),
    );
    if (moved) throw createMovedError(table, row, column);
  }
  return cipher.decrypt(row, async (texts) => {
    const runs = await decryptableRuns(client, execution_id, runsOf(texts), false);
    return new Set(texts.filter((one) => runs.has(one.executionId)).map(({ text }) => text));
  });
}

/** Places from which SQL copies contents within a run: a retry has the error of the run. */
const COPIED_FROM: Readonly<Record<string, readonly string[]>> = {
  'steps.error': [placeName({ relation: 'executions', row: null, column: 'error' })],
};

/** Returns the contents of a row by their columns. */
function contentsOf(row: RunContents): [column: string, value: unknown][] {
  return [
    ...Object.entries(row.texts ?? {}),
    ...Object.entries(row.documents ?? {}),
    ...(row.arguments ?? []).map((text, at): [string, unknown] => [`tool_calls.${at}`, text]),
  ];
}

type Row = Pick<RunContents, 'seq' | 'id'>;

function nameOf(relation: ContentTable, { seq, id }: Row, column: string): string {
  return placeName({ relation, row: seq ?? id, column });
}

function createMovedError(table: ContentTable, row: RunContents, column: string): HowdahError {
  const { execution_id, seq, id } = row;
  const message = `an encrypted text of execution ${execution_id} stands in ${table}.${column}, for which it was not encrypted`;
  return new HowdahError('HWINV', message, {
    hint: 'Somebody exchanged contents of this run. Restore its rows from a backup.',
    detail: { execution_id, table, row: seq ?? id, column },
  });
}

function encryptRow(row: RunContents, relation: ContentTable, key: ContentKey): ChangedContents {
  const { execution_id, seq, id, texts, documents, visible } = row;
  const at = (column: string) => ({ execution_id, relation, row: seq ?? id, column });
  const text = (plain: string, column: string) => encryptText(key, at(column), plain);
  const json = (plain: string, column: string) =>
    encryptJson(key, at(column), plain, visible?.[column] ?? {});
  return {
    ...{ execution_id, seq, id, key_id: key.id },
    texts: mapValues(texts, text),
    documents: mapValues(documents, json),
    arguments:
      row.arguments?.map((plain, index) =>
        plain === null ? null : text(plain, `tool_calls.${index}`),
      ) ?? null,
  };
}

function withoutKey({ visible: _, ...row }: RunContents): ChangedContents {
  return { ...row, key_id: null };
}

function mapValues(
  values: Readonly<Record<string, string | null>> | null,
  change: (value: string, name: string) => string,
): Record<string, string> | null {
  if (values === null) return null;
  const changed: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) {
    if (value !== null) changed[name] = change(value, name);
  }
  return changed;
}
