import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  asRole,
  claim,
  commit,
  type Db,
  finish,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  makeWorker,
  one,
  refusal,
  refusedInside,
  unique,
} from '../support.ts';

const db = testDatabase();
let tenant: string;

beforeAll(async () => {
  tenant = (await one(db.pool, `select id from howdah.tenants where slug = 'default'`)).id;
});
afterEach(async () => {
  await db.pool.query('delete from howdah.settings');
});

const set = (key: string, value: unknown, scope = 'tenant', client: Db = db.pool) =>
  client.query(
    `insert into howdah.settings (scope, key, value) values ($1, $2, $3)
     on conflict (tenant_id, scope, key) do update set value = excluded.value`,
    [scope, key, JSON.stringify(value)],
  );
const makeWorkflow = async (agent_id: string, max_steps: number | null = null) => {
  const { id } = await one(
    db.pool,
    `insert into howdah.workflows (name, type, max_steps) values ($1, 'chain', $2) returning id`,
    [unique('chain'), max_steps],
  );
  await db.pool.query(
    'insert into howdah.workflow_agents (workflow_id, agent_id) values ($1, $2)',
    [id, agent_id],
  );
  return id as string;
};
const runOf = (workflow_id: string, input = 'x') =>
  one(db.pool, 'insert into howdah.executions (workflow_id, input) values ($1, $2) returning id', [
    workflow_id,
    input,
  ]);
const inForce = async (key: string, client: Db = db.pool) =>
  one(client, 'select value, source from howdah.setting_values where key = $1', [key]);

describe('a setting', () => {
  test('has its default until a row overrides it, and again after the row is deleted', async () => {
    expect(await inForce('max_depth')).toEqual({ value: 8, source: 'default' });
    expect(await inForce('max_cost')).toEqual({ value: null, source: 'default' });
    await set('max_depth', 3, 'system');
    expect(await inForce('max_depth')).toEqual({ value: 3, source: 'system' });
    await set('max_depth', 5);
    expect(await inForce('max_depth')).toEqual({ value: 5, source: 'tenant' });
    await db.pool.query(`delete from howdah.settings where scope = 'tenant'`);
    expect(await inForce('max_depth')).toEqual({ value: 3, source: 'system' });
  });

  test('accepts the minimum and maximum of its range, and nothing beyond', async () => {
    const kinds = await all(db.pool, 'select * from howdah.setting_values order by key');
    expect(kinds).toHaveLength(18);
    for (const { key, minimum, maximum, default_value } of kinds) {
      if (default_value !== null) {
        expect(Number(default_value)).toBeGreaterThanOrEqual(Number(minimum));
        expect(Number(default_value)).toBeLessThanOrEqual(Number(maximum));
      }
      for (const value of [minimum, maximum]) {
        await set(key, Number(value));
        expect(await inForce(key)).toMatchObject({ value: Number(value), source: 'tenant' });
      }
      for (const value of [Number(minimum) - 1, Number(maximum) * 2, '5', null, true, [5]]) {
        const refused = await refusal(set(key, value));
        expect(refused).toMatchObject({
          code: 'HWINV',
          message: expect.stringMatching(
            `^${key} must be a (whole )?number from ${minimum} to ${maximum}, not `,
          ),
          hint: expect.stringMatching(/The default is|By default there is no limit/),
        });
        expect(refused.fields).toMatchObject({ field: 'value', key });
      }
    }
    expect(await refusal(set('max_steps', 1.5))).toMatchObject({
      message: 'max_steps must be a whole number from 1 to 1000000, not 1.5',
      hint: expect.stringContaining('The default is 50.'),
    });
    expect(await refusal(set('max_cost', 0))).toMatchObject({
      hint: expect.stringContaining('By default there is no limit.'),
    });
  });

  test('is stored as a plain number', async () => {
    await db.pool.query(`insert into howdah.settings (key, value) values ('max_depth', '8.0')`);
    expect(await one(db.pool, 'select value::text from howdah.settings')).toEqual({ value: '8' });
  });

  test.each([
    ['max_dept', 'Did you mean max_depth? The settings: audit_contents, backoff_initial_seconds, '],
    ['MAX_DEPTH', 'Did you mean max_depth? '],
    ['giraffe', 'The settings: audit_contents, backoff_initial_seconds, '],
  ])('with an unknown name is rejected: %s', async (key, hint) => {
    const refused = await refusal(set(key, 5));
    expect(refused).toMatchObject({
      code: 'HWINV',
      fields: { field: 'key' },
      hint: expect.stringContaining(hint),
    });
    expect(refused.fields).toEqual({ field: 'key' });
  });

  test('has at most one row per scope', async () => {
    const insert = `insert into howdah.settings (scope, key, value) values ($1, 'max_depth', '5')`;
    const other = await makeTenant(db.pool);
    const foreign = `insert into howdah.settings (tenant_id, scope, key, value) values ($1, $2, 'max_depth', '5')`;
    for (const scope of ['tenant', 'system']) {
      await db.pool.query(insert, [scope]);
      expect(await refusal(db.pool.query(insert, [scope]))).toMatchObject({ code: '23505' });
    }
    await db.pool.query(foreign, [other, 'tenant']);
    expect(await refusal(db.pool.query(foreign, [other, 'system']))).toMatchObject({
      code: '23505',
    });
  });
});

