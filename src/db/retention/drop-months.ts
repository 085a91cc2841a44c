import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { HowdahError } from '../../contracts/errors.ts';
import { type Client, createClient, type Queryable } from '../connection/pool.ts';
import { refusePooler } from '../connection/pooler-check.ts';
import { faultOf } from '../connection/sqlstate.ts';
import { ensureArchive } from './ensure-archive.ts';

/** The outcome for a month: the month is dropped, or stays for the reasons in `blockers`. */
export type MonthOutcome = {
  /** The month in the form `2026-03`. */
  month: string;
  dropped: boolean;
  runs: number | null;
  blockers: string[];
  archive: string | null;
  /**
   * The archive that the new archive replaces because the old one is not whole. The old one is left
   * where it is.
   */
  replaced: string | null;
  /**
   * The statements that take locks: the duration of the successful attempt in milliseconds, and the
   * number of attempts.
   */
  locks: { statement: string; ms: number; attempts: number }[];
};

/**
 * A step of dropping a month, in this order. Each step has one or more transactions of its own, and
 * continues where an interrupted step ended.
 */
export type MonthStep = 'clear' | 'freeze' | 'count' | 'archive' | 'side_rows' | 'detach' | 'drop';

export type MonthOptions = {
  url: string;
  /**
   * Called when a step of a month begins. Detach and drop begin once for each of the three tables.
   * An error thrown here stops everything.
   */
  onStep?: (step: MonthStep, month: string, table?: string) => void;
  /**
   * The folder where months are archived before they are dropped. Without a folder, months are not
   * archived.
   */
  archiveFolder?: string | undefined;
  /**
   * The time after which a lock is no longer retried and the rest is left to the next call. The
   * default is two minutes.
   */
  patienceMs?: number;
};

const ONE_AT_A_TIME = `hashtextextended('howdah.months', 0)`;
/** The maximum wait for a lock. Sessions behind a waiting lock wait as well. */
const LOCK_TIMEOUT_MS = 100;
const PAUSE_MS = 250;

/**
 * A month before the previous month. If it is closed, its usage has been counted and the drop
 * continues, even if something has come up that would keep it.
 */
type OldMonth = { month: string; is_closed: boolean; runs: number | null; blockers: string[] };

/** Returns the months before the last one, and why each month stays. */
export async function oldMonths(client: Queryable): Promise<OldMonth[]> {
  const { rows } = await client.query(
    `select to_char(m.month, 'YYYY-MM') as month, m.is_closed, m.runs::float8 as runs, m.blockers
     from howdah_private.old_months() as m`,
  );
  return rows;
}

/**
 * Drops the months whose runs nobody keeps any more, and continues with months whose drop was begun
 * before. Each attempt to get a lock ends after a tenth of a second and is repeated later, so that
 * nobody waits longer. Returns undefined when another process drops months. Throws `HWDEN` for a
 * login that is not an owner.
 */
export async function dropMonths(options: MonthOptions): Promise<MonthOutcome[] | undefined> {
  await refusePooler(options.url, 'howdah-months');
  const client = createClient({ url: options.url, applicationName: 'howdah-months' });
  // The next statement reports the error.
  client.on('error', () => {});
  await client.connect();
  try {
    await becomeOwner(client);
    const { rows } = await client.query(`select pg_try_advisory_lock(${ONE_AT_A_TIME}) as is_mine`);
    if (!rows[0].is_mine) return undefined;
    await client.query(`set lock_timeout = '${LOCK_TIMEOUT_MS}ms'`);
    // Do not hold locks while the disk flushes. Changes that a crash undoes are made again, and
    // dropping a table flushes all earlier changes.
    await client.query('set synchronous_commit = off');
    const outcomes: MonthOutcome[] = [];
    for (const month of await oldMonths(client)) {
      const halfway = await detachedHalfway(client);
      outcomes.push(
        halfway === undefined || halfway === month.month
          ? await dropMonth(client, month, options)
          : { ...initialOutcome(month), blockers: [`the month ${halfway} must be detached first`] },
      );
    }
    return outcomes;
  } finally {
    await client.end();
  }
}

/**
 * Returns the month whose detach waits for a long transaction. No other month can be detached until
 * that transaction ends.
 */
async function detachedHalfway(client: Client): Promise<string | undefined> {
  const { rows } = await client.query(
    `select to_char(m.month, 'YYYY-MM') as month from howdah_private.closed_months as m
     where m.dropped_at is null and exists (select from howdah_private.month_partitions(m.month) as p where p.is_pending)`,
  );
  return rows[0]?.month;
}

function initialOutcome({ month, runs, blockers }: OldMonth): MonthOutcome {
  return { month, dropped: false, runs, blockers, archive: null, replaced: null, locks: [] };
}

