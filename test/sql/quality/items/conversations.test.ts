import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../support/database.ts';
import { gradeRuns } from '../../../support/work/grade-runs.ts';
import {
  all,
  committed,
  completed,
  finish,
  makeAgent,
  makeTenant,
  makeUser,
  makeWorker,
  refusal,
  takeRole,
  type User,
} from '../../support.ts';

// Items of data sets with the conversation before their input, and items made from runs.

const db = testDatabase();
const HISTORY = [
  { role: 'user', content: 'My order is A-7.' },
  { role: 'assistant', content: completed.output },
];
let tenant: string;
let worker: string;
let person: User;

const asMember = <T extends object>(text: string, values: unknown[] = []) =>
  committed(db.pool, async (client) => {
    const user = { 'howdah.tenant_id': tenant, 'howdah.user_id': person.id };
    await takeRole(client, 'howdah_app', user);
    return all<T & Record<string, unknown>>(client, text, values);
  });
const oneAsMember = async <T extends object>(text: string, values: unknown[] = []) => {
  const [row] = await asMember<T>(text, values);
  if (!row) throw new Error('no row');
  return row;
};
const addItem = (dataset: string, input: string, history: unknown) =>
  oneAsMember<{ id: string }>(
    `insert into howdah.dataset_items (dataset_id, input, history, expected)
     select id, $1, $2, '"yes"' from howdah.datasets where name = $3 returning *`,
    [input, JSON.stringify(history), dataset],
  );
/** Runs an agent with an input in a session, and returns the run. */
async function runInSession(session: string, input: string, output = completed.output) {
  const { id } = await oneAsMember<{ id: string }>(
    `insert into howdah.executions (agent_id, session_id, input)
     values (howdah.agent('support'), $1, $2) returning id`,
    [session, input],
  );
  await finish(db.pool, worker, id, { ...completed, output });
  return id;
}

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
  worker = await makeWorker(db.pool);
  await makeAgent(db.pool, { tenant_id: tenant, name: 'support' });
  await makeAgent(db.pool, { tenant_id: tenant, name: 'judge' });
  person = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
  await asMember(`insert into howdah.datasets (name) values ('orders'), ('judged'), ('private')`);
  await db.pool.query(
    `insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration)
     select tenant_id, id, 'of ' || name, case name when 'judged' then 'rubric' else 'exact' end::howdah.grader_kind,
       case name when 'judged' then '{"agent": "judge", "rubric": "It is the order."}' else '{}' end::jsonb
     from howdah.datasets where tenant_id = $1`,
    [tenant],
  );
});

async function newSession() {
  const { id } = await oneAsMember<{ id: string }>(
    `insert into howdah.sessions (agent_id) values (howdah.agent('support')) returning id`,
  );
  return id;
}

describe('an item with a conversation', () => {
  test('gives it to its runs', async () => {
    await addItem('orders', 'Where is it?', HISTORY);
    await addItem('orders', 'Where?', []);
    const { id } = await oneAsMember(`select id from howdah.evaluate('orders', 'support')`);
    const runs = await all(
      db.pool,
      `select e.input, e.history from howdah.evaluation_results as r
       join howdah.executions as e on e.id = r.execution_id
       where r.evaluation_id = $1 order by r.item_id`,
      [id],
    );
    expect(runs).toEqual([
      { input: 'Where is it?', history: HISTORY },
      { input: 'Where?', history: null },
    ]);
  });

  test('is refused with a message that no model can be sent, which is named', async () => {
    const fault = await refusal(addItem('orders', 'x', [...HISTORY, { role: 'robot' }]));
    expect(fault).toMatchObject({ code: 'HWINV', detail: '{"field": "history[2]"}' });
    expect(await refusal(addItem('orders', 'x', {}))).toMatchObject({ message: /history/ });
  });

  test('is shown to who grades its answers', async () => {
    const { id } = await oneAsMember(
      `select id from howdah.evaluate('orders', 'support', reuse => false)`,
    );
    const runs = await all<{ execution_id: string }>(
      db.pool,
      'select execution_id from howdah.evaluation_results where evaluation_id = $1',
      [id],
    );
    for (const run of runs) await finish(db.pool, worker, run.execution_id);
    await gradeRuns(db.pool);
    const queue = await asMember(
      'select input, history from howdah.grade_queue where evaluation_id = $1 order by input',
      [id],
    );
    expect(queue).toEqual([
      { input: 'Where is it?', history: HISTORY },
      { input: 'Where?', history: [] },
    ]);
  });
});

