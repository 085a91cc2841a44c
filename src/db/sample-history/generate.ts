import { HowdahError } from '../../contracts/errors.ts';
import { createPool, inTransaction, type Pool, type PoolClient } from '../connection/pool.ts';
import { ensureMonths } from '../worker/maintenance.ts';
import {
  SAMPLE_MESSAGES,
  SAMPLE_RUNS,
  SAMPLE_RUNS_TABLE,
  SAMPLE_SESSIONS,
  SAMPLE_STEPS_AND_EXECUTIONS,
  SAMPLE_TOOLS,
} from './rows.ts';
import { sampleCast, sampleTables } from './sample-agents.ts';
import { chanceFunctions, SAMPLE_TEXTS } from './seeded-random.ts';

export type HistoryOptions = {
  executions: number;
  /** Mean number of steps of a run, at least 2. */
  steps: number;
  days: number;
  tenants: number;
  /** Agents of each tenant. */
  agents: number;
  seed: number;
  /** The end of the history. The same options and the same end produce the same rows. */
  until: Date;
};

export type HistoryCounts = { executions: number; steps: number; messages: number };

/**
 * Number of runs in one transaction: a tenth of a gigabyte at ten steps each, and long enough apart
 * for sessions to have turns.
 */
const BATCH = 10_000;
const DAY_MS = 86_400_000;
/** Number of connections that write at once. */
const WRITERS = 2;

/**
 * Writes finished runs with their logs, conversations and sessions into the past. Uses plain
 * inserts of an owner, who may write finished runs as they are. Every constraint and trigger
 * applies. Each batch commits and then reports the number of rows to `onProgress`. Throws `HWDEN`
 * for anybody but an owner, and `HWCNF` when there are runs already, unless `append`.
 */
export async function generateHistory(
  url: string,
  options: HistoryOptions & { append: boolean },
  onProgress: (counts: HistoryCounts) => void,
): Promise<HistoryCounts> {
  const pool = createPool({ url, applicationName: 'howdah-generate', max: WRITERS });
  const counts: HistoryCounts = { executions: 0, steps: 0, messages: 0 };
  try {
    await refuseUnlessFit(pool, options.append);
    const since = new Date(options.until.getTime() - options.days * DAY_MS);
    await ensureMonths(pool, since, options.until);
    await pool.query('select howdah_private.repair_partitions()');
    await arrange(pool, options);
    let next = 0;
    const write = async (): Promise<void> => {
      const client = await pool.connect();
      try {
        await prepareWriter(client, options);
        while (next < options.executions) {
          const from = next;
          next = Math.min(from + BATCH, options.executions);
          const written = await writeBatch(client, options, from, next);
          counts.executions += written.executions;
          counts.steps += written.steps;
          counts.messages += written.messages;
          onProgress({ ...counts });
        }
      } catch (error) {
        next = options.executions; // the other writers stop after their current batch
        throw error;
      } finally {
        client.release(true);
      }
    };
    await settleAll(Array.from({ length: WRITERS }, write));
    await pool.query(
      'analyze howdah.sessions, howdah.executions, howdah.steps, howdah_private.message_log',
    );
    return counts;
  } finally {
    await pool.end();
  }
}

/** Waits for all writers, so that nobody still writes when the first failure is reported. */
async function settleAll(works: Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') {
    throw failed.reason;
  }
}

async function refuseUnlessFit(pool: Pool, append: boolean): Promise<void> {
  const { rows } = await pool.query('select howdah_private.is_operator() as is_owner');
  if (!rows[0].is_owner) {
    throw new HowdahError('HWDEN', 'only an owner of the database may generate sample history', {
      hint: 'Connect as the owner: npx howdah db url prints the URL for the embedded database.',
    });
  }
  const found = await pool.query('select 1 from howdah.executions limit 1');
  if (found.rows.length > 0 && !append) {
    throw new HowdahError('HWCNF', 'this database already has runs', {
      hint: 'Sample history needs an empty database. Use --append to add it to existing runs.',
    });
  }
}

/**
 * Creates tenants, people, models and agents in one transaction. Its commit gives the agents their
 * versions.
 */
async function arrange(pool: Pool, options: HistoryOptions): Promise<void> {
  await inTransaction(
    pool,
    async (client) => {
      for (const statement of sampleCast(options)) {
        await client.query(statement);
      }
    },
    'drop table if exists sample_tenants',
  );
}

async function prepareWriter(client: PoolClient, options: HistoryOptions): Promise<void> {
  await client.query(`set work_mem = '64MB'; set jit = off; set timezone = 'UTC'`);
  await client.query(chanceFunctions(options.seed));
  const tables = [...sampleTables(options), SAMPLE_TEXTS, SAMPLE_TOOLS, SAMPLE_RUNS_TABLE];
  for (const statement of tables) {
    await client.query(statement);
  }
  await client.query('analyze sample_agents, sample_users, sample_texts, sample_tools');
}

async function writeBatch(
  client: PoolClient,
  options: HistoryOptions,
  from: number,
  to: number,
): Promise<HistoryCounts> {
  const calls = (options.steps - 2) / 2;
  await client.query('begin');
  await client.query(SAMPLE_RUNS, [
    ...[from, to, options.executions, options.until, options.days],
    ...[calls, options.tenants, options.agents],
  ]);
  await client.query('analyze sample_runs');
  await client.query(SAMPLE_SESSIONS);
  await client.query(SAMPLE_STEPS_AND_EXECUTIONS);
  await client.query(SAMPLE_MESSAGES);
  const { rows } = await client.query(
    `select count(*)::int as executions, sum(step_count)::int as steps, sum(message_count)::int as messages
     from sample_runs`,
  );
  await client.query('commit');
  return rows[0];
}
