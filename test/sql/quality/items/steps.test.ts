import { beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../../support/database.ts';
import {
  all,
  answer,
  claim,
  commit,
  committed,
  completed,
  makeAgent,
  makeRun,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  refusal,
  takeRole,
} from '../../support.ts';

// Items that are made from one step of a run.

const db = testDatabase();
let tenant: string;
let user: string;
let run: string;

const oneAsMember = <T extends object>(text: string, values: unknown[] = []) =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant, 'howdah.user_id': user });
    const [row] = await all<T & Record<string, unknown>>(client, text, values);
    if (!row) throw new Error('no row');
    return row;
  });

const SILENT = 3;
const OUTPUT = 4;
/** The step that gave the first answer, which the agent took back. */
const FIRST = 1;

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
  const worker = await makeWorker(db.pool);
  const agent_id = await makeAgent(db.pool, { tenant_id: tenant });
  user = (await makeUser(db.pool, { tenant_id: tenant, role: 'member' })).id;
  await oneAsMember(`insert into howdah.datasets (name) values ('orders') returning id`);
  run = await makeRun(db.pool, { tenant_id: tenant, agent_id, input: 'Where is order A-7?' });
  const [{ fence, step_count: after } = {}] = await claim(db.pool, worker, [run]);
  const said = (content: string) => ({ ...answer, messages: [{ role: 'assistant', content }] });
  const steps = [
    said('In Oslo.'),
    said('In Bergen.'),
    { kind: 'guard', name: 'context' },
    { kind: 'output', output: 'In Bergen.' },
  ];
  await commit(db.pool, worker, [{ id: run, fence, after, steps, to: completed }]);
});

test('has the answer of the step as what is expected', async () => {
  const item = await oneAsMember(
    `select source_execution_id, source_seq, input, expected
     from howdah.add_to_dataset('orders', $1, seq => $2)`,
    [run, FIRST],
  );
  expect(item).toEqual({
    source_execution_id: run,
    source_seq: FIRST,
    input: 'Where is order A-7?',
    expected: 'In Oslo.',
  });
});

test('has the answer of the run for the step that gave it', async () => {
  const { expected } = await oneAsMember(
    `select expected from howdah.add_to_dataset('orders', $1, seq => $2)`,
    [run, OUTPUT],
  );
  expect(expected).toBe(completed.output);
});

test('names the step whose answer was corrected', async () => {
  const item = await oneAsMember(
    `select source_seq, expected from howdah.add_to_dataset('orders', $1, '"In Bodø."', seq => $2)`,
    [run, FIRST],
  );
  expect(item).toEqual({ source_seq: FIRST, expected: 'In Bodø.' });
});

test('is anonymized as the whole run is', async () => {
  await db.pool.query(
    `insert into howdah.output_filters (tenant_id, name, pattern, action) values ($1, 'city', 'Oslo', 'redact')`,
    [tenant],
  );
  const { expected } = await oneAsMember(
    `select expected from howdah.add_to_dataset('orders', $1, anonymize => true, seq => $2)`,
    [run, FIRST],
  );
  expect(expected).toBe('In [city withheld].');
});

test('is refused for a step without an answer, or without a run', async () => {
  const add = (seq: number) =>
    refusal(oneAsMember(`select howdah.add_to_dataset('orders', $1, seq => $2)`, [run, seq]));
  expect(await add(SILENT)).toMatchObject({ code: 'HWINV', detail: '{"field": "expected"}' });
  expect(await add(99)).toMatchObject({
    code: 'HWNTF',
    message: `execution ${run} has no step 99`,
    detail: '{"field": "seq"}',
  });
  const insert = refusal(
    oneAsMember(
      `insert into howdah.dataset_items (dataset_id, input, source_seq)
       select id, 'x', 1 from howdah.datasets where name = 'orders' returning id`,
    ),
  );
  expect(await insert).toMatchObject({ code: 'HWNTF', detail: '{"field": "source_seq"}' });
});

test('names neither run nor step after the run is deleted', async () => {
  const { id } = await oneAsMember<{ id: string }>(
    `select (howdah.add_to_dataset('orders', $1, seq => $2)).id`,
    [run, FIRST],
  );
  await db.pool.query('select howdah_private.delete_runs(array[$1]::uuid[])', [run]);
  expect(
    await one(
      db.pool,
      'select source_execution_id, source_seq from howdah.dataset_items where id = $1',
      [id],
    ),
  ).toEqual({ source_execution_id: null, source_seq: null });
});
