import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { makeRun, one, refusal } from '../support.ts';

const db = testDatabase();

const change = (set: string, id: string) =>
  refusal(db.pool.query(`update howdah.executions set ${set} where id = $1`, [id]));

describe('a run that its owner changes by hand', () => {
  test.each<[string, string, string]>([
    [`status = 'cancelled'`, 'HWINV', 'howdah.cancel_execution(id)'],
    [`status = 'failed'`, 'HWINV', 'howdah.cancel_execution(id)'],
    [`status = 'completed', output = 'x'`, 'HWCNF', 'howdah.cancel_execution(id)'],
    [`status = 'running'`, 'HWINV', 'resume_execution(id)'],
    [`status = 'waiting'`, 'HWINV', 'howdah.answer_question(id, answer)'],
    [`stop_reason = 'cancelled'`, 'HWINV', 'howdah.cancel_execution(id)'],
    [`error = '{"code": "x"}'`, 'HWINV', 'howdah.cancel_execution(id)'],
    [`output = 'x'`, 'HWCNF', 'howdah.answer_question(id, answer)'],
    [`output_data = '1'`, 'HWCNF', 'howdah.answer_question(id, answer)'],
  ])('by %s is refused with %s, and the hint names %s', async (set, code, fix) => {
    const error = await change(set, await makeRun(db.pool));
    expect(error).toMatchObject({ code, hint: expect.stringContaining(fix) });
    expect(error.detail).not.toContain('Failing row');
  });

  test('names the function for a move that is not allowed', async () => {
    const id = await makeRun(db.pool);
    await db.pool.query(`select howdah.cancel_execution($1)`, [id]);
    for (const [status, fix] of [
      ['paused', 'howdah.pause_execution(id)'],
      ['running', 'howdah.retry_execution(id)'],
      ['completed', 'howdah.cancel_execution(id)'],
    ]) {
      expect(await change(`status = '${status}'`, id)).toMatchObject({
        code: 'HWCNF',
        hint: expect.stringContaining(fix as string),
      });
    }
  });
});

describe('a question that its owner changes by hand', () => {
  test.each<[string, string, string]>([
    ['question', `status = 'answered', answer = 'yes', answered_at = now()`, 'answer_question'],
    ['question', `answer = 'yes'`, 'answer_question'],
    ['effect', `status = 'cancelled'`, 'howdah.cancel_execution'],
    ['approval', `status = 'answered', answered_at = now()`, 'howdah.approve(id)'],
  ])('of kind %s by %s is refused, and the hint names %s', async (kind, set, fix) => {
    const id = await makeRun(db.pool);
    const question = await one(
      db.pool,
      `insert into howdah.questions (execution_id, root_execution_id, kind, prompt)
       values ($1, $1, $2, 'Really?') returning id`,
      [id, kind],
    );
    const update = `update howdah.questions set ${set} where id = $1`;
    expect(await refusal(db.pool.query(update, [question.id]))).toMatchObject({
      code: 'HWCNF',
      hint: expect.stringContaining(fix),
    });
    await db.pool.query(`update howdah.questions set expires_at = now() where id = $1`, [
      question.id,
    ]);
  });
});
