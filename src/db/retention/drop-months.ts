import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { HowdahError } from '../../contracts/errors.ts';
import { type Client, createClient } from '../connection/pool.ts';
import { refusePooler } from '../connection/pooler-check.ts';
import { faultOf } from '../connection/sqlstate.ts';
import { ensureArchive } from './ensure-archive.ts';

/** What became of a month: it is dropped, or stays for reasons in words. */
export type MonthOutcome = {
  /** As `2026-03`. */
  month: string;
  dropped: boolean;
  runs: number | null;
  blockers: string[];
  archive: string | null;
  /** The archive in whose place it stands since that one is not whole; it is left where it is. */
  replaced: string | null;
  /** Of the statements that take locks: how long the one that succeeded took, in milliseconds, and how often it was tried. */
  locks: { statement: string; ms: number; attempts: number }[];
};

/** What is done with a month, in this order: each is a transaction or more of its own, and goes on where an interrupted one ended. */
export type MonthStep = 'clear' | 'freeze' | 'count' | 'archive' | 'beside' | 'detach' | 'drop';

export type MonthOptions = {
  url: string;
  /** Told as each step of a month begins; detach and drop begin for each of its three tables. What it throws stops all. */
  onStep?: (step: MonthStep, month: string, table?: string) => void;
  /** Where months are archived before they go; without one they are not. */
  archiveFolder?: string | undefined;
  /** How long a lock is tried for again and again until the rest is left to the next time; two minutes. */
  patienceMs?: number;
};

const ONE_AT_A_TIME = `hashtextextended('howdah.months', 0)`;
/** Whoever comes behind a lock that waits, waits as well: so long at most. */
const LOCK_TIMEOUT_MS = 100;
const PAUSE_MS = 250;

/** Closed: counted, so that it goes whatever holds it now. */
type OldMonth = { month: string; is_closed: boolean; runs: number | null; blockers: string[] };

/** The months before the last one, and why each stays. */
export async function oldMonths(client: Pick<Client, 'query'>): Promise<OldMonth[]> {
  const { rows } = await client.query(
    `select to_char(m.month, 'YYYY-MM') as month, m.is_closed, m.runs::float8 as runs, m.blockers
     from howdah_private.old_months() as m`,
  );
  return rows;
}

/**
 * Drops the months whose runs nobody keeps any more, and goes on with those that were begun before. Nobody is kept waiting for
 * longer than a tenth of a second by it: a lock that is not there by then is given up and tried again. Undefined when somebody else is at it.
 * Throws `HWDEN` for a login that is no owner.
 */
export async function dropMonths(options: MonthOptions): Promise<MonthOutcome[] | undefined> {
  await refusePooler(options.url, 'howdah-months');
  const client = createClient({ url: options.url, applicationName: 'howdah-months' });
  client.on('error', () => {}); // the next statement says so
  await client.connect();
  try {
    await becomeOwner(client);
    const { rows } = await client.query(`select pg_try_advisory_lock(${ONE_AT_A_TIME}) as is_mine`);
    if (!rows[0].is_mine) return undefined;
    await client.query(`set lock_timeout = '${LOCK_TIMEOUT_MS}ms'`);
    // no lock is held for as long as a disk takes to flush: what a crash undoes is done again, and dropping a table flushes all before it
    await client.query('set synchronous_commit = off');
    const outcomes: MonthOutcome[] = [];
    for (const month of await oldMonths(client)) {
      const halfway = await detachedHalfway(client);
      outcomes.push(
        halfway === undefined || halfway === month.month
          ? await dropMonth(client, month, options)
          : { ...untouched(month), blockers: [`the month ${halfway} is to be detached first`] },
      );
    }
    return outcomes;
  } finally {
    await client.end();
  }
}

/** The month that somebody long at work keeps from being detached: until he ends no other one can be. */
async function detachedHalfway(client: Client): Promise<string | undefined> {
  const { rows } = await client.query(
    `select to_char(m.month, 'YYYY-MM') as month from howdah_private.closed_months as m
     where m.dropped_at is null and exists (select from howdah_private.month_partitions(m.month) as p where p.is_pending)`,
  );
  return rows[0]?.month;
}

function untouched({ month, runs, blockers }: OldMonth): MonthOutcome {
  return { month, dropped: false, runs, blockers, archive: null, replaced: null, locks: [] };
}

async function becomeOwner(client: Client): Promise<void> {
  await client.query('set role howdah_owner').catch((cause) => {
    throw new HowdahError('HWDEN', 'only an owner of the database may drop a month', {
      hint: 'Run howdah retention as an owner, or grant howdah_owner to the login of the workers.',
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
  const outcome = untouched(old);
  const day = `${month}-01`;
  if (old.blockers.length > 0) {
    await reopen(client, day);
    return outcome;
  }
  const end = Date.now() + (options.patienceMs ?? 120_000);
  const locked = (text: string, values: unknown[] = []) =>
    patiently(client, outcome, end, text, values);
  const begin = (step: MonthStep, table?: string) => options.onStep?.(step, month, table);
  try {
    if (!is_closed) {
      begin('clear');
      await untilNone(client, 'select howdah_private.delete_unaligned_trees($1) as done', [day]);
      begin('freeze');
      await locked('select howdah_private.freeze_month($1)', [day]);
      begin('count');
      const [closed] = await locked('select howdah_private.close_month($1)::float8 as runs', [day]);
      outcome.runs = Number(closed?.runs);
    }
    begin('archive');
    Object.assign(outcome, await ensureArchive(client, month, options.archiveFolder));
    begin('beside');
    await untilNone(client, 'select howdah_private.delete_side_rows_of_month($1) as done', [day]);
    await detachAndDrop(client, day, end, locked, begin);
    await client.query('select howdah_private.record_month_progress($1, null, true)', [day]);
    outcome.dropped = true;
  } catch (error) {
    const { code, message } = faultOf(error);
    if (code !== 'HWCNF' && code !== 'HWINV' && code !== '55P03') throw error;
    outcome.blockers = [message]; // somebody is in the way: the next time goes on from here
    await reopen(client, day);
  }
  return outcome;
}

/** A month that is frozen and stays goes on as before; one that is counted is not touched. Left to the next time when somebody is in the way. */
async function reopen(client: Client, day: string): Promise<void> {
  await client.query('select howdah_private.unfreeze_month($1)', [day]).catch((error) => {
    if (faultOf(error).code !== '55P03') throw error;
  });
}

/** One partition at a time: while one is detached halfway, its table allows no other. */
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
      // what was interrupted is finished: begun anew it would be refused
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
    // each needs the table it refers to: never two at once, one held while the other is waited for
    for (const { conname } of keys.rows)
      await locked(`alter table ${name} drop constraint ${pg.escapeIdentifier(conname)}`);
    await locked(`drop table ${name}`);
  }
}

/** Tries a statement until its locks are there. A detaching that was given up is to be finished instead, so it is tried once. */
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
