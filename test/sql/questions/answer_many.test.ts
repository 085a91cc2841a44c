import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { countRows } from '../../support/work/count-rows.ts';
import { actAs, answerQuestion, inboxOf, makeQuestion, questionRow } from '../open-questions.ts';
import {
  all,
  claim,
  commit,
  type Db,
  makeAgent,
  makeRuns,
  makeUser,
  makeWorker,
  one,
  refusal,
  rolledBack,
  type User,
} from '../support.ts';

const db = testDatabase();
const UNKNOWN = '01980000-0000-7000-8000-000000000000';

const answerAll = (on: Db, ids: (string | null)[], answer: string | null, data?: unknown) =>
  all(on, 'select * from howdah.answer_questions($1, $2, $3)', [
    ids,
    answer,
    data === undefined ? null : JSON.stringify(data),
  ]);

describe('one answer to many questions', () => {
  let member: User;

  beforeAll(async () => {
    member = await makeUser(db.pool, { role: 'member' });
  });

  test('goes to each run, and what does not accept it is reported in the order of ids', async () => {
    const first = await makeQuestion(db.pool);
    const second = await makeQuestion(db.pool);
    const choice = await makeQuestion(db.pool, { columns: { options: ['red', 'blue'] } });
    const closed = await makeQuestion(db.pool);
    await answerQuestion(db.pool, closed.id, 'no');
    const ids = [second.id, choice.id, UNKNOWN, first.id, closed.id, first.id, null];
    expect(await answerAll(db.pool, ids, 'green')).toEqual([
      { id: second.id, status: 'answered', error: null },
      { id: choice.id, status: 'open', error: expect.objectContaining({ code: 'HWINV' }) },
      { id: UNKNOWN, status: null, error: expect.objectContaining({ code: 'HWNTF' }) },
      { id: first.id, status: 'answered', error: null },
      { id: closed.id, status: 'answered', error: expect.objectContaining({ code: 'HWCNF' }) },
      { id: first.id, status: 'answered', error: expect.objectContaining({ code: 'HWINV' }) },
      { id: null, status: null, error: expect.objectContaining({ code: 'HWNTF' }) },
    ]);
    for (const { id, execution } of [first, second]) {
      expect(await questionRow(db.pool, id)).toMatchObject({ status: 'answered', answer: 'green' });
      expect(await inboxOf(db.pool, execution)).toMatchObject([{ output: { answer: 'green' } }]);
      const run = await one(db.pool, 'select status from howdah.executions where id = $1', [
        execution,
      ]);
      expect(run.status).toBe('queued');
    }
    expect(await inboxOf(db.pool, choice.execution)).toEqual([]);
    expect((await questionRow(db.pool, closed.id)).answer).toBe('no');
  });

  test('has the errors of answer_question', async () => {
    const closed = await makeQuestion(db.pool);
    await answerQuestion(db.pool, closed.id, 'no');
    const choice = await makeQuestion(db.pool, { columns: { options: ['red', 'blue'] } });
    for (const id of [closed.id, choice.id, UNKNOWN]) {
      const single = await refusal(answerQuestion(db.pool, id, 'green'));
      const [row] = await answerAll(db.pool, [id], 'green');
      expect(row?.error).toEqual({
        code: single.code,
        message: single.message,
        detail: single.fields,
        hint: single.hint,
      });
    }
  });

  test('of a member leaves questions that only others may answer', async () => {
    const own = await makeQuestion(db.pool, { run: { user_id: member.id } });
    const approval = await makeQuestion(db.pool, { kind: 'approval' });
    await rolledBack(db.pool, async (client) => {
      await actAs(client, member);
      expect(await answerAll(client, [approval.id, own.id], 'approve')).toMatchObject([
        { id: approval.id, status: 'open', error: { code: 'HWDEN' } },
        { id: own.id, status: 'answered', error: null },
      ]);
    });
  });

  test('leaves what single answers leave', async () => {
    const made: Awaited<ReturnType<typeof makeQuestion>>[] = [];
    for (const kind of ['question', 'approval', 'effect', 'question'] as const) {
      made.push(await makeQuestion(db.pool, { kind }));
    }
    await db.pool.query('select howdah.cancel_execution($1)', [made[2]?.execution]);
    const ids = made.map(({ id }) => id);
    const stateOf = async (client: Db) => [
      await all(
        client,
        `select id, status, answer, answer_data, answered_by from howdah.questions where id = any ($1) order by id`,
        [ids],
      ),
      await all(
        client,
        `select e.id, e.status, e.waiting_for, e.has_inbox, i.output
         from howdah.executions as e left join howdah_private.inbox as i on i.execution_id = e.id
         where e.id = any ($1) order by e.id`,
        [made.map(({ execution }) => execution)],
      ),
      await all(
        client,
        `select action, object_id, after_digest, detail from howdah_private.audit_inbox order by 2`,
      ),
    ];
    for (const [answer, data] of [['approve'], ['done', { id: 7 }], ['again'], ['red']] as const) {
      const one_by_one = await rolledBack(db.pool, async (client) => {
        for (const id of ids) {
          await client.query('savepoint single');
          await answerQuestion(client, id, answer, data).catch(() =>
            client.query('rollback to savepoint single'),
          );
        }
        return stateOf(client);
      });
      const at_once = await rolledBack(db.pool, async (client) => {
        await answerAll(client, ids, answer, data);
        return stateOf(client);
      });
      expect(at_once).toEqual(one_by_one);
    }
  });

  test('needs no more work for each when there are more', async () => {
    const agent = await makeAgent(db.pool);
    const worker = await makeWorker(db.pool);
    const perQuestion = async (count: number) =>
      rolledBack(db.pool, async (client) => {
        const runs = await makeRuns(client, count, { agent_id: agent });
        await claim(client, worker, runs);
        const { ids } = await one(
          client,
          'select array_agg(howdah.uuid_v7()) as ids from generate_series(1, $1)',
          [count],
        );
        const to = { status: 'waiting', waiting_for: 'question' };
        await commit(
          client,
          worker,
          runs.map((id, n) => {
            const question = { id: ids[n], kind: 'question', call_id: 'a', prompt: 'Which?' };
            const steps = [{ kind: 'question', name: 'question', call_id: 'a', question }];
            return { id, fence: 1, after: 0, steps, to };
          }),
        );
        const rows = await countRows(client, async () => {
          const results = await answerAll(client, ids, 'blue');
          expect(results.filter(({ error }) => error !== null)).toEqual([]);
        });
        return rows / count;
      });
    const few = await perQuestion(20);
    expect(await perQuestion(200)).toBeLessThan(few * 1.5);
  });
});
