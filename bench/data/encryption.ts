import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { secretRowsOn } from '../../src/db/access/secrets.ts';
import { createContentCipher } from '../../src/secrets/contents.ts';
import { createMasterKeys } from '../../src/secrets/master-keys.ts';
import { doTurn } from '../../workers/batch-jobs/batch-job.ts';
import { encryptionJob } from '../../workers/batch-jobs/encrypt-runs.ts';
import type { Bench } from '../bench.ts';
import { figure, median, ratios } from '../figures.ts';
import { type BenchApi, startApiProcess } from '../processes/api.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import type { BenchDatabase } from '../server.ts';

const RUNS = 200;
const CALLS = 19;
const QUERIES = 60;
const WARM_UP_QUERIES = 10;
const QUERY = `{ executions(first: 20, orderBy: [ID_DESC]) {
  nodes { id status input output steps(first: 20) { nodes { seq kind name input output } } } } }`;

/**
 * Encrypts the contents of ended runs. Compares the time with that of the runs themselves, and
 * their bytes and the time of a page of runs with those before the encryption.
 */
export const encryption: Bench = async ({ server, rounds }) => {
  const database = await server.createDatabase();
  const key = randomBytes(32);
  const api = await startApiProcess(database.url, {
    HOWDAH_SECRET_KEY: key.toString('base64'),
  });
  try {
    const run: number[] = [];
    const encrypt: number[] = [];
    const bytes: [before: number[], after: number[]] = [[], []];
    const page: [before: number[], after: number[]] = [[], []];
    for (let round = 0; round < rounds(3); round += 1) {
      run.push(await timeOf(() => runAll(database, round === 0)));
      bytes[0].push(await bytesOf(database.pool));
      page[0].push(await pageTime(api));
      encrypt.push(await timeOf(() => encryptAll(database, key)));
      bytes[1].push(await bytesOf(database.pool));
      page[1].push(await pageTime(api));
    }
    const steps = RUNS * (2 * CALLS + 2);
    return [
      figure('encryption', 'encrypt_vs_run_ratio', ratios(encrypt, run), 'ratio'),
      figure(
        'encryption',
        'encrypt_us_per_step',
        encrypt.map((ms) => (ms * 1000) / steps),
        'us',
      ),
      figure('encryption', 'encrypted_bytes_ratio', ratios(bytes[1], bytes[0]), 'ratio'),
      figure('encryption', 'encrypted_page_ratio', ratios(page[1], page[0]), 'ratio'),
      figure('encryption', 'encrypted_page_ms_p50', page[1], 'ms'),
    ];
  } finally {
    await api.stop();
    await database.drop();
  }
};

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Runs all runs on a worker that has no master key, and therefore encrypts nothing. */
async function runAll({ url, pool }: BenchDatabase, isFirst: boolean): Promise<void> {
  const worker = await startEngine({ url, concurrency: 64 });
  try {
    if (isFirst) {
      await pool.query(BENCH_AGENT);
      await pool.query('insert into howdah.retention_policies (encrypt_contents) values (true)');
    }
    const { rows } = await pool.query(
      `insert into howdah.executions (agent_id, input)
       select howdah.agent('bench'), '${CALLS} ping' from generate_series(1, $1::int) returning id`,
      [RUNS],
    );
    const ids = rows.map((row) => row.id);
    while (await isAnyLive(pool, ids)) await new Promise((resolve) => setTimeout(resolve, 10));
  } finally {
    await worker.stop(0);
  }
}

async function isAnyLive(pool: pg.Pool, ids: readonly string[]): Promise<boolean> {
  const text =
    'select 1 from howdah.executions where id = any ($1) and completed_at is null limit 1';
  return (await pool.query(text, [ids])).rows.length > 0;
}

async function encryptAll({ pool }: BenchDatabase, key: Buffer): Promise<void> {
  await pool.query(`select howdah_private.enqueue_encryptions('0 seconds')`);
  const masterKeys = createMasterKeys({ keys: [key], file: undefined });
  const job = encryptionJob(pool, createContentCipher(secretRowsOn(pool), masterKeys));
  const { failures, error: ended } = await doTurn(job);
  if (ended !== undefined) throw ended;
  for (const { error } of failures) throw error;
  const { rows } = await pool.query(
    'select 1 from howdah.executions where contents_encrypted_at is null limit 1',
  );
  if (rows.length > 0) throw new Error('a run was not encrypted');
}

/** Returns the bytes of the rows of the last runs, with their steps and messages. */
async function bytesOf(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query(
    `with runs as (select e.* from howdah.executions as e order by e.id desc limit ${RUNS})
     select (select sum(pg_column_size(r.*)) from runs as r)
       + (select sum(pg_column_size(s.*)) from howdah.steps as s join runs as r on r.id = s.execution_id)
       + (select sum(pg_column_size(m.*)) from howdah_private.message_log as m join runs as r on r.id = m.execution_id)
       as bytes`,
  );
  return Number(rows[0].bytes);
}

/** Returns the median of the milliseconds of a page. */
async function pageTime(api: BenchApi): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < QUERIES; count += 1) {
    times.push(
      await timeOf(async () => {
        const answer = await fetch(`${api.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ query: QUERY }),
        });
        const text = await answer.text();
        if (!text.includes('"output":"done"')) throw new Error(`no output: ${text.slice(0, 200)}`);
      }),
    );
  }
  return median(times.slice(WARM_UP_QUERIES));
}
