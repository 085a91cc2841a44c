import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  committed,
  finish,
  makeAgent,
  makeRun,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  refusal,
  takeRole,
} from '../support.ts';

const db = testDatabase();
let tenant: string;
let run: string;

beforeAll(async () => {
  ({ tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant'));
  run = await makeRun(db.pool);
  await finish(db.pool, await makeWorker(db.pool), run);
});

const makeUserNamed = async (username: string, role = 'member') =>
  (await makeUser(db.pool, { username, role })).id;

const as = (user: string, text: string, values: unknown[]) =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant, 'howdah.user_id': user });
    return all(client, text, values);
  });
const GIVE = 'select * from howdah.give_feedback($1, $2, $3, $4)';
const said = (id: string) =>
  all(
    db.pool,
    `select created_by, score, comment, message_seq from howdah.feedback_entries where execution_id = $1 order by id`,
    [id],
  );

test('a user has one entry per run and per message; a new entry replaces the old', async () => {
  const [ada, bob] = [await makeUserNamed('ada'), await makeUserNamed('bob')];
  const [first] = await as(ada, GIVE, [run, 1, ' Just right. ', null]);
  expect(first).toMatchObject({ score: 1, comment: 'Just right.', created_by: 'ada' });
  const [again] = await as(ada, GIVE, [run, 0.25, null, null]);
  expect(again).toMatchObject({ id: first?.id, score: 0.25, comment: null });
  await as(ada, GIVE, [run, null, 'This one.', 1]);
  await as(bob, GIVE, [run, 0, '', null]);
  expect(await said(run)).toEqual([
    { created_by: 'ada', score: 0.25, comment: null, message_seq: null },
    { created_by: 'ada', score: null, comment: 'This one.', message_seq: 1 },
    { created_by: 'bob', score: 0, comment: null, message_seq: null },
  ]);
  const noted = await all(
    db.pool,
    `select actor, detail, after_digest is not null as says from howdah.audit_log
     where object = 'executions' and object_id = $1 and action = 'give_feedback' order by seq`,
    [run],
  );
  expect(noted).toEqual([
    { actor: 'ada', detail: { score: 1 }, says: true },
    { actor: 'ada', detail: { score: 0.25 }, says: false },
    { actor: 'ada', detail: { message_seq: 1 }, says: true },
    { actor: 'bob', detail: { score: 0 }, says: false },
  ]);
});

describe('rejected feedback', () => {
  test.each([
    ['neither a score nor a comment', [null, ' ', null], 'HWINV', 'score'],
    ['a score above 1', [1.01, null, null], 'HWINV', undefined],
    ['a score below 0', [-0.1, null, null], 'HWINV', undefined],
    ['a score that is not a number', ['NaN', null, null], 'HWINV', undefined],
    ['a comment that is too long', [1, 'x'.repeat(10_001), null], 'HWINV', undefined],
    ['a message that is not part of the run', [1, null, 99], 'HWNTF', 'message_seq'],
  ])('%s', async (_what, args, code, field) => {
    const id = await makeRun(db.pool);
    const refused = await refusal(db.pool.query(GIVE, [id, ...args]));
    expect(refused).toMatchObject({ code, hint: expect.any(String) });
    if (field !== undefined) expect(refused.fields).toMatchObject({ field });
    expect(await said(id)).toEqual([]);
  });

  test('from a viewer, or with a read-only API key', async () => {
    const eve = await makeUserNamed('eve', 'viewer');
    expect(await refusal(as(eve, GIVE, [run, 1, null, null]))).toMatchObject({ code: 'HWDEN' });
    const settings = {
      'howdah.tenant_id': tenant,
      'howdah.role': 'owner',
      'howdah.scopes': 'read',
    };
    const reading = asRole(db.pool, 'howdah_app', settings, (client) =>
      all(client, GIVE, [run, 1, null, null]),
    );
    expect(await refusal(reading)).toMatchObject({ code: 'HWDEN' });
  });

  test('on a run of another tenant or of a hidden agent, as not found', async () => {
    const eve = await makeUserNamed('mallory');
    const other = await makeTenant(db.pool);
    const theirs = await makeRun(db.pool, {
      tenant_id: other,
      agent_id: await makeAgent(db.pool, { tenant_id: other }),
    });
    const hidden = await makeAgent(db.pool);
    const secret = await makeRun(db.pool, { agent_id: hidden });
    await db.pool.query(
      `insert into howdah.grants (agent_id, role, permission) values ($1, 'admin', 'edit')`,
      [hidden],
    );
    const missingId = '01890000-0000-7000-8000-000000000000';
    const answers = await Promise.all(
      [theirs, secret, missingId].map(async (id) => {
        const { code, message, detail, hint } = await refusal(as(eve, GIVE, [id, 1, null, 1]));
        return JSON.stringify({ code, message, detail, hint }).replaceAll(id, 'ID');
      }),
    );
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toContain('HWNTF');
    expect(
      await as(eve, 'select * from howdah.feedback_entries where execution_id = $1', [secret]),
    ).toEqual([]);
  });

  test('inserted directly, without the function', async () => {
    const ada = await makeUserNamed('grace');
    const write = `insert into howdah.feedback_entries (execution_id, score, created_by) values ($1, 1, 'bob')`;
    expect(await refusal(as(ada, write, [run]))).toMatchObject({ code: '42501' });
  });
});

test('feedback is deleted with its run, and its comment is erased with the contents', async () => {
  const [retained, gone] = [await makeRun(db.pool), await makeRun(db.pool)];
  const worker = await makeWorker(db.pool);
  for (const id of [retained, gone]) {
    await finish(db.pool, worker, id);
    await db.pool.query(GIVE, [id, 0.5, 'words', null]);
  }
  await db.pool.query('select howdah_private.erase_runs($1)', [[retained]]);
  await db.pool.query('select howdah_private.delete_runs($1)', [[gone]]);
  expect(await said(retained)).toMatchObject([{ score: 0.5, comment: '[erased]' }]);
  expect(await said(gone)).toEqual([]);
});