describe('an item made from a run', () => {
  test('has the conversation before it, and the trust of what the run has read', async () => {
    const session = await newSession();
    await runInSession(session, 'My order is A-7.');
    const run = await runInSession(session, 'Where is it?', 'Here.');
    await db.pool.query(`update howdah.executions set trust = 'external' where id = $1`, [run]);
    const item = await oneAsMember(`select * from howdah.add_to_dataset('judged', $1)`, [run]);
    expect(item).toMatchObject({
      input: 'Where is it?',
      history: HISTORY,
      expected: 'Here.',
      trust: 'external',
    });
  });

  test('is refused after a turn of an agent that the caller may not see', async () => {
    const secret = await makeAgent(db.pool, { tenant_id: tenant, name: 'secret' });
    const session = await newSession();
    const hidden = await oneAsMember<{ id: string }>(
      `insert into howdah.executions (agent_id, session_id, input)
       values (howdah.agent('secret'), $1, 'My order is A-7.') returning id`,
      [session],
    );
    await finish(db.pool, worker, hidden.id);
    const run = await runInSession(session, 'Where is it?');
    await db.pool.query(
      `insert into howdah.grants (tenant_id, agent_id, role, permission)
       values ($1, $2, 'admin', 'edit')`,
      [tenant, secret],
    );
    const add = `select howdah.add_to_dataset('orders', $1, '"x"')`;
    expect(await refusal(asMember(add, [run]))).toMatchObject({ code: 'HWDEN' });
    expect(await refusal(asMember(add, [hidden.id]))).toMatchObject({ code: 'HWNTF' });
  });

  test('is refused if an earlier turn cannot be read', async () => {
    const session = await newSession();
    const first = await runInSession(session, 'My order is A-7.');
    const run = await runInSession(session, 'Where is it?', 'Here.');
    await db.pool.query(
      'update howdah.executions set contents_erased_at = clock_timestamp() where id = $1',
      [first],
    );
    const error = await refusal(
      asMember(`select howdah.add_to_dataset('orders', $1, '"x"')`, [run]),
    );
    expect(error).toMatchObject({ code: 'HWCNF' });
    expect(error.message).toBe(`the contents of execution ${first} are erased`);
  });
});

test('a judge reads the conversation, and judges equal answers after different ones each', async () => {
  await addItem('judged', 'Where is it?', [{ role: 'user', content: 'My order is B-8.' }]);
  const { id } = await oneAsMember(`select id from howdah.evaluate('judged', 'support')`);
  const runs = await all<{ execution_id: string }>(
    db.pool,
    'select execution_id from howdah.evaluation_results where evaluation_id = $1 order by item_id',
    [id],
  );
  for (const { execution_id } of runs) {
    await finish(db.pool, worker, execution_id, { ...completed, output: 'On its way.' });
  }
  await gradeRuns(db.pool);
  const judges = await all<{ input: string }>(
    db.pool,
    `select e.input from howdah.executions as e
     join howdah.evaluation_results as r
       on r.execution_id = (e.metadata ->> 'judged_execution_id')::uuid
     where r.evaluation_id = $1 order by r.item_id`,
    [id],
  );
  expect(judges.map(({ input }) => /order is (\w-\d)/.exec(input)?.[1])).toEqual(['A-7', 'B-8']);
});
