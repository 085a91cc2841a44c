import type pg from 'pg';
import { secretRowsOn } from '../../src/db/access/secrets.ts';
import { CONTENT_TABLES, readRunContents } from '../../src/db/worker/content-encryption.ts';
import { createContentDecryptor, type SealedText } from '../../src/secrets/contents.ts';
import { ENCRYPTED_PREFIX } from '../../src/secrets/encrypted-values.ts';
import { createMasterKeys } from '../../src/secrets/master-keys.ts';
import { rotateDataKey } from '../../src/secrets/rotation.ts';
import type { Breach } from '../checks/breach.ts';

// Encryption of the contents of ended runs. Faults change the policy and the data keys meanwhile.

/** The master keys of every worker. */
export const CHAOS_MASTER_KEYS = createMasterKeys({
  keys: [Buffer.alloc(32, 'chaos')],
  file: undefined,
});

/** Number of changes of runs, by kind. */
export type Encryptions = { encrypted: number; decrypted: number; rotated: number };

/** Switches the policy of the default tenant between encryption and plain text. */
export async function switchEncryption(pool: pg.Pool): Promise<void> {
  await pool.query(
    `insert into howdah.retention_policies as p (encrypt_contents) values (true)
     on conflict (tenant_id) do update set encrypt_contents = not p.encrypt_contents`,
  );
}

/** Creates a new data key for every tenant. */
export async function rotateDataKeys(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query<{ id: string }>('select id from howdah.tenants');
  for (const { id } of rows) await rotateDataKey(secretRowsOn(pool), CHAOS_MASTER_KEYS, id);
}

/** Decrypts rows. Ciphertexts of a run other than that of the row are left as they are. */
export async function decryptRows<T>(
  pool: pg.Pool,
  rows: readonly T[],
  runOf: (row: T) => string,
): Promise<T[]> {
  const decrypt = createContentDecryptor(secretRowsOn(pool), CHAOS_MASTER_KEYS, {
    needsKeys: true,
  });
  const mayDecrypt = (row: T) => async (texts: readonly SealedText[]) =>
    new Set(texts.flatMap((one) => (one.executionId === runOf(row) ? [one.text] : [])));
  return Promise.all(rows.map((row) => decrypt(row, mayDecrypt(row))));
}

/** Counts the runs that were encrypted, decrypted or encrypted with another key. */
export async function countEncryptions(pool: pg.Pool, since: Date): Promise<Encryptions> {
  const { rows } = await pool.query<Encryptions>(
    `select count(*) filter (where c.old_key is null)::int as encrypted,
       count(*) filter (where c.new_key is null)::int as decrypted,
       count(*) filter (where c.new_key <> c.old_key)::int as rotated
     from chaos.encryptions as c where c.at >= $1`,
    [since],
  );
  return rows[0] as Encryptions;
}

/** Selects ended runs that differ from the policy, or do not have the current data key. */
export const WRONGLY_ENCRYPTED_RUNS = `
  select e.id, concat_ws(' ', case when e.contents_encrypted_at is null then 'plain' else 'encrypted' end,
    'under ' || e.contents_key_id, case when k.id is null then 'which is not the current key' end,
    case when p.encrypt_contents then 'though the policy encrypts' else 'though no policy encrypts' end,
    case when d.id is null then 'and not in the queue' else 'and due at ' || d.due_at end) as state
  from howdah.executions as e
  left join howdah.retention_policies as p on p.tenant_id = e.tenant_id
  left join howdah_private.data_keys as k on k.id = e.contents_key_id and k.is_current
  left join howdah_private.due_work as d on d.kind = 'encrypt_run' and d.id = e.root_execution_id
  where e.completed_at is not null and case when coalesce(p.encrypt_contents, false)
    then e.contents_encrypted_at is null or k.id is null
    else e.contents_encrypted_at is not null or e.contents_key_id is not null end
  union all
  select d.id, 'in the queue, due at ' || d.due_at from howdah_private.due_work as d where d.kind = 'encrypt_run'
  order by 1, 2`;

const PAGE = 500;

/**
 * Checks the runs that were created since `since`: an encrypted run has no plain text, and every
 * ciphertext can be decrypted.
 */
export async function checkEncryptedContents(pool: pg.Pool, since: Date): Promise<Breach[]> {
  const { rows } = await pool.query<{ id: string }>(
    'select e.id from howdah.executions as e where e.created_at >= $1 order by e.id',
    [since],
  );
  const breaches: Breach[] = [];
  for (let offset = 0; offset < rows.length; offset += PAGE) {
    const runs = rows.slice(offset, offset + PAGE).map(({ id }) => id);
    const leaks = await pool.query<{ what: string }>(PLAIN_TEXTS, [runs]);
    breaches.push(...leaks.rows.map(({ what }): Breach => ({ kind: 'violation', what })));
    breaches.push(...(await findUndecryptable(pool, runs)));
  }
  return breaches;
}

async function findUndecryptable(pool: pg.Pool, runs: readonly string[]): Promise<Breach[]> {
  const breaches: Breach[] = [];
  for (const table of CONTENT_TABLES) {
    for await (const page of readRunContents(pool, runs, table, PAGE)) {
      for (const row of await decryptRows(pool, page, ({ execution_id }) => execution_id)) {
        if (!JSON.stringify(row).includes(ENCRYPTED_PREFIX)) continue;
        const what = `${table} of ${row.execution_id} (${row.seq ?? row.id ?? 'the run'}) cannot be decrypted`;
        breaches.push({ kind: 'lost', what });
      }
    }
  }
  return breaches;
}

// Every input, argument and answer of the shop contains a key.
const KEY_PATTERN = String.raw`key=|\[(look|note|pay|careful|book|ask_user|rejected|steer):`;
const PLAIN_TEXTS = `
  select c.name || ' of ' || e.id || ' is in plain text although its run is encrypted: '
    || substring(c.content from '.{0,60}(?:${KEY_PATTERN}).{0,60}') as what
  from howdah.executions as e cross join lateral (
    select 'run' as name, to_jsonb(e)::text as content
    union all select 'step ' || s.seq, to_jsonb(s)::text from howdah.steps as s where s.execution_id = e.id
    union all select 'message ' || m.seq, to_jsonb(m)::text from howdah.messages as m where m.execution_id = e.id
    union all select 'question ' || q.id, to_jsonb(q)::text from howdah.questions as q where q.execution_id = e.id
  ) as c
  where e.id = any ($1) and e.contents_encrypted_at is not null and c.content ~ '${KEY_PATTERN}'`;
