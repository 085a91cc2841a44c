import { setImmediate as nextTick } from 'node:timers/promises';
import { HowdahError } from '../../src/contracts/errors.ts';
import { runsOf } from '../../src/db/connection/decrypt-results.ts';
import { decryptableRuns } from '../../src/db/connection/decrypt-run-rows.ts';
import type { Pool, PoolClient } from '../../src/db/connection/pool.ts';
import {
  type ChangedContents,
  CONTENT_TABLES,
  type ContentTable,
  dropUnusedDataKeys,
  type EncryptionTask,
  enqueueEncryptions,
  finishEncryptions,
  lockContentKey,
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
import type { BatchJob } from './batch-job.ts';
import { createDueBatches } from './due-batches.ts';

/** The most trees, and the most runs in them, in a transaction. */
const MOST = { trees: 50, runs: 200 };
/** The most steps or messages in memory at once. */
const PAGE_SIZE = 500;

/**
 * Creates the job that encrypts the contents of ended runs, and decrypts those of retried and
 * forked runs, as the policies of tenants say. Each transaction changes runs of a few trees. At the
 * end of a turn, earlier data keys that encrypt nothing any more are deleted.
 */
export function encryptionJob(pool: Pool, cipher: ContentCipher): BatchJob {
  const tenants = new Set<string>();
  return {
    ...{ name: 'encrypt_run', everyMs: 1_000, maxBatches: 200 },
    begin: async () => (await enqueueEncryptions(pool)) > 0,
    batch: createDueBatches<EncryptionTask>(pool, 'encrypt_run', {
      atMost: MOST.trees,
      take: (client, trees) => takeEncryptions(client, { ...MOST, trees }),
      idOf: (task) => task.root_execution_id,
      async work(client, tasks) {
        for (const { tenant_id } of tasks) tenants.add(tenant_id);
        await changeTrees(client, tasks, cipher);
        return tasks.filter((task) => task.is_last).length;
      },
    }),
    async end() {
      for (const tenant of tenants) await dropUnusedDataKeys(pool, tenant);
      tenants.clear();
    },
  };
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
