import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateHistory } from '../../src/db/sample-history/generate.ts';
import { testDatabase } from '../support/database.ts';
import {
  all,
  answer,
  claim,
  commit,
  completed,
  makeAgent,
  makeRun,
  makeSession,
  makeWorker,
  one,
  rolledBack,
  spawn,
} from './support.ts';

const LOGS = ['executions', 'steps', 'message_log'];
const NOW = new Date();
const MONTH = NOW.toISOString().slice(0, 7).replace('-', '_');

// Checks query plans with several months of history. The planner reads small tables as a whole for
// good reason, and the tables of a test are small. The tests therefore set `enable_seqscan = off`.
// A sequential scan that remains has no alternative.
describe('with several months of history', () => {
  const db = testDatabase();
  let known: {
    run: string;
    child: string;
    root: string;
    session: string;
    turn: string;
    agent: string;
    user: string;
    tenant: string;
  };

  beforeAll(async () => {
    const options = { steps: 6, days: 80, tenants: 1, agents: 2, seed: 1, append: false };
    await generateHistory(db.url, { ...options, executions: 600, until: NOW }, () => {});
    known = await one(
      db.pool,
      `select e.id as run, e.session_id as session, e.agent_id as agent, e.tenant_id as tenant,
         (select id from howdah.executions where turn > 1 limit 1) as turn,
         (select user_id from howdah.executions where user_id is not null limit 1) as user, c.id as child, c.parent_execution_id as root
       from howdah.executions as e, howdah.executions as c
       where e.session_id is not null and c.parent_execution_id is not null order by e.id desc, c.id desc limit 1`,
    );
    const agent = await makeAgent(db.pool);
    await db.pool.query(
      `insert into howdah.executions (agent_id, input) select $1, 'x' from generate_series(1, 50)`,
      [agent],
    );
    await db.pool.query('analyze');
  });

  /** Returns the relations that a plan reads, with the kind of scan. */
  const scansOf = async (client: pg.PoolClient, text: string, values: unknown[] = []) => {
    await client.query('set local enable_seqscan = off');
    const row = await one(client, `explain (analyze, format json) ${text}`, values);
    return scans(row['QUERY PLAN'][0].Plan);
  };
  const explain = (text: string, values: unknown[] = []) =>
    rolledBack(db.pool, (client) => scansOf(client, text, values));
  const months = (found: Scan[]) =>
    [
      ...new Set(found.flatMap(({ relation }) => /_(\d{4}_\d\d)$/.exec(relation)?.[1] ?? [])),
    ].sort();

  describe('partitions', () => {
    test.each([
      'select * from howdah.executions where id = $1',
      'select * from howdah.steps where execution_id = $1 order by seq',
      'select * from howdah.messages where execution_id = $1 order by seq',
      'select * from howdah.execution_timeline where execution_id = $1 order by seq',
      'select * from howdah_private.steps_after(array[$1::uuid], array[0], 100)',
    ])('of other months are not scanned by: %s', async (text) => {
      const found = await explain(text, [known.run]);
      const month = await one(
        db.pool,
        `select right(tableoid::regclass::text, 7) as name from howdah.executions where id = $1`,
        [known.run],
      );
      expect(months(found).filter((name) => name !== month.name)).toEqual([]);
    });

    test.each([
      'select count(*) from howdah.executions where id >= howdah.uuid_v7_floor($1)',
      'select kind, count(*) from howdah.steps where execution_id >= howdah.uuid_v7_floor($1) group by kind',
      'select max(content) from howdah.messages where execution_id >= howdah.uuid_v7_floor($1)',
      `select a.name, sum(e.cost) from howdah.executions as e join howdah.agents as a on a.id = e.agent_id
       where e.id >= howdah.uuid_v7_floor($1) group by a.name`,
    ])('before a start time are not scanned by: %s', async (text) => {
      const since = new Date(Date.UTC(NOW.getUTCFullYear(), NOW.getUTCMonth(), 1));
      const found = months(await explain(text, [since]));
      expect(found).toContain(MONTH);
      expect(found.filter((name) => name < MONTH)).toEqual([]);
    });

    test('before a time based on the clock are not scanned by a generic plan', async () => {
      await rolledBack(db.pool, async (client) => {
        await client.query('set local plan_cache_mode = force_generic_plan');
        await client.query(
          `prepare recent as select count(*) from howdah.executions
           where id >= howdah.uuid_v7_floor(date_trunc('month', now(), 'UTC'))`,
        );
        const found = months(await scansOf(client, 'execute recent'));
        expect(found.filter((name) => name < MONTH)).toEqual([]);
      });
    });
  });

  describe('the hot path', () => {
    type Touched = { relation: string; seq: number; idx: number };
    /** Counts the scans of partitions by `work`, including those of nested statements. */
    const touchedBy = (work: (client: pg.PoolClient) => Promise<unknown>) =>
      rolledBack(db.pool, async (client) => {
        await client.query('set local enable_seqscan = off');
        const count = () =>
          all<Touched>(
            client,
            `select relname as relation, seq_scan::int as seq, coalesce(idx_scan, 0)::int as idx
             from pg_stat_xact_user_tables where schemaname = 'howdah_private' and relname ~ '^(executions|steps|message_log)_'
             order by relname`,
          );
        const before = await count();
        await work(client);
        return (await count())
          .map((row, index) => ({
            relation: row.relation,
            seq: row.seq - (before[index]?.seq ?? 0),
            idx: row.idx - (before[index]?.idx ?? 0),
          }))
          .filter(({ seq, idx }) => seq + idx > 0);
      });

    /**
     * Returns the scans of log partitions of other months. A commit may search all partitions of
     * executions, but only this month's steps and messages.
     */
    const otherLogs = (touched: Touched[]) =>
      touched.filter(
        ({ relation }) => !relation.startsWith('executions_') && !relation.endsWith(MONTH),
      );

    /**
     * Executes all statements that a worker calls for a run, from its insert to its end, in a
     * session with earlier turns.
     */
    const wholeLife = async (client: pg.PoolClient) => {
      const worker = await makeWorker(client);
      const session = await makeSession(client);
      for (let turn = 1; turn <= 2; turn += 1) {
        const id = await makeRun(client, { agent_id: known.agent, session_id: session });
        const [run] = await claim(client, worker, [id]);
        await client.query('select * from howdah_private.take_inbox($1, $2, $3, 0)', [
          worker,
          id,
          run?.fence,
        ]);
        const call = {
          ...answer,
          messages: [{ role: 'assistant', tool_calls: [{ id: 'a', name: 'x', arguments: '{}' }] }],
        };
        const result = {
          ...{ kind: 'tool', name: 'x', call_id: 'a', output: 'y' },
          messages: [{ role: 'tool', content: 'y', tool_call_id: 'a' }],
        };
        const last = { kind: 'output', output: completed.output };
        const [outcome] = await commit(client, worker, [
          { id, fence: run?.fence, after: 0, steps: [call, result] },
        ]);
        expect(outcome?.outcome).toBe('committed');
        await commit(client, worker, [
          { id, fence: run?.fence, after: 2, steps: [answer, last], to: completed },
        ]);
        await client.query(
          `select * from howdah_private.steps_after(array[$1::uuid], array[0], 100)`,
          [id],
        );
        await client.query(`select * from howdah_private.execution_states(array[$1::uuid])`, [id]);
      }
      await client.query(
        'select * from howdah_private.session_messages_after(array[$1::uuid], array[0], array[0], 100)',
        [session],
      );
    };

    test('of a turn, from insert to end, uses no sequential scan and no other month', async () => {
      const touched = await touchedBy(wholeLife);
      expect(touched.filter(({ seq }) => seq > 0)).toEqual([]);
      expect(touched.map(({ relation }) => relation)).toEqual(
        expect.arrayContaining(LOGS.map((table) => `${table}_${MONTH}`)),
      );
      expect(otherLogs(touched)).toEqual([]);
    });

    test('of an insert and a wake-up finds jobs by key, even if planned while empty', async () => {
      await rolledBack(db.pool, async (client) => {
        await client.query('delete from graphile_worker._private_jobs');
        const insert =
          'insert into howdah.executions (agent_id, input) select $1, $2 from generate_series(1, $3::int) returning id';
        const [first] = (await client.query(insert, [known.agent, 'x', 1])).rows;
        await client.query('select howdah_private.enqueue_advance($1)', [[first.id]]);
        await client.query(insert, [known.agent, 'x', 500]);
        const wholeReads = async () =>
          (
            await one(
              client,
              `select pg_stat_get_xact_numscans('graphile_worker._private_jobs'::regclass)::int as n`,
            )
          ).n;
        const before = await wholeReads();
        await client.query(insert, [known.agent, 'x', 1]);
        await client.query('select howdah_private.enqueue_advance($1)', [[first.id]]);
        expect(await wholeReads()).toBe(before);
      });
    });

    test('of commits of a child and its parent reads no other runs', async () => {
      /**
       * Returns the number of rows of runs that this transaction has read, with or without an
       * index.
       */
      const rowsRead = async (client: pg.PoolClient): Promise<number> =>
        (
          await one(
            client,
            `select sum(idx_tup_fetch + seq_tup_read)::int as n from pg_stat_xact_user_tables
             where schemaname = 'howdah_private' and relname ~ '^executions_'`,
          )
        ).n;
      await rolledBack(db.pool, async (client) => {
        await client.query('discard plans');
        const worker = await makeWorker(client);
        const parent = await makeRun(client, { agent_id: known.agent });
        await claim(client, worker, [parent]);
        const child = await spawn(client, worker, { id: parent, fence: 1, after: 0 }, known.agent);
        await claim(client, worker, [child]);
        const last = { kind: 'output', output: completed.output };
        const ask = { id: randomUUID(), kind: 'question', call_id: 'b', prompt: 'Which?' };
        const commits = [
          { id: child, fence: 1, after: 0, steps: [answer] },
          { id: child, fence: 1, after: 1, steps: [answer, last], to: completed },
          {
            ...{
              id: parent,
              fence: 1,
              after: 1,
              to: { status: 'waiting', waiting_for: 'question' },
            },
            steps: [{ kind: 'question', name: 'question', call_id: 'b', question: ask }],
          },
        ];
        for (const row of commits) {
          const before = await rowsRead(client);
          expect(await commit(client, worker, [row])).toMatchObject([{ outcome: 'committed' }]);
          // there are more than 600 in each of three months
          expect((await rowsRead(client)) - before).toBeLessThan(200);
        }
      });
    });

    test('of metrics counts live runs by index and scans no log', async () => {
      const touched = await touchedBy((client) =>
        client.query('select * from howdah_private.metrics()'),
      );
      expect(
        touched.filter(({ seq, relation }) => seq > 0 || !/^executions_/.test(relation)),
      ).toEqual([]);
      expect(touched.length).toBeGreaterThan(0);
    });

    test('of an erasure finds the files of its runs and sessions by index', async () => {
      /**
       * Returns the number of pages of the files and their indexes that this transaction has read.
       */
      const pages = async (client: pg.PoolClient) =>
        (
          await one(
            client,
            `select sum(pg_stat_get_xact_blocks_fetched(i.oid))::int as n
             from (select indexrelid from pg_index where indrelid = 'howdah.resources'::regclass
               union select 'howdah.resources'::regclass) as i (oid)`,
          )
        ).n;
      await rolledBack(db.pool, async (client) => {
        // files of many other tenants
        await client.query('set local session_replication_role = replica');
        await client.query(
          `insert into howdah.resources (tenant_id, execution_id, session_id, name, type, bytes, sha256, size, created_by)
           select gen_random_uuid(), case n % 2 when 0 then gen_random_uuid() end,
             case n % 2 when 1 then gen_random_uuid() end, 'x', 'text/plain', 'x', repeat('0', 64), 1, 'x'
           from generate_series(1, 6000) as n`,
        );
        await client.query('set local session_replication_role = origin');
        await client.query('analyze howdah.resources');
        await client.query('set local role howdah_engine');
        const before = await pages(client);
        await client.query('select howdah_private.delete_side_rows(array[$1::uuid])', [known.run]);
        await client.query('select howdah_private.erase_sessions(array[$1::uuid], false)', [
          known.session,
        ]);
        // A look-up reads one or two pages in each index and partition. A whole index has dozens.
        expect((await pages(client)) - before).toBeLessThan(25);
      });
    });

    test('of a claim scans only the months of its runs', async () => {
      const id = await makeRun(db.pool, { agent_id: known.agent });
      const worker = await makeWorker(db.pool);
      const touched = await touchedBy((client) => claim(client, worker, [id]));
      expect(touched.filter(({ seq }) => seq > 0)).toEqual([]);
      expect(touched.filter(({ relation }) => !relation.endsWith(MONTH))).toEqual([]);
    });

    test('of the messages of a session finds its turns by tenant and session', async () => {
      const plans: string[] = [];
      await rolledBack(db.pool, async (client) => {
        const note = ({ message = '' }) => void plans.push(message);
        client.on('notice', note);
        await client.query(`load 'auto_explain'; set local auto_explain.log_min_duration = 0;
          set local auto_explain.log_nested_statements = on; set local enable_seqscan = off;
          set local client_min_messages = log; set local role howdah_engine`);
        await client.query(
          'select howdah_private.run_history(e.id) from howdah.executions as e where e.id = $1',
          [known.turn],
        );
        client.off('notice', note);
      });
      const found = plans.join('\n').match(/Index Cond: .*session_id = .*/g) ?? [];
      expect(found).not.toEqual([]);
      expect(found.filter((condition) => !condition.includes('tenant_id'))).toEqual([]);
    });

    test.each([
      'select howdah_private.repair_queue()',
      'select howdah_private.run_timers()',
      'select howdah_private.erase_ended()',
      'select howdah_private.reap_workers()',
      `select howdah_private.release_executions(howdah.uuid_v7(), null, true)`,
    ])('has background tasks without sequential scans: %s', async (text) => {
      const touched = await touchedBy((client) => client.query(text));
      expect(touched.filter(({ seq }) => seq > 0)).toEqual([]);
    });
  });

  describe('repeated calls in one session', () => {
    const CALLS = 8;
    type Call = (client: pg.Client) => Promise<string>;
    const heal: Call = async () => 'select howdah_private.repair_queue()';
    const cancel: Call = async (client) =>
      `select howdah.cancel_execution('${await makeRun(client, { agent_id: known.agent })}')`;

    /**
     * Counts the pages that each call in a new session reads, including those of the catalogue and
     * of nested calls.
     */
    const pagesOf = async (call: Call) => {
      const client = new pg.Client({ connectionString: db.url });
      await client.connect();
      try {
        const pages: number[] = [];
        for (let time = 0; time < CALLS; time += 1) {
          const text = `explain (analyze, buffers, format json) ${await call(client)}`;
          const { Plan: plan } = (await one(client, text))['QUERY PLAN'][0];
          pages.push(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']);
        }
        return pages;
      } finally {
        await client.end();
      }
    };
    /**
     * Returns the median of all calls but the first, which fills the caches. Uses the lowest
     * value of three sessions, because new statistics cause new plans at any call.
     */
    const usualOf = async (call: Call) => {
      const sessions = [await pagesOf(call), await pagesOf(call), await pagesOf(call)];
      const lowest = Array.from({ length: CALLS }, (_, time) =>
        Math.min(...sessions.map((pages) => pages[time] ?? 0)),
      );
      return lowest.slice(1).sort((a, b) => a - b)[Math.floor((CALLS - 1) / 2)] ?? 0;
    };

    test.each([
      ['repair_queue', heal],
      ['cancel_execution', cancel],
    ])('%s does not replan for every partition', async (_, call) => {
      // a new plan reads thousands of pages of the catalogue
      expect(await usualOf(call)).toBeLessThan(1_000);
    });

    test('read no ended runs', async () => {
      const [healed, cancelled] = [await usualOf(heal), await usualOf(cancel)];
      await db.pool.query(
        `insert into howdah.executions (agent_id, input) select $1, repeat('x', 200) from generate_series(1, 3000)`,
        [known.agent],
      );
      await db.pool.query(
        `select howdah_private.terminate_runs(array_agg(id::uuid), 'cancelled', null) from howdah.executions
         where status = 'queued' and length(input) = 200`,
      );
      // dead rows are not ended runs
      await db.pool.query('vacuum howdah.executions, graphile_worker._private_jobs');
      expect(await usualOf(heal)).toBeLessThan(healed + 300);
      expect(await usualOf(cancel)).toBeLessThan(cancelled + 300);
    });
  });

  describe('indexes', () => {
    /**
     * A query for each index. An index that no query uses is dropped, because the hot path has to
     * write it.
     */
    const USES: Record<string, { text: string; values?: () => unknown[] }> = {
      executions_pkey: {
        text: 'select * from howdah.executions where id = $1',
        values: () => [known.run],
      },
      executions_tenant_id_idx: {
        text: 'select * from howdah.executions where tenant_id = $1 order by id desc limit 20',
        values: () => [known.tenant],
      },
      executions_agent_id_idx: {
        text: 'select * from howdah.executions where tenant_id = $1 and agent_id = $2 order by id desc limit 20',
        values: () => [known.tenant, known.agent],
      },
      executions_session_id_idx: {
        text: 'select * from howdah.executions where tenant_id = $1 and session_id = $2 order by turn desc',
        values: () => [known.tenant, known.session],
      },
      executions_user_idx: {
        text: 'select count(*) from howdah.executions where tenant_id = $1 and user_id = $2',
        values: () => [known.tenant, known.user],
      },
      executions_concurrency_key_idx: {
        text: 'select * from howdah.executions where tenant_id = $1 and concurrency_key = $2 order by id desc limit 20',
        values: () => [known.tenant, 'customer-42'],
      },
      executions_parent_idx: {
        text: 'select * from howdah.executions where parent_execution_id = $1',
        values: () => [known.root],
      },
      executions_workflow_id_idx: {
        text: 'select * from howdah.executions where tenant_id = $1 and workflow_id = $2 order by id desc limit 20',
        values: () => [known.tenant, randomUUID()],
      },
      executions_turn_idx: {
        text: `select id from howdah.executions
          where parent_execution_id = $1 and tenant_id = $2 and waiting_for = 'turn' order by id limit 1`,
        values: () => [known.root, known.tenant],
      },
      executions_root_idx: {
        text: 'select * from howdah.execution_tree where root_execution_id = $1',
        values: () => [known.root],
      },
      executions_owner_idx: {
        text: 'select * from howdah.executions where owner_worker = $1',
        values: () => [known.run],
      },
      executions_live_idx: {
        text: `select * from howdah.executions where status = 'queued'`,
      },
      executions_completed_at_idx: {
        text: `select status, count(*) from howdah.executions where completed_at >= now() - interval '1 hour' group by 1`,
      },
      executions_unerased_idx: {
        text: `select id from howdah.executions where tenant_id = $1 and completed_at < now() - interval '1 day'
          and parent_execution_id is null and contents_erased_at is null order by completed_at limit 200`,
        values: () => [known.tenant],
      },
      executions_erased_idx: {
        text: `select id from howdah.executions where tenant_id = $1 and completed_at < now() - interval '1 day'
          and parent_execution_id is null and contents_erased_at is not null order by completed_at limit 200`,
        values: () => [known.tenant],
      },
      executions_open_idx: {
        text: 'select id from howdah.executions where tenant_id = $1 and completed_at is null order by id desc limit 20',
        values: () => [known.tenant],
      },
      executions_failed_idx: {
        text: 'select id from howdah.executions where tenant_id = $1 and error is not null order by id desc limit 20',
        values: () => [known.tenant],
      },
      executions_cancelled_idx: {
        text: `select id from howdah.executions where tenant_id = $1 and status = 'cancelled' order by id desc limit 20`,
        values: () => [known.tenant],
      },
      executions_compensates_idx: {
        text: 'select * from howdah.executions where compensates_execution_id = $1',
        values: () => [known.run],
      },
      executions_forked_from_idx: {
        text: 'select id from howdah.executions where tenant_id = $1 and forked_from_execution_id = $2 order by id desc limit 20',
        values: () => [known.tenant, known.run],
      },
      steps_pkey: {
        text: 'select * from howdah.steps where execution_id = $1 and seq > 3 order by seq',
        values: () => [known.run],
      },
      message_log_pkey: {
        text: 'select * from howdah.messages where execution_id = $1 order by seq',
        values: () => [known.run],
      },
      message_log_session_id_idx: {
        text: 'select * from howdah.messages where session_id = $1 order by execution_id, seq',
        values: () => [known.session],
      },
    };

    test('of the large tables are all listed with their use', async () => {
      const found = await all(
        db.pool,
        `select c.relname as name from pg_index as i join pg_class as c on c.oid = i.indexrelid
         where i.indrelid in ('howdah.executions'::regclass, 'howdah.steps'::regclass, 'howdah_private.message_log'::regclass)`,
      );
      expect(found.map(({ name }) => name).sort()).toEqual(Object.keys(USES).sort());
    });

    test.each(Object.keys(USES))('%s is used', async (index) => {
      const { text, values } = USES[index] ?? { text: '' };
      const found = await explain(text, values?.() ?? []);
      expect(found.filter(({ way }) => way === 'Seq Scan').map(({ relation }) => relation)).toEqual(
        [],
      );
      const parts = await all(
        db.pool,
        `select c.relname as name from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
         join pg_class as p on p.oid = i.inhparent where p.relname = $1`,
        [index],
      );
      const names = new Set(parts.map(({ name }) => name));
      expect(found.some((scan) => scan.index !== undefined && names.has(scan.index))).toBe(true);
    });
  });

  test('serve the erasure of a user, to find runs the user retried or forked', async () => {
    const { prosrc } = await one(
      db.pool,
      `select prosrc from pg_proc where oid = 'howdah_private.runs_continued_by'::regproc`,
    );
    const text = prosrc.replaceAll(/\bu\.tenant_id\b/g, '$1').replaceAll(/\bu\.id\b/g, '$2');
    const found = await explain(text, [known.tenant, known.agent]);
    expect(found.map(({ index }) => index)).toContain('audit_log_continued_runs_idx');
  });

  test('partitions have the storage parameters of their table, both new and existing ones', async () => {
    const unsettled = () =>
      all(
        db.pool,
        `select c.relname as name from pg_inherits as i
         join pg_class as c on c.oid = i.inhrelid join pg_class as p on p.oid = i.inhparent
         where p.relname = any ($1) and not coalesce(c.reloptions, '{}') @> case p.relname
           when 'executions' then array['fillfactor=70', 'autovacuum_vacuum_scale_factor=0.02']
           else array['autovacuum_vacuum_insert_scale_factor=0.05', 'autovacuum_freeze_min_age=0'] end`,
        [LOGS],
      );
    expect(await unsettled()).toEqual([]);
    await db.pool.query(
      `alter table howdah_private.steps_${MONTH} reset (autovacuum_freeze_min_age)`,
    );
    expect(await unsettled()).toEqual([{ name: `steps_${MONTH}` }]);
    await db.pool.query('select howdah_private.ensure_partitions()');
    expect(await unsettled()).toEqual([]);
  });
});

type Scan = { relation: string; way: string; index?: string };
type PlanNode = {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Loops'?: number;
  Plans?: PlanNode[];
};

/** Returns all executed scans of a plan. */
function scans(node: PlanNode, relation?: string): Scan[] {
  const name = node['Relation Name'] ?? relation;
  const own =
    node['Actual Loops'] !== 0 && (node['Relation Name'] || node['Index Name'])
      ? [{ relation: name ?? '', way: node['Node Type'], index: node['Index Name'] }]
      : [];
  return [...own, ...(node.Plans ?? []).flatMap((plan) => scans(plan, name))] as Scan[];
}
