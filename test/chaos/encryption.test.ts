import { expect, test } from 'vitest';
import {
  CHAOS_MASTER_KEYS,
  checkEncryptedContents,
  decryptRows,
  rotateDataKeys,
  switchEncryption,
  WRONGLY_ENCRYPTED_RUNS,
} from '../../chaos/faults/encryption.ts';
import { secretRowsOn } from '../../src/db/access/secrets.ts';
import { inTransaction } from '../../src/db/connection/pool.ts';
import { createContentCipher } from '../../src/secrets/contents.ts';
import {
  all,
  answer,
  claim,
  commit,
  completed,
  makeAgent,
  makeRun,
  makeWorker,
  one,
} from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { encryptRuns } from '../support/work/encrypt-runs.ts';

// The checks of encrypted contents accept correct contents and find wrong ones.

const db = testDatabase({ violates: true }); // writes runs and steps by hand
const START_OF_TIME = new Date(0);

/** Encrypts and decrypts everything that is due. */
async function encryptDueContents() {
  await db.pool.query(`select howdah_private.enqueue_encryptions('0 seconds')`);
  const cipher = createContentCipher(secretRowsOn(db.pool), CHAOS_MASTER_KEYS);
  await encryptRuns(db.pool, cipher, (error) => {
    throw error;
  });
}

/** Makes a run of the shop that has ended. */
async function makeEndedRun(): Promise<string> {
  const worker = await makeWorker(db.pool);
  const id = await makeRun(db.pool, {
    agent_id: await makeAgent(db.pool),
    input: 'Please do key=1.0',
  });
  const [claimed] = await claim(db.pool, worker, [id]);
  const step = { ...answer, messages: [{ role: 'assistant', content: '[pay:1.0/0-0]' }] };
  const to = { ...completed, output: '1.0 is done: [pay:1.0/0-0]' };
  const steps = [step, { kind: 'output', output: to.output }];
  await commit(db.pool, worker, [{ id, fence: claimed?.fence ?? 0, after: 0, steps, to }]);
  return id;
}

/** Executes a change that triggers forbid. */
async function changeWithoutTriggers(text: string, values: unknown[]): Promise<void> {
  await inTransaction(db.pool, async (client) => {
    await client.query('set local session_replication_role = replica');
    await client.query(text, values);
  });
}

test('texts that were left in plain text, and ciphertexts that do not open, are found', async () => {
  const [id, other] = [await makeEndedRun(), await makeEndedRun()];
  await switchEncryption(db.pool);
  expect(await all(db.pool, WRONGLY_ENCRYPTED_RUNS)).not.toEqual([]);
  await encryptDueContents();
  expect(await all(db.pool, WRONGLY_ENCRYPTED_RUNS)).toEqual([]);
  expect(await checkEncryptedContents(db.pool, START_OF_TIME)).toEqual([]);
  const run = await one(db.pool, 'select id, input from howdah.executions where id = $1', [id]);
  expect(await decryptRows(db.pool, [run], (row) => row.id)).toMatchObject([
    { input: 'Please do key=1.0' },
  ]);

  await changeWithoutTriggers(
    'update howdah_private.message_log set content = $2 where execution_id = $1 and seq = 2',
    [id, '[pay:1.0/0-0]'],
  );
  await changeWithoutTriggers('update howdah.executions set output = $2 where id = $1', [
    other,
    run.input,
  ]);
  expect(
    (await checkEncryptedContents(db.pool, START_OF_TIME)).map(({ kind }) => kind).toSorted(),
  ).toEqual(['lost', 'violation']);
});

test('runs under an earlier key, and runs that are still encrypted, are found', async () => {
  await rotateDataKeys(db.pool);
  expect(await all(db.pool, WRONGLY_ENCRYPTED_RUNS)).not.toEqual([]);
  await encryptDueContents();
  expect(await all(db.pool, WRONGLY_ENCRYPTED_RUNS)).toEqual([]);
  await switchEncryption(db.pool);
  expect(await all(db.pool, WRONGLY_ENCRYPTED_RUNS)).not.toEqual([]);
  await encryptDueContents();
  expect(await all(db.pool, WRONGLY_ENCRYPTED_RUNS)).toEqual([]);
});