async function becomeOwner(client: Client): Promise<void> {
  await client.query('set role howdah_owner').catch((cause) => {
    throw new HowdahError('HWDEN', 'only an owner of the database may drop a month', {
      hint: 'Run howdah admin retention as an owner, or grant howdah_owner to the login of the workers.',
      detail: {},
      cause,
    });
  });
}

async function dropMonth(
  client: Client,
  old: OldMonth,
  options: MonthOptions,
): Promise<MonthOutcome> {
  const { month, is_closed } = old;
  const outcome = initialOutcome(old);
  const day = `${month}-01`;
  if (old.blockers.length > 0) {
    await reopen(client, day);
    return outcome;
  }
  const end = Date.now() + (options.patienceMs ?? 120_000);
  const queryPatiently = (text: string, values: unknown[] = []) =>
    patiently(client, outcome, end, text, values);
  const begin = (step: MonthStep, table?: string) => options.onStep?.(step, month, table);
  try {
    if (!is_closed) {
      begin('clear');
      await untilNone(client, 'select howdah_private.delete_unaligned_trees($1) as done', [day]);
      begin('freeze');
      await queryPatiently('select howdah_private.freeze_month($1)', [day]);
      begin('count');
      const [closed] = await queryPatiently(
        'select howdah_private.close_month($1)::float8 as runs',
        [day],
      );
      outcome.runs = Number(closed?.runs);
    }
    begin('archive');
    Object.assign(outcome, await ensureArchive(client, month, options.archiveFolder));
    begin('side_rows');
    await untilNone(client, 'select howdah_private.delete_side_rows_of_month($1) as done', [day]);
    await detachAndDrop(client, day, end, queryPatiently, begin);
    await client.query('select howdah_private.record_month_progress($1, null, true)', [day]);
    outcome.dropped = true;
  } catch (error) {
    const { code, message } = faultOf(error);
    if (code !== 'HWCNF' && code !== 'HWINV' && code !== '55P03') throw error;
    // Another session is in the way. The next call continues from here.
    outcome.blockers = [message];
    await reopen(client, day);
  }
  return outcome;
}

/**
 * Unfreezes a frozen month that stays. A counted month does not change. When another session is in
 * the way, the next call unfreezes the month.
 */
async function reopen(client: Client, day: string): Promise<void> {
  await client.query('select howdah_private.unfreeze_month($1)', [day]).catch((error) => {
    if (faultOf(error).code !== '55P03') throw error;
  });
}

/**
 * Detaches and drops one partition at a time, because a table with a pending detach allows no other
 * detach.
 */
async function detachAndDrop(
  client: Client,
  day: string,
  end: number,
  locked: (text: string) => Promise<unknown>,
  begin: (step: MonthStep, table: string) => void,
): Promise<void> {
  const { rows } = await client.query('select * from howdah_private.month_partitions($1)', [day]);
  for (const { name, parent } of rows) {
    begin('detach', name);
    for (;;) {
      const state = await client.query(
        'select * from howdah_private.month_partitions($1) where name = $2',
        [day, name],
      );
      const { is_attached, is_pending } = state.rows[0];
      if (!is_attached) break;
      // Finish an interrupted detach, because a new detach would be refused.
      await locked(
        `alter table ${parent} detach partition ${name} ${is_pending ? 'finalize' : 'concurrently'}`,
      ).catch(async (error) => {
        if (is_pending || faultOf(error).code !== '55P03' || Date.now() > end) throw error;
        await sleep(PAUSE_MS);
      });
    }
    begin('drop', name);
    const keys = await client.query(
      `select c.conname from pg_constraint as c where c.conrelid = $1::regclass and c.contype = 'f' order by 1`,
      [name],
    );
    // Each constraint needs the table it refers to. Drop them one by one, so that no lock is held
    // while another is awaited.
    for (const { conname } of keys.rows)
      await locked(`alter table ${name} drop constraint ${pg.escapeIdentifier(conname)}`);
    await locked(`drop table ${name}`);
  }
}

/**
 * Retries a statement until it gets its locks. A concurrent detach is tried once, because an
 * abandoned detach has to be finished instead.
 */
async function patiently(
  client: Client,
  outcome: MonthOutcome,
  end: number,
  text: string,
  values: unknown[],
): Promise<{ runs?: number }[]> {
  for (let attempts = 1; ; attempts++) {
    const begin = performance.now();
    try {
      const { rows } = await client.query(text, values);
      const ms = Math.round((performance.now() - begin) * 10) / 10;
      outcome.locks.push({ statement: text, ms, attempts });
      return rows;
    } catch (error) {
      const isOnce = text.endsWith('concurrently');
      if (faultOf(error).code !== '55P03' || isOnce || Date.now() > end) throw error;
    }
    await sleep(PAUSE_MS);
  }
}

async function untilNone(client: Client, text: string, values: unknown[]): Promise<void> {
  for (;;) {
    const { rows } = await client.query(text, values);
    if (rows[0].done === 0) return;
  }
}
