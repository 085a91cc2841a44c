import { beforeAll, describe, expect, test } from 'vitest';
import { snippetsOf } from '../../docs/snippets.ts';
import { testDatabase } from '../../support/database.ts';
import { all, copyIn, makeAgent, makeRun, one, openSession, refusal, unique } from '../support.ts';

/** Inserts as other systems write them: all columns named, and repeated after a failure. */
describe('inserts of other systems', () => {
  const db = testDatabase();
  let agent: string;
  beforeAll(async () => {
    agent = await makeAgent(db.pool, { name: 'support' });
  });

  const runsOf = async (key: string) =>
    (await all(db.pool, 'select id from howdah.executions where idempotency_key = $1', [key])).map(
      ({ id }) => id,
    );

  test('null means the default, in a run of an agent and of a workflow', async () => {
    const { workflow } = await one(
      db.pool,
      `with made as (
         insert into howdah.workflows (name, type) values ('pair', 'chain') returning id
       ), member as (
         insert into howdah.workflow_agents (workflow_id, agent_id) select id, $1 from made
       ) select id as workflow from made`,
      [agent],
    );
    const rows = await all(
      db.pool,
      `insert into howdah.executions (agent_id, workflow_id, input, priority, metadata, run_at)
       values ($1, null, 'x', null, null, null), (null, $2, 'x', null, null, null)
       returning priority, metadata, run_at = now() as is_due`,
      [agent, workflow],
    );
    const defaults = { priority: 0, metadata: {}, is_due: true };
    expect(rows).toEqual([defaults, defaults]);
  });

  describe('on conflict do nothing with a known idempotency key', () => {
    test('inserts the rows with new keys only', async () => {
      const [known, fresh] = [unique('known'), unique('new')];
      const first = await makeRun(db.pool, { agent_id: agent, idempotency_key: known });
      const { rows } = await db.pool.query(
        `insert into howdah.executions (agent_id, input, idempotency_key)
         values ($1, 'it''s "a" run -- or', $2), ($1, 'b', $3), ($1, 'c', $3)
         on conflict do nothing returning id, input`,
        [agent, known, fresh],
      );
      expect(rows.map((row) => row.input)).toEqual(['b']);
      expect(await runsOf(known)).toEqual([first]);
      expect(await runsOf(fresh)).toEqual([rows[0].id]);
    });

    test('works in PL/pgSQL, also in a statement of dynamic SQL', async () => {
      const key = unique('known');
      const first = await makeRun(db.pool, { agent_id: agent, idempotency_key: key });
      await db.pool.query(`do $do$ begin
        insert into howdah.executions (agent_id, input, idempotency_key)
        values ('${agent}', 'x', '${key}') on conflict do nothing;
        execute format('insert into howdah.executions (agent_id, input, idempotency_key)
          values (%L, ''x'', %L) /* once */ On Conflict DO nothing', '${agent}', '${key}');
      end $do$`);
      expect(await runsOf(key)).toEqual([first]);
    });

    test('works as howdah_app', async () => {
      const client = await openSession(db.url);
      const key = unique('known');
      const insert = `insert into howdah.executions (agent_id, input, idempotency_key)
        values ($1, 'x', $2) on conflict do nothing`;
      await client.query('set role howdah_app');
      const counts = [];
      for (let time = 0; time < 2; time += 1) {
        counts.push((await client.query(insert, [agent, key])).rowCount);
      }
      await client.end();
      expect(counts).toEqual([1, 0]);
    });
  });

  test.each([
    [
      'a plain insert',
      `insert into howdah.executions (agent_id, input, idempotency_key) values ($1, 'x', $2)`,
    ],
    [
      'words of the input',
      `insert into howdah.executions (agent_id, input, idempotency_key) values ($1, 'on conflict do nothing', $2)`,
    ],
    [
      'a comment',
      `insert into howdah.executions (agent_id, input, idempotency_key) values ($1, 'x', $2) -- on conflict do nothing`,
    ],
    [
      'a nested comment',
      `insert into howdah.executions (agent_id, input, idempotency_key) values ($1, 'x', $2) /* /* */ on conflict do nothing */`,
    ],
    [
      'a dollar quote',
      `insert into howdah.executions (agent_id, input, idempotency_key) values ($1, $a$ on conflict do nothing $a$, $2)`,
    ],
    [
      'an escaped string',
      String.raw`insert into howdah.executions (agent_id, input, idempotency_key) values ($1, e'\' on conflict do nothing ', $2)`,
    ],
    [
      'the key of another index',
      `insert into howdah.executions (agent_id, input, idempotency_key) values ($1, 'x', $2) on conflict (id) do nothing`,
    ],
    [
      'another insert',
      `with other as (insert into notes values (1) on conflict do nothing)
       insert into howdah.executions (agent_id, input, idempotency_key) values ($1, 'x', $2)`,
    ],
    [
      'a trigger of another insert',
      `insert into notes (run, key) values ($1, $2) on conflict do nothing`,
    ],
  ])('%s is refused with the id of the first run', async (_name, text) => {
    const client = await openSession(db.url);
    await client.query(`
      create temp table notes (id int primary key generated by default as identity, run uuid, key text);
      create function pg_temp.start_run() returns trigger language plpgsql as $$
      begin
        insert into howdah.executions (agent_id, input, idempotency_key) values (new.run, 'x', new.key);
        return new;
      end $$;
      create trigger start_run before insert on notes for each row when (new.key is not null)
        execute function pg_temp.start_run()`);
    const key = unique('known');
    const first = await makeRun(db.pool, { agent_id: agent, idempotency_key: key });
    const error = await refusal(client.query(text, [agent, key]));
    await client.end();
    expect(error).toMatchObject({ code: 'HWCNF', fields: { execution_id: first } });
  });

  test('the example of docs/sql.md copies a file into runs, once', async () => {
    const text = snippetsOf('docs/sql.md').find((snippet) => /^copy /m.test(snippet.text))?.text;
    const [, create = '', copy = '', rows = '', insert = ''] =
      text?.match(/^(create .*?;)\n(copy .*?);\n(.*?)\\\.\n(insert .*;)$/ms) ?? [];
    const client = await openSession(db.url);
    await client.query('set role howdah_app');
    await client.query(create);
    await copyIn(client, copy, rows);
    const counts = [];
    for (let time = 0; time < 2; time += 1) {
      counts.push((await client.query(insert)).rowCount);
    }
    await client.end();
    expect(counts).toEqual([2, 0]);
  });
});