describe('permissions to write settings', () => {
  test('a tenant writes its own settings and reads system settings, not those of other tenants', async () => {
    const other = await makeTenant(db.pool);
    await db.pool.query(
      `insert into howdah.settings (tenant_id, key, value) values ($1, 'max_depth', '2')`,
      [other],
    );
    await set('model_attempts', 7, 'system');
    await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, async (client) => {
      expect(await inForce('model_attempts', client)).toEqual({ value: 7, source: 'system' });
      expect(await inForce('max_depth', client)).toEqual({ value: 8, source: 'default' });
      await set('max_depth', 4, 'tenant', client);
      expect(await inForce('max_depth', client)).toEqual({ value: 4, source: 'tenant' });
      expect(
        (await client.query('delete from howdah.settings where key = $1', ['max_depth'])).rowCount,
      ).toBe(1);
    });
    await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': other }, async (client) => {
      expect(await all(client, 'select key, scope from howdah.settings')).toEqual([
        { key: 'max_depth', scope: 'tenant' },
      ]);
      expect(await inForce('max_depth', client)).toEqual({ value: 2, source: 'tenant' });
    });
  });

  test('only an owner of the database writes system settings', async () => {
    await set('max_depth', 3, 'system');
    await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, async (client) => {
      for (const text of [
        `insert into howdah.settings (scope, key, value) values ('system', 'max_steps', '5')`,
        `update howdah.settings set value = '4' where scope = 'system'`,
        `delete from howdah.settings where scope = 'system'`,
      ]) {
        expect(await refusedInside(client, text)).toMatchObject({
          code: 'HWDEN',
          fields: { field: 'scope' },
        });
      }
      expect(
        await refusedInside(client, `update howdah.settings set scope = 'system'`),
      ).toMatchObject({ code: '42501' });
    });
  });
});

describe('max_depth', () => {
  const chain = async (agent: string, levels: number, columns: Record<string, unknown> = {}) => {
    let parent = await makeRun(db.pool, { agent_id: agent, ...columns });
    for (let level = 1; level <= levels; level += 1) {
      parent = await makeRun(db.pool, { agent_id: agent, parent_execution_id: parent, ...columns });
    }
    return parent;
  };

  test('limits the depth of children, starting with the next one', async () => {
    const agent = await makeAgent(db.pool);
    const below = (parent: string) =>
      refusal(makeRun(db.pool, { agent_id: agent, parent_execution_id: parent }));
    const eighth = await chain(agent, 8);
    const second = await chain(agent, 2);
    expect(await below(eighth)).toMatchObject({
      code: 'HWCNF',
      message: 'maximum depth of child runs (8) reached',
    });
    await set('max_depth', 2);
    expect(await below(second)).toMatchObject({
      message: 'maximum depth of child runs (2) reached',
    });
    await set('max_depth', 9);
    await makeRun(db.pool, { agent_id: agent, parent_execution_id: eighth });
  });

  test('of one tenant does not affect others', async () => {
    await set('max_depth', 1);
    const other = await makeTenant(db.pool);
    const agent = await makeAgent(db.pool, { tenant_id: other });
    const third = await chain(agent, 3, { tenant_id: other });
    const depth = 'select depth from howdah.executions where id = $1';
    expect(await one(db.pool, depth, [third])).toEqual({ depth: 3 });
  });

  test('an export of a run contains all levels below it', async () => {
    await set('max_depth', 12);
    const agent = await makeAgent(db.pool);
    const last = await chain(agent, 12);
    const { levels } = await one(
      db.pool,
      `with recursive run (document, level) as (
         select howdah.export_run(e.root_execution_id), 0 from howdah.executions as e where e.id = $1
         union all
         select r.document #> '{children,0}', r.level + 1 from run as r where r.document #> '{children,0}' is not null
       ) select max(level) as levels from run`,
      [last],
    );
    expect(levels).toBe(12);
  });
});

