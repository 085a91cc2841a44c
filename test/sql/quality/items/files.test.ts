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
  one,
  refusal,
  takeRole,
  type User,
} from '../../support.ts';

// Items of data sets with images and files, which the runs of evaluations and their judges get.

const db = testDatabase();
const image = (name: string) => ({
  type: 'image_url',
  image_url: { url: `https://pictures.example.com/${name}.png` },
});
let tenant: string;
let worker: string;
let person: User;
let file: string;

const asMember = <T extends object>(text: string, values: unknown[] = []) =>
  committed(db.pool, async (client) => {
    const user = { 'howdah.tenant_id': tenant, 'howdah.user_id': person.id };
    await takeRole(client, 'howdah_app', user);
    return all<T & Record<string, unknown>>(client, text, values);
  });
const addItem = (input: string | null, parts: unknown, dataset = 'pictures') =>
  asMember<{ id: string }>(
    `insert into howdah.dataset_items (dataset_id, input, input_parts, expected)
     select id, $1, $2, '"a cat"' from howdah.datasets where name = $3 returning id, input_parts`,
    [input, parts === null ? null : JSON.stringify(parts), dataset],
  );

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
  worker = await makeWorker(db.pool);
  await makeAgent(db.pool, { tenant_id: tenant, name: 'eyes' });
  await makeAgent(db.pool, { tenant_id: tenant, name: 'judge' });
  person = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
  await asMember(`insert into howdah.datasets (name) values ('pictures'), ('judged'), ('lost')`);
  await db.pool.query(
    `insert into howdah.graders (tenant_id, dataset_id, name, kind)
     select tenant_id, id, 'as expected in ' || name, 'exact' from howdah.datasets
     where tenant_id = $1 and name in ('pictures', 'lost')`,
    [tenant],
  );
  [{ id: file }] = (await asMember(
    `insert into howdah.resources (name, type, bytes) values ('cat.png', 'image/png', '\\x01')
     returning id`,
  )) as [{ id: string }];
});

describe('an item with files', () => {
  test('gives them to its runs', async () => {
    const parts = [image('cat'), { type: 'resource', resource_id: file }];
    await addItem('What is this?', parts);
    await addItem(null, [image('dog')]);
    await addItem('And without?', []);
    const [{ id }] = (await asMember(`select id from howdah.evaluate('pictures', 'eyes')`)) as [
      { id: string },
    ];
    const runs = await all(
      db.pool,
      `select e.input, e.input_parts from howdah.evaluation_results as r
       join howdah.executions as e on e.id = r.execution_id
       where r.evaluation_id = $1 order by r.item_id`,
      [id],
    );
    expect(runs).toEqual([
      { input: 'What is this?', input_parts: parts },
      { input: '', input_parts: [image('dog')] },
      { input: 'And without?', input_parts: null },
    ]);
  });

  test('is made from a run with files', async () => {
    const [run] = await asMember<{ id: string }>(
      `insert into howdah.executions (agent_id, input, input_parts)
       values (howdah.agent('eyes'), 'Which animal?', $1) returning id`,
      [JSON.stringify([image('cow')])],
    );
    const [item] = await asMember(
      `select * from howdah.add_to_dataset('pictures', $1, '"a cow"')`,
      [run?.id],
    );
    expect(item).toMatchObject({ input: 'Which animal?', input_parts: [image('cow')] });
  });

  test('is refused with a file that no model can be sent, and without any input', async () => {
    const fault = { code: 'HWINV', detail: '{"field": "input_parts[0].type"}' };
    expect(await refusal(addItem('x', [{ type: 'film' }]))).toMatchObject(fault);
    const missing = [{ type: 'resource', resource_id: crypto.randomUUID() }];
    expect(await refusal(addItem('x', missing))).toMatchObject({ code: 'HWNTF' });
    expect(await refusal(addItem('x', {}))).toMatchObject({ message: /input_parts/ });
    for (const parts of [null, []]) {
      expect(await refusal(addItem('', parts))).toMatchObject({ hint: /input_parts/ });
    }
  });

  test('whose file was deleted is named, and nothing is started', async () => {
    const [other] = await asMember<{ id: string }>(
      `insert into howdah.resources (name, type, bytes) values ('dog.png', 'image/png', '\\x02')
       returning id`,
    );
    const [item] = await addItem('What?', [{ type: 'resource', resource_id: other?.id }], 'lost');
    await asMember('delete from howdah.resources where id = $1', [other?.id]);
    const error = await refusal(asMember(`select howdah.evaluate('lost', 'eyes')`));
    expect(error).toMatchObject({ code: 'HWCNF' });
    expect(error.message).toContain(item?.id);
    const { count } = await one(
      db.pool,
      `select count(*)::int from howdah.evaluations as e
       join howdah.datasets as d on d.id = e.dataset_id where d.name = 'lost'`,
    );
    expect(count).toBe(0);
  });
});

test('a judge sees the files, and judges equal answers about different files each', async () => {
  await db.pool.query(
    `insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration)
     select tenant_id, id, 'right', 'rubric', '{"agent": "judge", "rubric": "It is that animal."}'
     from howdah.datasets where tenant_id = $1 and name = 'judged'`,
    [tenant],
  );
  for (const name of ['cat', 'tiger']) await addItem('What is this?', [image(name)], 'judged');
  const [{ id }] = (await asMember(`select id from howdah.evaluate('judged', 'eyes')`)) as [
    { id: string },
  ];
  const runs = await all<{ execution_id: string }>(
    db.pool,
    'select execution_id from howdah.evaluation_results where evaluation_id = $1',
    [id],
  );
  for (const { execution_id } of runs) {
    await finish(db.pool, worker, execution_id, { ...completed, output: 'A cat.' });
  }
  await gradeRuns(db.pool);
  const judges = await all(
    db.pool,
    `select e.input, e.input_parts from howdah.executions as e
     join howdah.evaluation_results as r
       on r.execution_id = (e.metadata ->> 'judged_execution_id')::uuid
     where r.evaluation_id = $1 order by r.item_id`,
    [id],
  );
  expect(judges.map(({ input_parts }) => input_parts)).toEqual([[image('cat')], [image('tiger')]]);
  for (const { input } of judges) expect(input).toContain('The files of the question are attached');
});
