import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { countRows } from '../../support/work/count-rows.ts';
import {
  all,
  answer,
  asRole,
  claim,
  commit,
  committed,
  completed,
  type Db,
  failed,
  finish,
  isBlocked,
  makeAgent,
  makeRun,
  makeTenant,
  makeWorker,
  one,
  openSession,
  refusal,
  release,
  rolledBack,
  runRow,
  spawn,
  testClient,
} from '../support.ts';

describe('children', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
  });

  const make = (columns: Record<string, unknown> = {}) =>
    makeRun(db.pool, { agent_id: agent, ...columns });
  const inboxOf = (id: string) =>
    all(
      db.pool,
      'select kind, call_id, output from howdah_private.inbox where execution_id = $1 order by id',
      [id],
    );
  const output = { kind: 'output', output: 'x' };
  /** Creates a running child and its root, which waits for the child. */
  const pair = async (child_agent = agent, columns: Record<string, unknown> = {}) => {
    const root = await make(columns);
    await claim(db.pool, worker, [root]);
    const child = await spawn(db.pool, worker, { id: root, fence: 1, after: 0 }, child_agent);
    const to = { status: 'waiting', waiting_for: 'child' };
    await commit(db.pool, worker, [{ id: root, fence: 1, after: 1, steps: [], to }]);
    await claim(db.pool, worker, [child]);
    return { root, child };
  };

  test('report their end to the parent, which continues', async () => {
    const { root, child } = await pair();
    expect(await runRow(db.pool, root)).toMatchObject({ status: 'waiting', live_children: 1 });
    expect(await runRow(db.pool, child)).toMatchObject({
      root_execution_id: root,
      parent_execution_id: root,
      parent_call_id: 'a',
      ancestors: [root],
      depth: 1,
    });
    const steps = [answer, output];
    await commit(db.pool, worker, [{ id: child, fence: 1, after: 0, steps, to: completed }]);
    expect(await runRow(db.pool, root)).toMatchObject({ status: 'queued', live_children: 0 });
    expect(await inboxOf(root)).toMatchObject([
      { kind: 'child', call_id: 'a', output: { execution_id: child, status: 'completed' } },
    ]);
  });

  test('are also reported when they fail or are cancelled alone', async () => {
    const first = await pair();
    const error = { kind: 'error', error: failed.error };
    const fail = { id: first.child, fence: 1, after: 0, steps: [error], to: failed };
    await commit(db.pool, worker, [fail]);
    expect(await inboxOf(first.root)).toMatchObject([
      { output: { status: 'failed', error: failed.error } },
    ]);
    const second = await pair();
    await db.pool.query('select howdah.cancel_execution($1)', [second.child]);
    expect(await inboxOf(second.root)).toMatchObject([{ output: { status: 'cancelled' } }]);
    expect(await runRow(db.pool, second.root)).toMatchObject({ status: 'queued' });
  });

  test('are cancelled with all their descendants when their parent fails', async () => {
    const { root, child } = await pair();
    const grandchild = await spawn(db.pool, worker, { id: child, fence: 1, after: 0 }, agent);
    await commit(db.pool, worker, [
      {
        id: child,
        fence: 1,
        after: 1,
        steps: [{ kind: 'error', error: failed.error }],
        to: failed,
      },
    ]);
    expect(await runRow(db.pool, grandchild)).toMatchObject({ status: 'cancelled' });
    expect(await runRow(db.pool, root)).toMatchObject({ status: 'queued' });
  });

  test('add their usage to all ancestors exactly once, also when a commit is repeated', async () => {
    const { root, child } = await pair();
    const grandchild = await spawn(db.pool, worker, { id: child, fence: 1, after: 0 }, agent);
    await claim(db.pool, worker, [grandchild]);
    const sent = [{ id: grandchild, fence: 1, after: 0, steps: [answer] }];
    await commit(db.pool, worker, sent);
    await commit(db.pool, worker, sent);
    const stale = [{ id: grandchild, fence: 0, after: 1, steps: [answer] }];
    expect(await commit(db.pool, worker, stale)).toMatchObject([{ outcome: 'stale' }]);
    for (const id of [root, child]) {
      expect(await runRow(db.pool, id)).toMatchObject({
        tokens_in: '0',
        children_tokens_in: '10',
        children_tokens_out: '5',
      });
    }
    const half = { kind: 'model', name: 'default', tokens_in: 3 };
    await commit(db.pool, worker, [{ id: grandchild, fence: 1, after: 1, steps: [half] }]);
    expect(await runRow(db.pool, root)).toMatchObject({ children_tokens_in: '13' });
  });

  test('stop at the limits of the runs above them', async () => {
    const tight = await makeAgent(db.pool, { max_tokens: 15 });
    const { child } = await pair(agent, { agent_id: tight });
    const [result] = await commit(db.pool, worker, [
      { id: child, fence: 1, after: 0, steps: [answer] },
    ]);
    expect(result).toMatchObject({ exhausted: 'max_tokens' });
  });

  test('deeper than eight are rejected and reported to the parent', async () => {
    let id = await make();
    for (let depth = 1; depth <= 8; depth += 1) {
      id = await make({ parent_execution_id: id });
    }
    await claim(db.pool, worker, [id]);
    const lost = await spawn(db.pool, worker, { id, fence: 1, after: 0 }, agent);
    expect(await all(db.pool, 'select from howdah.executions where id = $1', [lost])).toEqual([]);
    expect(await runRow(db.pool, id)).toMatchObject({
      live_children: 0,
      has_inbox: true,
      status: 'running',
    });
    const inbox = await inboxOf(id);
    expect(inbox).toMatchObject([{ call_id: 'a', output: { status: 'failed' } }]);
    expect(inbox[0]?.output.error.message).toContain('child runs (8)');
  });

  test.each([
    ['not active', (id: string) => `update howdah.agents set is_active = false where id = '${id}'`],
    ['deleted', (id: string) => `select howdah.delete_agent('${id}')`],
  ])('of an agent that is %s are rejected and reported to the parent', async (word, change) => {
    const gone = await makeAgent(db.pool);
    await db.pool.query(change(gone));
    const root = await make();
    await claim(db.pool, worker, [root]);
    await spawn(db.pool, worker, { id: root, fence: 1, after: 0 }, gone);
    const [item] = await inboxOf(root);
    expect(item?.output.error.message).toContain(word);
  });

  test('of the calls of an agent start by one statement', async () => {
    await rolledBack(db.pool, async (client) => {
      await client.query(`set local track_functions = 'all'`);
      const root = await makeRun(client, { agent_id: agent });
      await claim(client, worker, [root]);
      const steps = await all(
        client,
        `select 'child_started' as kind, 'call_' || i as call_id,
           jsonb_build_object('id', howdah.uuid_v7(), 'agent_id', $1::uuid,
             'call_id', 'call_' || i, 'input', 'Find out.') as child
         from generate_series(1, 50) as i`,
        [agent],
      );
      await commit(client, worker, [{ id: root, fence: 1, after: 0, steps }]);
      expect(await runRow(client, root)).toMatchObject({ live_children: 50 });
      const calls = await all(
        client,
        `select funcname::text, calls::int from pg_stat_xact_user_functions
         where funcname in ('insert_children', 'count_children') order by 1`,
      );
      expect(calls).toEqual([
        { funcname: 'count_children', calls: 1 },
        { funcname: 'insert_children', calls: 1 },
      ]);
    });
  });

  test('that are rejected are reported once, also when the commit is repeated', async () => {
    const gone = await makeAgent(db.pool, { is_active: false });
    const root = await make();
    await claim(db.pool, worker, [root]);
    const { id } = await one(db.pool, 'select howdah.uuid_v7() as id');
    const child = { id, agent_id: gone, call_id: 'a', input: 'Find out.' };
    const steps = [{ kind: 'child_started', call_id: 'a', output: { execution_id: id }, child }];
    const sent = [{ id: root, fence: 1, after: 0, steps }];
    await commit(db.pool, worker, sent);
    await db.pool.query('update howdah.agents set is_active = true where id = $1', [gone]);
    expect(await commit(db.pool, worker, sent)).toMatchObject([{ outcome: 'committed' }]);
    expect(await inboxOf(root)).toMatchObject([{ call_id: 'a', output: { status: 'failed' } }]);
    expect(await all(db.pool, 'select from howdah.executions where id = $1', [id])).toEqual([]);
  });

  test('with some rejected, still start by few statements, and only those are reported', async () => {
    await rolledBack(db.pool, async (client) => {
      await client.query(`set local track_functions = 'all'`);
      const gone = await makeAgent(client, { is_active: false });
      const root = await makeRun(client, { agent_id: agent });
      await claim(client, worker, [root]);
      const refused = [1, 77, 200];
      const steps = await all(
        client,
        `select 'child_started' as kind, 'call_' || i as call_id,
           jsonb_build_object('id', howdah.uuid_v7(), 'call_id', 'call_' || i, 'input', 'Find out.',
             'agent_id', case when i = any ($3) then $2::uuid else $1::uuid end) as child
         from generate_series(1, 200) as i`,
        [agent, gone, refused],
      );
      await commit(client, worker, [{ id: root, fence: 1, after: 0, steps }]);
      expect(await runRow(client, root)).toMatchObject({ live_children: 197, has_inbox: true });
      expect(
        await all(
          client,
          `select i.call_id, i.output ->> 'status' as status from howdah_private.inbox as i
           where i.execution_id = $1 order by i.id`,
          [root],
        ),
      ).toEqual(refused.map((place) => ({ call_id: `call_${place}`, status: 'failed' })));
      const { calls } = await one(
        client,
        `select calls::int from pg_stat_xact_user_functions where funcname = 'insert_children'`,
      );
      expect(calls).toBeLessThan(60);
    });
  });

  test('use the version of their agent from the start of the root run', async () => {
    const edited = await makeAgent(db.pool, { instruction: 'One.' });
    const root = await make();
    await claim(db.pool, worker, [root]);
    await db.pool.query(`update howdah.agents set instruction = 'Two.' where id = $1`, [edited]);
    const child = await spawn(db.pool, worker, { id: root, fence: 1, after: 0 }, edited);
    const version = (id: string) =>
      one(
        db.pool,
        'select v.version from howdah.executions as e join howdah.agent_versions as v on v.id = e.agent_version_id where e.id = $1',
        [id],
      );
    expect(await version(child)).toEqual({ version: 1 });
    expect(await version(await make({ agent_id: edited }))).toEqual({ version: 2 });
  });

  test('a child that ends during a commit of its parent: both commit, and its result arrives', async () => {
    const root = await make();
    await claim(db.pool, worker, [root]);
    const child = await spawn(db.pool, worker, { id: root, fence: 1, after: 0 }, agent);
    await claim(db.pool, worker, [child]);
    const ender = await testClient(db.pool);
    let end: Promise<unknown> | undefined;
    await committed(db.pool, async (client) => {
      await commit(client, worker, [{ id: root, fence: 1, after: 1, steps: [answer] }]);
      const steps = [answer, output];
      end = commit(ender, worker, [{ id: child, fence: 1, after: 0, steps, to: completed }]);
      await isBlocked(db.pool, ender);
    });
    expect(await end).toMatchObject([{ outcome: 'committed' }]);
    const steps = [output];
    const last = { id: root, fence: 1, after: 2, steps, to: completed };
    expect(await commit(db.pool, worker, [last])).toMatchObject([{ outcome: 'inbox' }]);
    const to = { status: 'waiting', waiting_for: 'child' };
    const wait = { id: root, fence: 1, after: 2, steps: [], to };
    expect(await commit(db.pool, worker, [wait])).toMatchObject([{ status: 'queued' }]);
  });

  test('a worker that dies while children of its runs commit elsewhere causes no deadlock', async () => {
    const doomed = await makeWorker(db.pool);
    const [first, second] = [await make(), await make()];
    await claim(db.pool, doomed, [first, second]);
    const child = await spawn(db.pool, doomed, { id: second, fence: 1, after: 0 }, agent);
    const mine = await spawn(db.pool, doomed, { id: second, fence: 1, after: 1 }, agent);
    const other = await spawn(db.pool, doomed, { id: first, fence: 1, after: 0 }, agent);
    await claim(db.pool, doomed, [mine]);
    await claim(db.pool, worker, [child, other]);
    const [committer, reaper] = [await openSession(db.url), await openSession(db.url)];
    await committer.query('begin');
    await committer.query('select from howdah.executions where id = $1 for no key update', [first]);
    const released = release(reaper as never, doomed, true);
    await isBlocked(db.pool, reaper);
    const result = commit(committer as never, worker, [
      { id: child, fence: 1, after: 0, steps: [answer] },
      { id: other, fence: 1, after: 0, steps: [answer] },
    ]);
    expect(await result).toMatchObject([{ outcome: 'committed' }, { outcome: 'committed' }]);
    await committer.query('commit');
    await released;
    await committer.end();
    await reaper.end();
    await db.pool.query('delete from howdah_private.workers where id = $1', [doomed]);
    expect(await runRow(db.pool, first)).toMatchObject({
      status: 'queued',
      children_tokens_in: '10',
    });
  });

  describe('execution_tree', () => {
    const treeOf = (root: string) =>
      all(
        db.pool,
        'select * from howdah.execution_tree where root_execution_id = $1 order by path',
        [root],
      );

    test('has a row for each run, parents before children, with their total usage', async () => {
      const { root, child } = await pair();
      const grandchild = await spawn(db.pool, worker, { id: child, fence: 1, after: 0 }, agent);
      const late = await make({ parent_execution_id: root });
      await finish(db.pool, worker, grandchild);
      expect(await treeOf(root)).toMatchObject([
        { execution_id: root, parent_execution_id: null, depth: 0, status: 'waiting' },
        { execution_id: child, parent_execution_id: root, depth: 1, status: 'running' },
        { execution_id: grandchild, depth: 2, tokens_in: '10', total_tokens_in: '10' },
        { execution_id: late, depth: 1, total_tokens_in: '0' },
      ]);
      const [top] = await treeOf(root);
      expect(top).toMatchObject({
        tokens_in: '0',
        total_tokens_in: '10',
        total_tokens_out: '5',
        path: [root],
      });
      expect(await treeOf(child)).toEqual([]);
    });

    test('is read through indexes', async () => {
      await db.pool.query(
        `insert into howdah.executions (agent_id, input) select $1, 'x' from generate_series(1, 2000)`,
        [agent],
      );
      await db.pool.query('analyze howdah.executions');
      const { root } = await pair();
      await asRole(db.pool, 'howdah_app', {}, async (client) => {
        const { rows } = await client.query(
          `explain (analyze) select * from howdah.execution_tree where root_execution_id = '${root}'`,
        );
        const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
        expect(plan).toMatch(/Index.* executions/);
        expect(plan).not.toMatch(/Rows Removed by Filter: \d\d/);
      });
    });

    test('is not visible to another tenant', async () => {
      const root = await make();
      const other = await makeTenant(db.pool);
      await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': other }, async (client) => {
        const { rows } = await client.query(
          'select from howdah.execution_tree where root_execution_id = $1',
          [root],
        );
        expect(rows).toEqual([]);
        expect(
          await refusal(client.query('select howdah.cancel_execution($1)', [root])),
        ).toMatchObject({ code: 'HWNTF' });
      });
    });
  });

  describe('a thousand children of one parent', () => {
    /** Creates a running run of a workflow, and ids for its members. */
    const teamOf = async (client: Db, many: number) => {
      const { id } = await one(
        client,
        `with workflow as (
           insert into howdah.workflows (name, type) values ('team_' || gen_random_uuid(), 'parallel') returning id
         ), member as (
           insert into howdah.workflow_agents (workflow_id, agent_id, sequence_order) select id, $1, 1 from workflow
         )
         select id from workflow`,
        [agent],
      );
      const { id: run } = await one(
        client,
        `insert into howdah.executions (workflow_id, input) values ($1, 'x') returning id`,
        [id],
      );
      await client.query('select from howdah_private.claim_executions($1, $2, 1, null)', [
        worker,
        [run],
      ]);
      const ids = await all(
        client,
        'select howdah.uuid_v7() as id from generate_series(1, $1) as n order by 1',
        [many],
      );
      return { run, ids: ids.map((row) => row.id as string) };
    };
    const beginning = ({ run, ids }: { run: string; ids: string[] }) => ({
      id: run,
      fence: 1,
      after: 0,
      steps: ids.map((id, at) => {
        const child = { id, agent_id: agent, call_id: String(at), input: 'x' };
        return { kind: 'child_started', call_id: String(at), output: { execution_id: id }, child };
      }),
      to: { status: 'waiting', waiting_for: 'child', wakes_on: 'last' },
      more: true,
    });
    const updates = async (client: Db) =>
      Number(
        (
          await one(
            client,
            `select sum(n_tup_upd) as n from pg_stat_xact_user_tables where relname ~ '^executions_'`,
          )
        ).n,
      );

    test('are counted at the parent once when they start and once when they end', async () => {
      await rolledBack(db.pool, async (client) => {
        const many = 200;
        const team = await teamOf(client, many);
        const atFirst = await updates(client);
        await commit(client, worker, [beginning(team)]);
        expect((await updates(client)) - atFirst).toBeLessThan(10);
        expect(await runRow(client, team.run)).toMatchObject({ live_children: many });
        await claim(client, worker, team.ids);
        const before = await updates(client);
        const steps = [output];
        await commit(
          client,
          worker,
          team.ids.map((id) => ({ id, fence: 1, after: 0, steps, to: completed, more: true })),
        );
        expect((await updates(client)) - before).toBeLessThan(many + 10);
        expect(await runRow(client, team.run)).toMatchObject({
          live_children: 0,
          status: 'queued',
          has_inbox: true,
        });
        expect(
          await one(client, 'select count(*)::int as n from howdah_private.child_ends'),
        ).toEqual({
          n: 0,
        });
      });
    });

    test('wake the parent by the rule of its workflow when they end before others', async () => {
      await rolledBack(db.pool, async (client) => {
        const team = await teamOf(client, 6);
        await commit(client, worker, [beginning(team)]);
        await claim(client, worker, team.ids);
        const end = (ids: string[], to: Record<string, unknown>) =>
          commit(
            client,
            worker,
            ids.map((id) => ({ id, fence: 1, after: 0, steps: [output], to, more: true })),
          );
        await end(team.ids.slice(0, 2), completed);
        expect(await runRow(client, team.run)).toMatchObject({
          live_children: 4,
          status: 'waiting',
        });
        await client.query(`update howdah.executions set wakes_on = 'failure' where id = $1`, [
          team.run,
        ]);
        await end(team.ids.slice(2, 4), completed);
        expect(await runRow(client, team.run)).toMatchObject({
          live_children: 2,
          status: 'waiting',
        });
        await end(team.ids.slice(4, 5), failed);
        expect(await runRow(client, team.run)).toMatchObject({
          live_children: 1,
          status: 'queued',
        });
      });
    });

    test('start with a number of rows linear in their number', async () => {
      const rowsOf = (many: number) =>
        rolledBack(db.pool, async (client) => {
          const team = await teamOf(client, many);
          return countRows(client, () => commit(client, worker, [beginning(team)]));
        });
      await rowsOf(1); // the first commit of a connection also reads what later ones have cached
      const few = await rowsOf(100);
      const many = await rowsOf(400);
      // A statement that compares each child with each would handle sixteen times as many rows.
      expect(few).toBeGreaterThan(100);
      expect(many).toBeLessThan(5 * few);
    });
  });
});
