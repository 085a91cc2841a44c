import { beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { waitPastHourBoundary } from '../../support/hour-boundary.ts';
import {
  all,
  answer,
  brokenRules,
  type CommitRow,
  claimOnce,
  commitAsIs,
  deleteLimits,
  isBlocked,
  makeAgent,
  makeRun,
  makeRuns,
  makeSession,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  openSession,
  statesOf,
  unique,
  waitForRecount,
} from '../support.ts';

/** Tokens of one model answer. */
const EACH = 15;
const TOOL = { kind: 'tool', name: 'ping', call_id: 'a', output: 'pong' };

describe('limits of tokens over a batch of runs', () => {
  const db = testDatabase();
  let worker: string;
  let tenant: string;
  let agent: string;

  beforeEach(async () => {
    await waitPastHourBoundary();
    await deleteLimits(db.pool);
    worker = await makeWorker(db.pool);
    tenant = await makeTenant(db.pool, unique('batch'));
    agent = await makeAgent(db.pool, { tenant_id: tenant });
  });

  const limit = async (max_value: number, columns: Record<string, unknown> = {}) => {
    const row = { tenant_id: tenant, scope: 'tenant', metric: 'tokens', period: 'day', ...columns };
    const names = Object.keys(row);
    const { id } = await one(
      db.pool,
      `insert into howdah.limits (max_value, ${names.join(', ')})
       values ($1, ${names.map((_, index) => `$${index + 2}`).join(', ')}) returning id`,
      [max_value, ...Object.values(row)],
    );
    return id as string;
  };
  /** Returns the counters of a limit by subject. */
  const counters = async (id: string) =>
    Object.fromEntries(
      (
        await all(
          db.pool,
          `select subject_id, sum(used)::float8 as used from howdah_private.limit_counters
           where limit_id = $1 group by 1`,
          [id],
        )
      ).map(({ subject_id, used }) => [subject_id, used]),
    );
  const runs = (count: number, columns: Record<string, unknown> = {}) =>
    makeRuns(db.pool, count, { tenant_id: tenant, agent_id: agent, ...columns });
  const stepOf = (id: string, after: number, step: object = answer): CommitRow => ({
    id,
    fence: 1,
    after,
    steps: [step as Record<string, unknown>],
  });
  /** Commits one batch. Returns the runs that may call no further model. */
  const commitBatch = async (rows: CommitRow[]) => {
    const results = await commitAsIs(db.pool, worker, rows);
    return results.filter(({ over_quota }) => over_quota).map(({ execution_id }) => execution_id);
  };
  /** Returns how often a statement looked into the counters. */
  const countLookups = async (work: (client: typeof db.pool) => Promise<unknown>) => {
    const client = await db.pool.connect();
    const read = async () =>
      (
        await one(
          client,
          `select (seq_scan + coalesce(idx_scan, 0))::int as scans
           from pg_stat_xact_all_tables where relname = 'limit_counters'`,
        )
      ).scans as number;
    try {
      await client.query('begin');
      const before = await read();
      await work(client as unknown as typeof db.pool);
      return (await read()) - before;
    } finally {
      await client.query('rollback');
      client.release();
    }
  };

  test('count each subject of several limits, and stop only runs of a used-up subject', async () => {
    const [ada, bob] = await Promise.all([
      makeUser(db.pool, { tenant_id: tenant }),
      makeUser(db.pool, { tenant_id: tenant }),
    ]);
    const session = await makeSession(db.pool, { tenant_id: tenant });
    const other = await makeAgent(db.pool, { tenant_id: tenant });
    const elsewhere = await makeTenant(db.pool, unique('elsewhere'));
    const theirs = await makeAgent(db.pool, { tenant_id: elsewhere });
    const ofTenant = await limit(1000);
    const ofUsers = await limit(2 * EACH, { scope: 'user' });
    const ofAgent = await limit(1000, { scope: 'agent', subject_id: other });
    const ofSessions = await limit(1000, { scope: 'session' });
    const ofTenants = await limit(1000, { scope: 'system', is_per_tenant: true });
    const adas = await runs(2, { user_id: ada.id });
    const [bobs] = (await runs(1, { user_id: bob.id, session_id: session })) as [string];
    const [nobodys] = (await runs(1, { agent_id: other })) as [string];
    const foreign = await makeRun(db.pool, { tenant_id: elsewhere, agent_id: theirs });
    const ids = [...adas, bobs, nobodys, foreign];
    await claimOnce(db.pool, worker, ids);
    // a stale commit counts nothing, and a step of a tool uses no tokens
    const stale = { ...stepOf(nobodys, 0), fence: 9 };
    expect(
      await commitBatch([...adas, bobs, foreign].map((id) => stepOf(id, 0)).concat(stale)),
    ).toEqual([...adas].sort());
    expect(await commitBatch(ids.map((id) => stepOf(id, id === nobodys ? 0 : 1, TOOL)))).toEqual(
      [...adas].sort(),
    );
    expect(await commitBatch([stepOf(nobodys, 1)])).toEqual([]);
    expect(await counters(ofTenant)).toEqual({ [tenant]: 4 * EACH });
    expect(await counters(ofUsers)).toEqual({ [ada.id]: 2 * EACH, [bob.id]: EACH });
    expect(await counters(ofAgent)).toEqual({ [other]: EACH });
    expect(await counters(ofSessions)).toEqual({ [session]: EACH });
    expect(await counters(ofTenants)).toEqual({ [tenant]: 4 * EACH, [elsewhere]: EACH });
  });

  test('park at a claim only runs of a used-up subject, at the limit with the longest period', async () => {
    const [ada, bob] = await Promise.all([
      makeUser(db.pool, { tenant_id: tenant }),
      makeUser(db.pool, { tenant_id: tenant }),
    ]);
    await limit(0, { scope: 'user', subject_id: ada.id });
    const longest = await limit(0, { scope: 'user', subject_id: ada.id, period: 'month' });
    await limit(1000);
    const adas = await runs(3, { user_id: ada.id });
    const bobs = await runs(2, { user_id: bob.id });
    const claimed = await claimOnce(db.pool, worker, [...adas, ...bobs]);
    expect(claimed.map(({ id }) => id)).toEqual(bobs.toSorted());
    expect(await statesOf(db.pool, adas)).toEqual(['quota', 'quota', 'quota']);
    expect(
      await all(
        db.pool,
        `select distinct limit_id, subject_id from howdah_private.parked_runs
         where execution_id = any ($1)`,
        [adas],
      ),
    ).toEqual([{ limit_id: longest, subject_id: ada.id }]);
    expect(await brokenRules(db.pool)).toEqual([]);
  });

  test('look into each counter once, however many runs a batch has', async () => {
    await limit(1e9);
    const ids = await runs(40);
    const lookups = async (some: string[]) => {
      const claims = await countLookups((client) => claimOnce(client, worker, some));
      await claimOnce(db.pool, worker, some);
      const commits = await countLookups((client) =>
        commitAsIs(
          client,
          worker,
          some.map((id) => stepOf(id, 0)),
        ),
      );
      return { claims, commits };
    };
    const few = await lookups(ids.slice(0, 2));
    expect(few.commits).toBeGreaterThan(0);
    expect(await lookups(ids.slice(2))).toEqual(few);
  });

  test('tell exactly the commits before the limit, under concurrent batches of many subjects', async () => {
    const users = await Promise.all(
      Array.from({ length: 3 }, () => makeUser(db.pool, { tenant_id: tenant })),
    );
    const sessions = 8;
    const [batch, rounds] = [3, 4];
    const total = sessions * rounds * batch * EACH;
    const id = await limit(total / 2);
    const ofUsers = await limit(1e9, { scope: 'user' });
    const parts = await Promise.all(
      Array.from({ length: sessions }, () =>
        Promise.all(
          users.map((user) =>
            makeRun(db.pool, { tenant_id: tenant, agent_id: agent, user_id: user.id }),
          ),
        ),
      ),
    );
    await claimOnce(db.pool, worker, parts.flat());
    const allowed = await Promise.all(
      parts.map(async (ids) => {
        const client = await openSession(db.url);
        let commits = 0;
        for (let after = 0; after < rounds; after += 1) {
          const results = await commitAsIs(
            client,
            worker,
            ids.map((run) => stepOf(run, after)),
          );
          expect(new Set(results.map(({ over_quota }) => over_quota)).size).toBe(1);
          commits += Number(!results[0]?.over_quota);
        }
        await client.end();
        return commits;
      }),
    );
    // each commit saw all before it, so the one that reaches the limit and all later ones say so
    expect(allowed.reduce((sum, commits) => sum + commits, 0)).toBe((sessions * rounds) / 2 - 1);
    expect(await counters(id)).toEqual({ [tenant]: total });
    expect(await counters(ofUsers)).toEqual(
      Object.fromEntries(users.map((user) => [user.id, total / users.length])),
    );
  });

  describe('with slots', () => {
    /** Opens sessions that count into different slots. */
    const openSlots = async (count: number) => {
      const bySlot = new Map<number, Awaited<ReturnType<typeof openSession>>>();
      while (bySlot.size < count) {
        const client = await openSession(db.url);
        const { slot } = await one(client, 'select pg_backend_pid() % 8 as slot');
        if (bySlot.has(slot)) await client.end();
        else bySlot.set(slot, client);
      }
      return [...bySlot.values()];
    };

    test.each([
      ['far from', 100 * EACH, false],
      ['near', 4 * EACH, true],
    ])('commits %s the limit wait for an open commit: %s tokens, %s', async (_, max, waits) => {
      const id = await limit(max);
      const ids = (await runs(2)) as [string, string];
      await claimOnce(db.pool, worker, ids);
      const clients = await openSlots(2);
      const [first, second] = clients as [(typeof clients)[0], (typeof clients)[0]];
      await first.query('begin');
      await commitAsIs(first, worker, [stepOf(ids[0], 0)]);
      const committed = commitAsIs(second, worker, [stepOf(ids[1], 0)]);
      if (waits) await isBlocked(db.pool, second);
      else expect(await committed).toMatchObject([{ outcome: 'committed', over_quota: false }]);
      await first.query('commit');
      await committed;
      expect(await counters(id)).toEqual({ [tenant]: 2 * EACH });
      expect(
        await one(db.pool, 'select used from howdah.limit_usage where limit_id = $1', [id]),
      ).toEqual({ used: String(2 * EACH) });
      await Promise.all(clients.map((client) => client.end()));
    });

    test('a limit is never passed unnoticed, and use of all slots is counted again as one', async () => {
      const sessions = 8;
      const rounds = 20;
      const max = (sessions * rounds * EACH) / 2;
      const id = await limit(max);
      const ids = await runs(sessions);
      await claimOnce(db.pool, worker, ids);
      const clients = await openSlots(sessions);
      const allowed = await Promise.all(
        ids.map(async (run, index) => {
          let commits = 0;
          for (let after = 0; after < rounds; after += 1) {
            const [result] = await commitAsIs(clients[index] as (typeof clients)[0], worker, [
              stepOf(run, after),
            ]);
            commits += Number(!result?.over_quota);
          }
          return commits;
        }),
      );
      await Promise.all(clients.map((client) => client.end()));
      const exact = max / EACH - 1;
      const sum = allowed.reduce((total, commits) => total + commits, 0);
      expect(sum).toBeLessThanOrEqual(exact);
      // one commit of each slot may come between, and is told to wait too early
      expect(sum).toBeGreaterThanOrEqual(exact - sessions);
      expect(await counters(id)).toEqual({ [tenant]: 2 * max });
      await waitForRecount(db.pool, id);
      expect(await counters(id)).toEqual({ [tenant]: 2 * max });
    });
  });
});
