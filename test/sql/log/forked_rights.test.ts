import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  asRole,
  type Db,
  failed,
  finish,
  isBlocked,
  makeAgent,
  makeRun,
  makeSession,
  makeUser,
  makeWorker,
  one,
  refusal,
  rolledBack,
  takeRole,
} from '../support.ts';

// Tests which texts a fork contains, who may read them, and what deletes them.
describe('rights on forks', () => {
  const db = testDatabase();
  let tenant: string;
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    tenant = (await one(db.pool, 'select howdah.current_tenant() as id')).id;
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
  });

  /** Returns the claims of a token of this user. */
  const as = (user: string, role = 'member') => ({
    ...{ 'howdah.tenant_id': tenant, 'howdah.user_id': user, 'howdah.role': role },
  });
  const send = async (id: string, content: string) => {
    await db.pool.query('select howdah.send_message($1, $2)', [id, content]);
    const { run } = await one(
      db.pool,
      'select live_execution_id as run from howdah.sessions where id = $1',
      [id],
    );
    return run as string;
  };
  const talked = async (columns: object, ...said: string[]) => {
    const id = await makeSession(db.pool, { agent_id: agent, ...columns });
    for (const text of said) await finish(db.pool, worker, await send(id, text));
    return id;
  };
  const fork = (client: Db, id: string, turn?: number) =>
    one(client, `select * from howdah.fork_session($1, 'And now?', $2)`, [id, turn]);

  describe('fork_session', () => {
    test('shows the user no messages of an agent hidden from that user', async () => {
      const { id: user } = await makeUser(db.pool);
      const id = await talked({ user_id: user }, 'One.');
      const hidden = await makeAgent(db.pool);
      await db.pool.query('update howdah.sessions set agent_id = $2 where id = $1', [id, hidden]);
      await finish(db.pool, worker, await send(id, 'Two.'));
      await db.pool.query('update howdah.sessions set agent_id = $2 where id = $1', [id, agent]);
      await asRole(db.pool, 'howdah_app', as(user), async (client) => {
        expect(await fork(client, id)).toMatchObject({ forked_from_turn: 2 });
      });
      await db.pool.query(
        `insert into howdah.grants (agent_id, role, permission) values ($1, 'admin', 'read')`,
        [hidden],
      );
      await asRole(db.pool, 'howdah_app', as(user), async (client) => {
        expect(await fork(client, id, 1)).toMatchObject({ forked_from_turn: 1 });
        expect(await refusal(fork(client, id))).toMatchObject({
          code: 'HWDEN',
          hint: 'Fork after turn 1, or ask an admin or owner to fork the session.',
        });
      });
      const { id: admin } = await makeUser(db.pool, { role: 'admin' });
      await asRole(db.pool, 'howdah_app', as(admin, 'admin'), async (client) => {
        expect(await fork(client, id)).toMatchObject({ forked_from_turn: 2 });
      });
    });

    test('shows the user no messages of a hidden agent, even after a failed turn', async () => {
      const { id: user } = await makeUser(db.pool);
      const hidden = await makeAgent(db.pool);
      const id = await talked({ agent_id: hidden, user_id: user }, 'One.');
      const branch = await fork(db.pool, id);
      await db.pool.query('update howdah.sessions set user_id = $2 where id = $1', [
        ...[branch.id, user],
      ]);
      await finish(db.pool, worker, branch.live_execution_id, failed);
      await db.pool.query('update howdah.sessions set agent_id = $2 where id = $1', [
        ...[branch.id, agent],
      ]);
      await db.pool.query(
        `insert into howdah.grants (agent_id, role, permission) values ($1, 'admin', 'read')`,
        [hidden],
      );
      await asRole(db.pool, 'howdah_app', as(user), async (client) => {
        expect(await refusal(fork(client, branch.id))).toMatchObject({
          code: 'HWDEN',
          hint: 'Ask an admin or owner to fork the session.',
        });
      });
    });

    test.each([
      ['of the erased user', true],
      ['of another user', false],
    ])(
      'waits for a running erasure, in a session %s, and copies no erased data',
      async (_, isHis) => {
        const { id: user } = await makeUser(db.pool);
        const id = await makeSession(db.pool, { agent_id: agent, ...(isHis && { user_id: user }) });
        const said = { agent_id: agent, session_id: id, user_id: user, input: 'I am Grace.' };
        await finish(db.pool, worker, await makeRun(db.pool, said));
        const eraser = await db.pool.connect();
        const forker = await db.pool.connect();
        try {
          await eraser.query('begin');
          await eraser.query('select howdah.erase_user($1)', [user]);
          const forked = fork(forker, id);
          await isBlocked(db.pool, forker);
          await eraser.query('commit');
          const { live_execution_id } = await forked;
          const { history } = await one(
            db.pool,
            'select history from howdah.executions where id = $1',
            [live_execution_id],
          );
          expect(history).toBeNull();
          await finish(db.pool, worker, live_execution_id);
        } finally {
          await eraser.query('rollback');
          eraser.release();
          forker.release();
        }
      },
    );
  });

  describe('trust', () => {
    const trustOf = async (run: string): Promise<string> =>
      (await one(db.pool, 'select trust from howdah.executions where id = $1', [run])).trust;
    /** Creates a session whose only turn has read external data and repeated it in its answer. */
    const makeTaintedSession = async () => {
      const session_id = await makeSession(db.pool, { agent_id: agent });
      const run = await makeRun(db.pool, { agent_id: agent, session_id, input_trust: 'external' });
      await finish(db.pool, worker, run);
      return session_id;
    };

    test.each([0, 1])('does not rise in a fork of the fork after step %i', async (seq) => {
      const branch = await fork(db.pool, await makeTaintedSession());
      await finish(db.pool, worker, branch.live_execution_id);
      expect(await trustOf(branch.live_execution_id)).toBe('external');
      const { id } = await one(
        db.pool,
        `select id from howdah.fork_execution($1, $2, 'Something else.')`,
        [branch.live_execution_id, seq],
      );
      expect(await trustOf(id)).toBe('external');
      await finish(db.pool, worker, id);
    });

    test('does not rise after a failed first run, nor after turns without history', async () => {
      const branch = await fork(db.pool, await makeTaintedSession());
      await finish(db.pool, worker, branch.live_execution_id, failed);
      const forgetful = await makeAgent(db.pool, { use_history: false });
      await db.pool.query(
        'select howdah.switch_agent($1, (select name from howdah.agents where id = $2))',
        [branch.id, forgetful],
      );
      const second = await send(branch.id, 'Two.');
      await finish(db.pool, worker, second);
      expect(await trustOf(second)).toBe('user');
      await finish(db.pool, worker, await send(branch.id, 'Three.'));
      const { id } = await one(
        db.pool,
        `select howdah_private.begin_conversation((select name from howdah.agents where id = $1), 'And?', null, null, null,
           '{}', $2, true, false, null) as id`,
        [agent, second],
      );
      expect(await trustOf(id)).toBe('external');
      await finish(db.pool, worker, id);
    });
  });

  test.each(['anonymise', 'delete'])(
    'a fork loses the history of an erased user: %s',
    async (mode) => {
      const { id: user } = await makeUser(db.pool);
      const { id: admin } = await makeUser(db.pool, { role: 'admin' });
      const id = await talked({ user_id: user, title: 'About Grace' }, 'I am Grace.');
      await rolledBack(db.pool, async (client) => {
        await takeRole(client, 'howdah_app', as(admin, 'admin'));
        const first = await fork(client, id);
        await client.query('reset role');
        await finish(client, worker, first.live_execution_id);
        await takeRole(client, 'howdah_app', as(admin, 'admin'));
        const second = await fork(client, first.id);
        await client.query('reset role');
        await client.query('select howdah.erase_user($1, $2::howdah.erasure_mode)', [user, mode]);
        const { rows } = await client.query(
          `select to_jsonb(s)::text || (select jsonb_agg(to_jsonb(e))::text from howdah.executions as e where e.session_id = s.id) as text
         from howdah.sessions as s where s.id = any ($1) order by s.id`,
          [[first.id, second.id]],
        );
        expect(rows).toHaveLength(2);
        for (const { text } of rows) {
          expect(text).toContain('And now?'); // the message of the admin
          expect(text).not.toContain('Grace');
        }
      });
    },
  );
});
