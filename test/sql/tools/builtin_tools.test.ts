import { expect, test } from 'vitest';
import { schemaErrors } from '../../../src/runtime/environment/validate-json.ts';
import { testDatabase } from '../../support/database.ts';
import { all, makeTenant, one, refusal } from '../support.ts';

const db = testDatabase();

test('every tenant has the built-in tools, and their parameters are JSON Schemas', async () => {
  const tenant = await makeTenant(db.pool);
  const rows = await all(
    db.pool,
    `select t.name, t.parameters, t.effect = b.effect as is_same
     from howdah_private.builtin_tools() as b
     left join howdah.tools as t on t.name = b.name and t.kind = 'builtin' and t.tenant_id = $1`,
    [tenant],
  );
  expect(rows.length).toBeGreaterThan(2);
  for (const { name, parameters, is_same } of rows) {
    expect({ name, is_same }).toEqual({ name, is_same: true });
    expect(() => schemaErrors(parameters, {})).not.toThrow();
  }
});

test('definitions of built-in tools pass the parameter checks, which an insert skips', async () => {
  const tenant = await makeTenant(db.pool);
  const { rowCount } = await db.pool.query(
    `update howdah.tools set parameters = parameters where tenant_id = $1 and kind = 'builtin'`,
    [tenant],
  );
  expect(rowCount).toBeGreaterThan(2);
  const other = `update howdah.tools set parameters = '{"type": 3}' where tenant_id = $1`;
  expect(await refusal(db.pool.query(other, [tenant]))).toMatchObject({ code: 'HWINV' });
});

test('a built-in tool that was deleted and inserted by hand gets its original definition', async () => {
  const tenant = await makeTenant(db.pool);
  const own = `from howdah.tools where tenant_id = $1 and name = 'now'`;
  const before = await one(db.pool, `select description, parameters ${own}`, [tenant]);
  await db.pool.query(`delete ${own}`, [tenant]);
  await db.pool.query(
    `insert into howdah.tools (tenant_id, name, kind, parameters)
     values ($1, 'now', 'builtin', '{"type": 3}')`,
    [tenant],
  );
  expect(await one(db.pool, `select description, parameters ${own}`, [tenant])).toEqual(before);
  expect(before.description).not.toBe('');
});

test('the parameters of http_request are a schema that requires a URL', async () => {
  const { parameters } = await one(
    db.pool,
    `select parameters from howdah_private.builtin_tools() where name = 'http_request'`,
  );
  const url = 'https://example.com/';
  for (const body of ['text', { a: [1] }, [], 1, true, null]) {
    expect(schemaErrors(parameters, { url, method: 'POST', headers: { a: 'b' }, body })).toEqual(
      [],
    );
  }
  expect(schemaErrors(parameters, { url })).toEqual([]);
  for (const wrong of [{}, { url, method: 'TRACE' }, { url, headers: { a: 1 } }, { url, x: 1 }]) {
    expect(schemaErrors(parameters, wrong)).not.toEqual([]);
  }
});

test('an unknown name is rejected with a list of built-in tools', async () => {
  await expect(
    db.pool.query(`insert into howdah.tools (name, kind) values ('http', 'builtin')`),
  ).rejects.toMatchObject({ code: 'HWINV', hint: expect.stringContaining('http_request') });
});

test('limits of run_code out of range are rejected on write', async () => {
  const tool = `update howdah.tools set configuration = $1 where name = 'run_code' and kind = 'builtin'`;
  const insertStatement = `with a as (insert into howdah.agents (name) values ('coding_' || gen_random_uuid()) returning id)
    insert into howdah.agent_tools (agent_id, tool_id, configuration)
    select a.id, t.id, $1 from a, howdah.tools as t
    where t.name = 'run_code' and t.tenant_id = howdah.current_tenant()`;
  for (const [field, values] of Object.entries({
    timeout_ms: [0, 99, 60001, 1.5, '"900"'],
    memory_mb: [31, 513, 64.5, 'true'],
  })) {
    for (const value of values) {
      for (const statement of [tool, insertStatement]) {
        await expect(
          db.pool.query(statement, [`{"${field}": ${value}}`]),
          `${field} ${value}`,
        ).rejects.toMatchObject({ code: 'HWINV', message: expect.stringContaining(field) });
      }
    }
  }
  for (const statement of [tool, insertStatement]) {
    const { rowCount } = await db.pool.query(statement, ['{"timeout_ms": 60000, "memory_mb": 32}']);
    expect(rowCount).toBeGreaterThan(0);
  }
});

test.each([
  ['sql_query', 'max_row', 'Did you mean max_rows?'],
  ['run_code', 'timeout_m', 'Did you mean timeout_ms?'],
  ['send_message', 'max_per_thred', 'Did you mean max_per_thread?'],
  ['http_request', 'alow', 'Did you mean allow?'],
  ['calculator', 'precision', 'The settings: question, max_result_bytes'],
  ['todo', 'max_results_bytes', 'Did you mean max_result_bytes?'],
])('%s rejects the unknown setting %s', async (name, setting, hint) => {
  const tool = 'update howdah.tools set configuration = $2 where name = $1';
  const insertStatement = `with a as (insert into howdah.agents (name) values ('set_' || gen_random_uuid()) returning id)
    insert into howdah.agent_tools (agent_id, tool_id, configuration)
    select a.id, t.id, $2 from a, howdah.tools as t where t.name = $1 and t.tenant_id = howdah.current_tenant()`;
  for (const statement of [tool, insertStatement]) {
    await expect(db.pool.query(statement, [name, { [setting]: 9000 }])).rejects.toMatchObject({
      code: 'HWINV',
      message: `configuration: ${setting} is not allowed`,
      hint,
    });
    const known = { question: { required_role: 'admin' }, max_result_bytes: 2000 };
    expect((await db.pool.query(statement, [name, known])).rowCount).toBeGreaterThan(0);
  }
});

test('the parameters of run_code require a language and code', async () => {
  const { parameters, effect } = await one(
    db.pool,
    `select parameters, effect from howdah_private.builtin_tools() where name = 'run_code'`,
  );
  expect(effect).toBe('pure');
  expect(schemaErrors(parameters, { language: 'python', code: '1', data: [1] })).toEqual([]);
  for (const wrong of [{}, { language: 'ruby', code: '1' }, { language: 'python', code: '' }]) {
    expect(schemaErrors(parameters, wrong)).not.toEqual([]);
  }
});