describe('input_bytes', () => {
  const large = 'x'.repeat(2_001);
  const insert = (columns: Record<string, unknown>) => refusal(makeRun(db.pool, columns));

  test('limits the text and data of a new run', async () => {
    const agent_id = await makeAgent(db.pool);
    await set('input_bytes', 2_000);
    await makeRun(db.pool, { agent_id, input: 'x'.repeat(2_000) });
    const refused = await insert({ agent_id, input: large });
    expect(refused).toMatchObject({
      code: 'HWINV',
      message: 'input has 2001 bytes, at most 2000 are allowed',
      hint: expect.stringContaining('The setting input_bytes can raise this limit.'),
    });
    expect(refused.fields).toEqual({ field: 'input' });
    expect(await insert({ agent_id, input_data: JSON.stringify(large) })).toMatchObject({
      code: 'HWINV',
      message: 'input_data has 2003 bytes, at most 2000 are allowed',
    });
    const workflow_id = await makeWorkflow(agent_id);
    expect(await refusal(runOf(workflow_id, large))).toMatchObject({
      message: 'input has 2001 bytes, at most 2000 are allowed',
    });
    await db.pool.query('delete from howdah.settings');
    await makeRun(db.pool, { agent_id, input: large });
  });

  test('limits messages to a session or a run, forks and schedules', async () => {
    const agent_id = await makeAgent(db.pool);
    const worker = await makeWorker(db.pool);
    const session_id = await makeSession(db.pool, { agent_id });
    const run = await makeRun(db.pool, { agent_id, input: large, input_data: '{"note": "a"}' });
    await set('input_bytes', 2_000);
    for (const [text, id, field] of [
      ['select howdah.send_message($1, $2)', session_id, 'content'],
      ['select howdah.add_input($1, $2)', run, 'content'],
      ['select howdah.fork_execution($1, 0, $2)', run, 'input'],
      [
        `insert into howdah.schedules (name, cron, agent_id, input) values ('sized', '@daily', $1, $2)`,
        agent_id,
        'input',
      ],
    ]) {
      expect(await refusal(db.pool.query(text ?? '', [id, large]))).toMatchObject({
        code: 'HWINV',
        message: `${field} has 2001 bytes, at most 2000 are allowed`,
      });
    }
    for (const [name, value] of [
      ['input_data', large],
      ['changes', { note: large }],
    ]) {
      const forked = db.pool.query(`select howdah.fork_execution($1, 0, ${name} => $2)`, [
        run,
        JSON.stringify(value),
      ]);
      expect(await refusal(forked)).toMatchObject({
        code: 'HWINV',
        message: expect.stringMatching(/^input_data has 20\d\d bytes, at most 2000 are allowed$/),
      });
    }
    const scheduled = db.pool.query(
      `insert into howdah.schedules (name, cron, agent_id, input, input_data) values ('data', '@daily', $1, 'a', $2)`,
      [agent_id, JSON.stringify(large)],
    );
    expect(await refusal(scheduled)).toMatchObject({
      message: 'input_data has 2003 bytes, at most 2000 are allowed',
    });
    // A fork may keep an input that was accepted before.
    await db.pool.query('select howdah.fork_execution($1, 0)', [run]);
    await finish(db.pool, worker, run);
  });

  test('does not limit the input that a run passes to a member', async () => {
    const agent_id = await makeAgent(db.pool);
    const parent_execution_id = await makeRun(db.pool, { agent_id });
    await set('input_bytes', 2_000);
    const member = await makeRun(db.pool, { agent_id, parent_execution_id, input: large });
    const input = 'select input from howdah.executions where id = $1';
    expect(await one(db.pool, input, [member])).toEqual({ input: large });
  });

  test('never allows more than 1 MB', async () => {
    const agent_id = await makeAgent(db.pool);
    await set('input_bytes', 1_048_576);
    expect(await insert({ agent_id, input: 'x'.repeat(1_048_577) })).toMatchObject({
      message: 'input has 1048577 bytes, at most 1048576 are allowed',
      hint: 'Provide a large text through a tool that the agent reads piece by piece.',
    });
  });
});

