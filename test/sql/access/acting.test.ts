import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { makeQuestion } from '../open-questions.ts';
import {
  all,
  claim,
  type Db,
  finish,
  makeAgent,
  makeApiKey,
  makeModel,
  makeRun,
  makeSession,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  openSession,
  refusedInside,
  rolledBack,
  spawn,
  takeRole,
  unique,
} from '../support.ts';

// Tests work that runs later under the name of a user. It does what that user has defined. After a
// change by another user, it runs under the name of the other user.
describe('acting as another user', () => {
  let db: TestDatabase;
  let tenant: string;
  let agent: string;
  let worker: string;
  let bea: string;
  let mallory: string;
  let ada: string;
  const logins: string[] = [];

  beforeAll(async () => {
    db = await createTestDatabase();
    tenant = (await one(db.pool, 'select howdah.current_tenant() as id')).id;
    agent = await makeAgent(db.pool, { name: 'clerk' });
    worker = await makeWorker(db.pool);
    bea = (await makeUser(db.pool, { username: 'bea' })).id;
    mallory = (await makeUser(db.pool, { username: 'mallory' })).id;
    ada = (await makeUser(db.pool, { username: 'ada', role: 'admin' })).id;
  });
  afterAll(async () => {
    await db.drop();
    const client = await openSession(inject('serverUrl'));
    for (const login of logins) await client.query(`drop role ${login}`);
    await client.end();
  });

  /**
   * Acts as a caller for the rest of the transaction: as a user, or without a user as an API key of
   * the tenant with that role.
   */
  const act = async (client: Db, user: string | null, role = user === ada ? 'admin' : 'member') => {
    await client.query('reset role');
    const settings = { 'howdah.tenant_id': tenant, 'howdah.user_id': user ?? '' };
    await takeRole(client, 'howdah_app', { ...settings, 'howdah.role': role });
  };
  type Caller = readonly [user: string | null, role: string];
  const bySelf = (): Caller => [bea, 'member'];
  const byAdmins = (): Caller[] => [
    [ada, 'admin'],
    [null, 'admin'],
  ];
  /** Runs `work` as each caller in turn. */
  const actAsEach = async (
    client: Db,
    callers: readonly Caller[],
    work: (user: string | null) => Promise<void>,
  ) => {
    for (const [user, role] of callers) {
      await act(client, user, role);
      await work(user);
    }
  };
  /** Runs `work` in a transaction that is rolled back. */
  const tried = <T>(work: (client: pg.PoolClient) => Promise<T>) => rolledBack(db.pool, work);
  const userOf = async (client: Db, table: string, id: string): Promise<string | null> =>
    (await one(client, `select user_id from howdah.${table} where id = $1`, [id])).user_id;
  const denied = (what: string) => ({ code: 'HWDEN', message: expect.stringContaining(what) });

  /** Makes a schedule due, and returns its last run after the schedules have fired. */
  const fire = async (client: Db, id: string): Promise<string> => {
    await client.query('reset role');
    await client.query('update howdah.schedules set next_at = clock_timestamp() where id = $1', [
      id,
    ]);
    await client.query('select howdah_private.fire_schedules()');
    const text = 'select last_execution_id as run from howdah.schedules where id = $1';
    return (await one(client, text, [id])).run;
  };

  describe('a schedule', () => {
    const schedule = async (client: Db, columns: Record<string, unknown> = {}) => {
      const row = {
        name: unique('s'),
        cron: '0 9 1 1 *',
        agent_id: agent,
        input: 'mine',
        ...columns,
      };
      const names = Object.keys(row);
      return (
        await one(
          client,
          `insert into howdah.schedules (${names}) values (${names.map((_, at) => `$${at + 1}`)}) returning id`,
          Object.values(row),
        )
      ).id as string;
    };
    const scheduleOf = async (client: Db, user: string, columns?: Record<string, unknown>) => {
      await act(client, user);
      return schedule(client, columns);
    };
    const change = (client: Db, id: string, changes: string) =>
      client.query(`update howdah.schedules set ${changes} where id = $1`, [id]);
    const ownerOf = (client: Db, id: string) => userOf(client, 'schedules', id);

    test.each([
      ['input', `'the log of the vault'`],
      ['input_data', `'{"of": "vault"}'`],
      ['agent_id', 'null, workflow_id = (select id from howdah.workflows limit 1)'],
      ['metadata', `'{"a": 1}'`],
      ['cron', `'@hourly'`],
      ['timezone', `'Europe/Berlin'`],
      ['priority', '5'],
      ['overlap_policy', `'cancel'`],
      ['catchup_policy', `'all'`],
    ])('passes to another member who changes its %s', async (column, value) => {
      await tried(async (client) => {
        const id = await scheduleOf(client, bea);
        expect(await ownerOf(client, id)).toBe(bea);
        await act(client, mallory);
        await change(client, id, `${column} = ${value}`);
        expect(await ownerOf(client, id)).toBe(mallory);
      });
    });

    test('passes to an admin who changes it, and to no user when changed with a tenant key', async () => {
      await tried(async (client) => {
        for (const [user, role] of byAdmins()) {
          const id = await scheduleOf(client, bea);
          await act(client, user, role);
          await change(client, id, `input = 'other'`);
          expect(await ownerOf(client, id)).toBe(user);
        }
      });
    });

    test('keeps its user when paused, resumed, renamed or rewritten unchanged', async () => {
      await tried(async (client) => {
        const id = await scheduleOf(client, bea);
        await act(client, ada);
        for (const changes of [
          'is_active = false',
          'is_active = true',
          `name = 'other'`,
          'input = input, cron = cron',
        ]) {
          await change(client, id, changes);
        }
        expect(await ownerOf(client, id)).toBe(bea);
        await client.query('reset role'); // an owner of the database chooses the user
        await client.query(`select set_config('howdah.user_id', '', true)`);
        await change(client, id, `input = 'other'`);
        expect(await ownerOf(client, id)).toBe(bea);
      });
    });

    test('runs as the user who changed its content', async () => {
      await tried(async (client) => {
        const id = await scheduleOf(client, bea);
        await act(client, mallory);
        await change(client, id, `input = 'the vault'`);
        const run = await fire(client, id);
        expect(
          await one(client, 'select input, user_id from howdah.executions where id = $1', [run]),
        ).toEqual({ input: 'the vault', user_id: mallory });
      });
    });

    test('in a session cannot be changed or run out of turn by another member', async () => {
      await tried(async (client) => {
        await act(client, bea);
        const session_id = await makeSession(client, { agent_id: agent, user_id: bea });
        const id = await schedule(client, { session_id });
        await act(client, mallory);
        const texts = [
          `update howdah.schedules set input = 'x' where id = $1`,
          `update howdah.schedules set cron = '@hourly' where id = $1`,
          'select howdah.run_schedule($1)',
        ];
        for (const text of texts) {
          expect(await refusedInside(client, text, [id])).toMatchObject(denied(session_id));
        }
        await act(client, ada);
        await client.query(texts[0] as string, [id]);
        expect(await ownerOf(client, id)).toBe(ada);
      });
    });

    test('runs out of turn as the user who requests it', async () => {
      await tried(async (client) => {
        const id = await scheduleOf(client, bea);
        for (const user of [mallory, null]) {
          await act(client, user);
          const run = await one(client, 'select user_id from howdah.run_schedule($1)', [id]);
          expect(run).toEqual({ user_id: user });
        }
      });
    });
  });

  describe('a schedule changed by another user', () => {
    test('cancels no run of the previous user, but cancels its own', async () => {
      await tried(async (client) => {
        const statusOf = async (run: string) =>
          (await one(client, 'select status from howdah.executions where id = $1', [run])).status;
        await act(client, bea);
        const { id } = await one(
          client,
          `insert into howdah.schedules (name, cron, agent_id, input, overlap_policy)
           values ('bea-long', '0 9 1 1 *', $1, 'mine', 'allow') returning id`,
          [agent],
        );
        const first = await fire(client, id);
        await act(client, mallory);
        await client.query(
          `update howdah.schedules set overlap_policy = 'cancel', cron = '0 9 2 1 *' where id = $1`,
          [id],
        );
        expect(await fire(client, id)).toBe(first);
        expect(await statusOf(first)).toBe('queued');
        await act(client, bea);
        await client.query('select howdah.cancel_execution($1)', [first]);
        const second = await fire(client, id);
        expect(await userOf(client, 'executions', second)).toBe(mallory);
        const third = await fire(client, id);
        expect(await userOf(client, 'executions', third)).toBe(mallory);
        expect(await statusOf(second)).toBe('cancelled');
      });
    });
  });

  describe('a run', () => {
    /** Makes two runs of bea, one that has ended and one that is live. */
    const runs = async () => {
      const ended = await makeRun(db.pool, { agent_id: agent, user_id: bea, input: 'mine' });
      await finish(db.pool, worker, ended);
      return {
        ended,
        live: await makeRun(db.pool, { agent_id: agent, user_id: bea, input: 'mine' }),
      };
    };

    test.each([
      ['another text', `0, 'other'`],
      ['another text after its steps', `2, 'other'`],
      ['other data', `input_data => '{"a": 1}'`],
      ['unchanged input', '1'],
    ])('forked with %s runs as the user who forks it', async (_, what) => {
      const { ended } = await runs();
      await tried(async (client) => {
        await actAsEach(client, [bySelf(), ...byAdmins()], async (user) => {
          const text = `select (f).user_id from howdah.fork_execution($1, ${what}) as f`;
          expect(await one(client, text, [ended])).toEqual({ user_id: user });
        });
        await act(client, mallory);
        const text = `select howdah.fork_execution($1, ${what})`;
        expect(await refusedInside(client, text, [ended])).toMatchObject(denied(ended));
      });
    });

    test('accepts input from its user only, but is also controlled by admins', async () => {
      const { live } = await runs();
      await tried(async (client) => {
        const input = `select howdah.add_input($1, 'Look into the vault.')`;
        const mail = `insert into howdah.mail (to_execution_id, content) values ($1, 'Look into the vault.')`;
        const others: Caller[] = [[mallory, 'member'], ...byAdmins(), [null, 'owner']];
        await actAsEach(client, others, async () => {
          for (const text of [input, mail]) {
            expect(await refusedInside(client, text, [live])).toMatchObject(denied(live));
          }
        });
        await act(client, bea);
        for (const text of [input, mail]) await client.query(text, [live]);
        await act(client, ada);
        await client.query('select howdah.pause_execution($1)', [live]);
        await client.query('select howdah.cancel_execution($1)', [live]);
      });
    });

    test('without a user accepts input from anyone who may run its agent', async () => {
      const live = await makeRun(db.pool, { agent_id: agent });
      await tried(async (client) => {
        await act(client, mallory);
        await client.query(`select howdah.add_input($1, 'Faster.')`, [live]);
        await client.query('reset role');
        const inbox = 'select kind, content from howdah_private.inbox where execution_id = $1';
        expect(await all(client, inbox, [live])).toMatchObject([
          { kind: 'input', content: 'Faster.' },
        ]);
      });
    });

    test('trusts mail of another person less than mail of its user', async () => {
      const { live } = await runs();
      await tried(async (client) => {
        await client.query('update howdah.executions set created_at = now() where id = $1', [live]);
        for (const user of [bea, mallory]) {
          await act(client, user);
          await client.query('insert into howdah.mail (to_agent_id, content) values ($1, $2)', [
            agent,
            user,
          ]);
        }
        await client.query('reset role');
        await claim(client, worker, [live]);
        const { mail } = await one(
          client,
          `select value -> 'mail' as mail from howdah_private.call_receive($1, 'c', '{}')`,
          [live],
        );
        expect(mail).toMatchObject([
          { content: bea, trust: 'user' },
          { content: mallory, trust: 'internal' },
        ]);
      });
    });

    test('is not returned for an idempotency key of another caller', async () => {
      await tried(async (client) => {
        await makeAgent(client, { name: 'cook' });
        const run = (name: string) =>
          `select (howdah.run('${name}', 'x', idempotency_key => 'hdr-1')).id`;
        const insert = `insert into howdah.executions (agent_id, input, idempotency_key) values (howdah.agent('clerk'), 'x', 'hdr-1')`;
        const begin = `select howdah_private.begin_task('clerk', 'x', null, null, null, null, 'hdr-1')`;
        await act(client, mallory);
        const { id } = await one(client, run('clerk'));
        const other = {
          code: 'HWCNF',
          message: "idempotency key 'hdr-1' has already been used for another request",
          detail: JSON.stringify({ field: 'idempotency_key', execution_id: id }).replace(
            /([:,])"/g,
            '$1 "',
          ),
        };
        await actAsEach(client, [bySelf(), ...byAdmins()], async () => {
          for (const text of [run('clerk'), run('cook'), insert, begin]) {
            expect(await refusedInside(client, text), text).toMatchObject(other);
          }
        });
        await act(client, mallory);
        expect(await one(client, run('clerk'))).toEqual({ id });
        expect(await one(client, begin)).toEqual({ begin_task: id });
        expect(await refusedInside(client, run('cook'))).toMatchObject(other);
        await client.query('reset role'); // the operator sees all tenants
        expect(await one(client, run('clerk'))).toEqual({ id });
        expect(await refusedInside(client, run('cook'))).toMatchObject(other);
      });
    });

    test('of a workflow is returned for its idempotency key with that workflow only', async () => {
      await tried(async (client) => {
        for (const name of ['first', 'second']) {
          const { id } = await one(
            client,
            `insert into howdah.workflows (name, type) values ($1, 'chain') returning id`,
            [name],
          );
          await client.query(
            'insert into howdah.workflow_agents (workflow_id, agent_id, sequence_order) values ($1, $2, 1)',
            [id, agent],
          );
        }
        await act(client, mallory);
        const run = `select (howdah.run_workflow($1, 'x', idempotency_key => 'flow-1')).id`;
        const first = await one(client, run, ['first']);
        expect(await one(client, run, ['first'])).toEqual(first);
        expect(await refusedInside(client, run, ['second'])).toMatchObject({ code: 'HWCNF' });
      });
    });

    test('of an API key without a user is not returned to another API key', async () => {
      await tried(async (client) => {
        const keys = await Promise.all(
          ['member', 'member'].map((role) => makeApiKey(db.pool, tenant, { role })),
        );
        const run = `select (howdah.run('clerk', 'x', idempotency_key => 'key-1')).id`;
        const as = async (key?: { id: string }) => {
          await act(client, null);
          await client.query(`select set_config('howdah.api_key_id', $1, true)`, [key?.id ?? '']);
        };
        await as(keys[0]);
        const first = await one(client, run);
        await as(keys[1]);
        expect(await refusedInside(client, run)).toMatchObject({ code: 'HWCNF' });
        await as(keys[0]);
        expect(await one(client, run)).toEqual(first);
      });
    });

    test('cannot use an idempotency key reserved for schedules', async () => {
      await tried(async (client) => {
        for (const user of [mallory, ada]) {
          await act(client, user);
          for (const text of [
            `select howdah.run('clerk', 'x', idempotency_key => 'schedule:x')`,
            `insert into howdah.executions (agent_id, input, idempotency_key) values (howdah.agent('clerk'), 'x', 'schedule:x')`,
            `select howdah_private.reserve_idempotency_key(howdah.current_tenant(), 'schedule:x', howdah.uuid_v7())`,
          ]) {
            expect(await refusedInside(client, text)).toMatchObject({
              code: 'HWINV',
              fields: { field: 'idempotency_key' },
              detail: '{"field": "idempotency_key"}',
            });
          }
        }
      });
    });

    test('is not returned for a key that another user reserved for it', async () => {
      const { ended } = await runs();
      await tried(async (client) => {
        await act(client, mallory);
        await client.query('select howdah_private.reserve_idempotency_key($1, $2, $3)', [
          tenant,
          'deploy-5',
          ended,
        ]);
        await act(client, bea);
        const run = await one(
          client,
          `select id, input from howdah.run('clerk', 'mine', idempotency_key => 'deploy-5')`,
        );
        expect(run).toEqual({ id: expect.not.stringContaining(ended), input: 'mine' });
      });
    });
  });

  describe('a session', () => {
    test.each(['queue', 'interrupt', 'steer'])(
      'with the policy %s runs a message as its writer',
      async (policy) => {
        await tried(async (client) => {
          await act(client, bea);
          const id = await makeSession(client, { agent_id: agent, user_id: bea, policy });
          await client.query(`select howdah.send_message($1, 'mine')`, [id]);
          await actAsEach(client, byAdmins(), async (user) => {
            await client.query(`select howdah.send_message($1, 'other')`, [id]);
            expect(
              await one(
                client,
                'select input, user_id from howdah.executions where session_id = $1 order by turn desc limit 1',
                [id],
              ),
            ).toEqual({ input: 'other', user_id: user });
          });
          await act(client, mallory);
          const text = `select howdah.send_message($1, 'x')`;
          expect(await refusedInside(client, text, [id])).toMatchObject(denied(id));
        });
      },
    );

    const liveRunOf = async (client: Db, id: string): Promise<string> =>
      (await one(client, 'select live_execution_id as id from howdah.sessions where id = $1', [id]))
        .id;
    const sessionRuns = (client: Db, id: string) =>
      all(
        client,
        'select user_id, status, waiting_for from howdah.executions where session_id = $1 order by turn',
        [id],
      );

    test('without a user, with policy interrupt, ends runs only of the sender, or all for admins', async () => {
      await tried(async (client) => {
        await act(client, null);
        const id = await makeSession(client, { agent_id: agent });
        const say = async (user: string | null, role?: string) => {
          await act(client, user, role);
          await client.query(`select howdah.send_message($1, 'x')`, [id]);
          return sessionRuns(client, id);
        };
        await say(bea);
        await act(client, mallory);
        await client.query(`update howdah.sessions set policy = 'interrupt' where id = $1`, [id]);
        const live = { user_id: bea, status: 'queued', waiting_for: null };
        const waits = { user_id: mallory, status: 'waiting', waiting_for: 'turn' };
        const ended = { status: 'cancelled' };
        expect(await say(mallory)).toEqual([live, waits]);
        expect(await say(null, 'member')).toMatchObject([live, waits, { status: 'waiting' }]);
        expect(await say(bea)).toMatchObject([
          ended,
          { user_id: mallory, status: 'queued' },
          { user_id: null, status: 'waiting' },
          { user_id: bea, status: 'waiting' },
        ]);
        expect(await say(ada)).toMatchObject([
          ended,
          ended,
          ended,
          ended,
          { user_id: ada, status: 'queued' },
        ]);
      });
    });

    test('with the policy interrupt makes a scheduled run wait for a run of another user', async () => {
      await tried(async (client) => {
        await act(client, null);
        const id = await makeSession(client, { agent_id: agent, policy: 'interrupt' });
        await act(client, bea);
        await client.query(`select howdah.send_message($1, 'mine')`, [id]);
        await act(client, mallory);
        const trap = await one(
          client,
          `insert into howdah.schedules (name, cron, agent_id, input, session_id)
           values ('trap', '0 9 1 1 *', $1, 'x', $2) returning id`,
          [agent, id],
        );
        await fire(client, trap.id);
        expect(await sessionRuns(client, id)).toMatchObject([
          { user_id: bea, status: 'queued' },
          { user_id: mallory, status: 'waiting' },
        ]);
      });
    });

    test('is forked as the user who forks it', async () => {
      const id = await makeSession(db.pool, { agent_id: agent, user_id: bea });
      await db.pool.query(`select howdah.send_message($1, 'mine')`, [id]);
      await finish(db.pool, worker, await liveRunOf(db.pool, id));
      await tried(async (client) => {
        await actAsEach(client, [bySelf(), ...byAdmins()], async (user) => {
          const fork = await one(client, `select * from howdah.fork_session($1, 'other')`, [id]);
          const run = await userOf(client, 'executions', fork.live_execution_id);
          expect({ user: fork.user_id, run }).toEqual({ user, run: user });
        });
      });
    });

    test('and its runs have todos and files that only its user, admins and owners write', async () => {
      await tried(async (client) => {
        await act(client, bea);
        const id = await makeSession(client, { agent_id: agent, user_id: bea });
        await client.query(`select howdah.send_message($1, 'mine')`, [id]);
        const run = await liveRunOf(client, id);
        const written = async (user: string | null, role?: string) => {
          const texts = [
            `insert into howdah.todos (session_id, title) values ($1, 'x')`,
            `update howdah.todos set title = 'Look into the vault' where session_id = $1`,
            'delete from howdah.todos where session_id = $1',
            `insert into howdah.resources (session_id, name, type, bytes) values ($1, 'x', 'text/plain', 'x')`,
            `update howdah.resources set name = 'y' where session_id = $1`,
            'delete from howdah.resources where session_id = $1',
            `insert into howdah.resources (execution_id, name, type, bytes) values ($2, 'x', 'text/plain', 'x')`,
            `update howdah.resources set metadata = '{"a": 1}' where execution_id = $2`,
            'delete from howdah.resources where execution_id = $2',
          ];
          await client.query('savepoint before');
          const codes: string[] = [];
          for (const text of texts) {
            await act(client, bea);
            await client.query(`insert into howdah.todos (session_id, title) values ($1, 'mine')`, [
              id,
            ]);
            await client.query(
              `insert into howdah.resources (session_id, execution_id, name, type, bytes)
               values ($1, null, 'mine', 'text/plain', 'x'), (null, $2, 'mine', 'text/plain', 'x')`,
              [id, run],
            );
            await act(client, user, role);
            const at = text.replace('$2', '$1');
            const values = [text.includes('$2') ? run : id];
            await client.query('savepoint attempt');
            try {
              await client.query(at, values);
              codes.push('');
            } catch (error) {
              codes.push((error as { code: string }).code);
            }
            await client.query('rollback to savepoint attempt');
          }
          await client.query('rollback to savepoint before');
          return [...new Set(codes)];
        };
        expect(await written(mallory)).toEqual(['HWDEN']);
        expect(await written(null)).toEqual(['HWDEN']);
        expect(await written(bea)).toEqual(['']);
        expect(await written(ada)).toEqual(['']);
      });
    });
  });

  test('another member cannot choose the default agent of a user', async () => {
    await tried(async (client) => {
      await act(client, mallory);
      const insert = `insert into howdah.agents (name, user_id, is_default) values ('trap', $1, true) returning id`;
      expect(await refusedInside(client, insert, [bea])).toMatchObject(denied('default'));
      const { id } = await one(client, insert, [mallory]);
      const give = 'update howdah.agents set user_id = $1 where id = $2';
      expect(await refusedInside(client, give, [bea, id])).toMatchObject(denied('default'));
      await act(client, bea);
      await client.query(insert.replace('trap', 'own'), [bea]);
      const { id: own } = await one(client, `select id from howdah.agents where name = 'own'`);
      await act(client, mallory);
      for (const text of ['is_default = false', 'user_id = null']) {
        const update = `update howdah.agents set ${text} where id = $1`;
        expect(await refusedInside(client, update, [own])).toMatchObject(denied('default'));
      }
      await client.query(`update howdah.agents set description = 'x' where id = $1`, [own]);
      await act(client, ada);
      await client.query('update howdah.agents set is_default = false where id = $1', [own]);
    });
  });

  describe('the idempotency key of a request', () => {
    const take = `select howdah_private.take_request_key('deploy-4', 'digest') as answer`;
    const leave = `select howdah_private.store_request_answer('deploy-4', '{"status": 201}')`;

    test('is taken by the API only: a tenant login cannot leave an answer for others', async () => {
      const login = `howdah_test_${randomBytes(6).toString('hex')}`;
      logins.push(login);
      await db.pool.query(`create role ${login} login password 'secret'`);
      await db.pool.query(`grant howdah_app to ${login}`);
      await db.pool.query(
        `insert into howdah_private.login_tenants (login, tenant_id, role) values ($1, $2, 'member')`,
        [login, tenant],
      );
      const key = await makeApiKey(db.pool, tenant, { role: 'admin' });
      const url = new URL(db.url);
      Object.assign(url, { username: login, password: 'secret' });
      const client = await openSession(url.toString());
      try {
        for (const id of ['', key.id]) {
          await client.query('begin');
          await client.query(`select set_config('howdah.api_key_id', $1, true)`, [id]);
          for (const text of [take, leave]) {
            expect(await refusedInside(client, text)).toMatchObject({
              code: 'HWDEN',
              message: expect.stringContaining(login),
            });
          }
          await client.query('rollback');
        }
      } finally {
        await client.end();
      }
      await tried(async (other) => {
        await act(other, null, 'admin');
        expect(await one(other, take)).toEqual({ answer: null });
        await other.query(leave);
        expect(await one(other, take)).toEqual({ answer: { status: 201 } });
        await act(other, bea);
        expect(await one(other, take)).toEqual({ answer: null });
      });
    });
  });

  describe('functions with more rights than their caller', () => {
    /** Lets only admins read an agent. */
    const hide = (client: Db, id: string) =>
      client.query(
        `insert into howdah.grants (agent_id, role, permission) values ($1, 'admin', 'read')`,
        [id],
      );

    test('return the host of callback_url only, since the rest may be a key', async () => {
      const callback_url = 'https://hooks.example.com/?token=4711';
      const id = await makeRun(db.pool, { agent_id: agent, user_id: bea, callback_url });
      await tried(async (client) => {
        await act(client, null, 'viewer');
        const texts = [
          'select callback_url from howdah_private.execution_row($1)',
          'select callback_url from howdah.cancel_execution($1)',
        ];
        const shown = { callback_url: 'https://hooks.example.com/…' };
        expect(await one(client, texts[0] as string, [id])).toEqual(shown);
        await act(client, bea);
        expect(await one(client, texts[1] as string, [id])).toEqual(shown);
        await client.query('reset role');
        expect(await one(client, texts[0] as string, [id])).toEqual(shown);
      });
    });

    test('do not export the output of a hidden agent below a run of the user', async () => {
      await tried(async (client) => {
        const hidden = await makeAgent(client);
        await hide(client, hidden);
        const id = await makeRun(client, { agent_id: agent, user_id: bea });
        const [run] = await claim(client, worker, [id]);
        await spawn(client, worker, { id, fence: run?.fence, after: 0 }, hidden);
        const seen = async (text: string) => JSON.stringify(await all(client, text));
        const child = 'Find out.'; // the input from the parent
        await act(client, bea);
        expect(await seen('select input from howdah.executions')).not.toContain(child);
        expect(await seen('select howdah.export_user_data()')).not.toContain(`"input":"${child}"`);
        expect(await seen(`select howdah.export_run('${id}')`)).not.toContain(`"input":"${child}"`);
        await act(client, ada);
        expect(await seen(`select howdah.export_user_data('${bea}')`)).toContain(
          `"input":"${child}"`,
        );
      });
    });

    test('do not let a user named like a role answer questions escalated to that role', async () => {
      await tried(async (client) => {
        const { id: named } = await one(
          client,
          `insert into howdah.users (username, role) values ('admin', 'member') returning id`,
        );
        const { id } = await makeQuestion(client, {
          kind: 'approval',
          run: { agent_id: agent },
          columns: { escalate_to: 'admin' },
        });
        await client.query('update howdah.questions set escalated_at = now() where id = $1', [id]);
        await act(client, named);
        const text = `select howdah.answer_question($1, 'approve')`;
        expect(await refusedInside(client, text, [id])).toMatchObject(denied(id));
        await client.query('reset role');
        await client.query(
          `select howdah_private.rename_user(u, 'erased') from howdah.users as u where u.id = $1`,
          [named],
        );
        expect(
          await one(client, 'select escalate_to from howdah.questions where id = $1', [id]),
        ).toEqual({ escalate_to: 'admin' });
        await act(client, ada);
        await client.query(text, [id]);
      });
    });

    test('do not export answers to a hidden agent to a user with the name of the answerer', async () => {
      await tried(async (client) => {
        const hidden = await makeAgent(client);
        const questions = await Promise.all(
          [hidden, agent].map((agent_id) =>
            makeQuestion(client, {
              run: { agent_id, user_id: ada },
              columns: { prompt: `of ${agent_id}` },
            }),
          ),
        );
        await hide(client, hidden);
        await client.query('set local role howdah_engine'); // the owner may not write answers
        for (const { id } of questions) {
          await client.query(
            `update howdah.questions set status = 'answered', answer = 'x', answered_by = 'bea', answered_at = now() where id = $1`,
            [id],
          );
        }
        await client.query('reset role');
        await act(client, bea);
        const answers = await all(
          client,
          `select x ->> 'prompt' as prompt from howdah.export_user_data() as x where x ->> 'kind' = 'answer'`,
        );
        expect(answers).toEqual([{ prompt: `of ${agent}` }]);
      });
    });

    test('do not reveal faults of a hidden workflow or the system of a part', async () => {
      await tried(async (client) => {
        await client.query(`insert into howdah.workflows (name, type) values ('secret', 'chain')`);
        const { id } = await one(
          client,
          `insert into howdah.agent_systems (name, source, digest) values ('board', '', '') returning id`,
        );
        const faults = `select * from howdah_private.faulty_workflows('{secret}')`;
        await act(client, mallory);
        expect(await all(client, faults)).toHaveLength(1);
        await client.query('reset role');
        await client.query(
          `insert into howdah.grants (workflow_id, role, permission) values (howdah.workflow('secret'), 'admin', 'read')`,
        );
        await act(client, mallory);
        expect(await all(client, faults)).toEqual([]);
        const owner = `select howdah_private.check_part_owner('agent', 'x', $1, 'y')`;
        expect(await refusedInside(client, owner, [id])).toMatchObject({
          code: 'HWDEN',
          message: expect.not.stringContaining('board'),
        });
        await act(client, ada);
        expect(await all(client, faults)).toHaveLength(1);
        expect(await refusedInside(client, owner, [id])).toMatchObject({ code: 'HWCNF' });
      });
    });

    test('find only models of the caller’s tenant, whatever row is passed', async () => {
      await tried(async (client) => {
        const tenant_id = await makeTenant(client);
        const model = await makeModel(client, { tenant_id, purpose: 'embedding' });
        const row = { tenant_id, name: 'x', type: 'http', sampling_model_id: model };
        const text = `select howdah_private.check_mcp_server(
          jsonb_populate_record(null::howdah.mcp_servers, $1::jsonb || '{"configuration": {"url": "https://mcp.example.com/"}}'))`;
        await act(client, ada);
        await client.query(text, [JSON.stringify(row)]);
        await client.query('reset role');
        const refused = await refusedInside(client, text, [JSON.stringify(row)]);
        expect(refused).toMatchObject({ code: 'HWINV' });
      });
    });

    test('role memberships are exactly the expected ones', async () => {
      const members = await all(
        db.pool,
        `select m.rolname || ' in ' || r.rolname as name, x.admin_option as admin
         from pg_auth_members as x join pg_roles as r on r.oid = x.roleid join pg_roles as m on m.oid = x.member
         where starts_with(r.rolname, 'howdah_') and not r.rolcanlogin
           and starts_with(m.rolname, 'howdah_') and not m.rolcanlogin and m.rolname <> 'howdah_owner'
         order by 1`,
      );
      expect(members.map(({ name }) => name)).toEqual([
        'howdah_analyst in howdah_viewer',
        'howdah_authenticator in howdah_analyst',
        'howdah_authenticator in howdah_app',
        'howdah_authenticator in howdah_reader', // runs queries of people
        'howdah_engine in howdah_worker', // calls what workers call
        'howdah_reader in howdah_analyst',
        'howdah_tool in howdah_app',
        'howdah_worker in howdah_app',
        'howdah_worker in howdah_reader',
        'howdah_worker in howdah_tool',
        'howdah_worker in howdah_writer',
      ]);
      expect(members.filter(({ admin }) => admin)).toEqual([]);
    });
  });
});