describe('run limits', () => {
  const limitsOf = (id: string) =>
    one(
      db.pool,
      'select max_steps, max_seconds, max_tokens, max_cost::float8 from howdah.executions where id = $1',
      [id],
    );
  const NONE = { max_steps: 50, max_seconds: 600, max_tokens: null, max_cost: null };

  test('come from the run, then its agent or workflow, then the settings', async () => {
    const plain = await makeAgent(db.pool);
    const own = await makeAgent(db.pool, { max_steps: 9, max_cost: 2 });
    const workflow_id = await makeWorkflow(plain, 6);
    expect(await limitsOf(await makeRun(db.pool, { agent_id: plain }))).toEqual(NONE);
    await set('max_steps', 5);
    await set('max_seconds', 60, 'system');
    await set('max_tokens', 1_000);
    await set('max_cost', 0.5);
    const SET = { max_steps: 5, max_seconds: 60, max_tokens: '1000', max_cost: 0.5 };
    expect(await limitsOf(await makeRun(db.pool, { agent_id: plain }))).toEqual(SET);
    expect(await limitsOf(await makeRun(db.pool, { agent_id: own }))).toEqual({
      ...SET,
      max_steps: 9,
      max_cost: 2,
    });
    expect(await limitsOf(await makeRun(db.pool, { agent_id: own, max_steps: 3 }))).toMatchObject({
      max_steps: 3,
    });
    expect(await limitsOf((await runOf(workflow_id)).id)).toEqual({
      ...SET,
      max_steps: 6,
    });
    await db.pool.query('delete from howdah.settings');
    expect(await limitsOf(await makeRun(db.pool, { agent_id: plain }))).toEqual(NONE);
  });

  test('apply to each row of a statement, and are enforced for those runs', async () => {
    const agent_id = await makeAgent(db.pool);
    const worker = await makeWorker(db.pool);
    await set('max_steps', 1);
    const rows = await all(
      db.pool,
      `insert into howdah.executions (agent_id, input) select $1, 'x' from generate_series(1, 3) returning id, max_steps`,
      [agent_id],
    );
    expect(rows.map(({ max_steps }) => max_steps)).toEqual([1, 1, 1]);
    const id = rows[0]?.id as string;
    const held = await claim(db.pool, worker, [id]);
    const said = await commit(db.pool, worker, [
      { id, fence: held[0]?.fence, after: 0, steps: [answer] },
    ]);
    expect(said[0]?.exhausted).toBe('max_steps');
  });
});

describe('a worker', () => {
  test('receives the settings of the tenant of a run that concern it', async () => {
    const settingsOf = async (run: string) =>
      (await one(db.pool, 'select howdah_private.run_settings($1) as settings', [run])).settings;
    const run = await makeRun(db.pool);
    const tenant_id = await makeTenant(db.pool);
    const other = await makeRun(db.pool, {
      tenant_id,
      agent_id: await makeAgent(db.pool, { tenant_id }),
    });
    expect(await settingsOf(run)).toBeNull();
    await set('model_attempts', 2, 'system');
    await set('model_attempts', 3);
    await set('tool_result_bytes', 2_000, 'system');
    await set('max_depth', 2);
    expect(await settingsOf(run)).toEqual({ model_attempts: 3, tool_result_bytes: 2_000 });
    expect(await settingsOf(other)).toEqual({ model_attempts: 2, tool_result_bytes: 2_000 });
    await db.pool.query('delete from howdah.settings');
    expect(await settingsOf(run)).toBeNull();
  });
});
