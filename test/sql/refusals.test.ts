import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../support/database.ts';
import {
  all,
  asRole,
  makeAgent,
  makeModel,
  makeSession,
  makeTenant,
  makeTool,
  one,
  refusal,
  unique,
} from './support.ts';

const db = testDatabase();
let ids: Record<string, string>;

beforeAll(async () => {
  const user = await one(
    db.pool,
    `insert into howdah.users (username, role) values ('ada', 'admin') returning id`,
  );
  ids = {
    agent_id: await makeAgent(db.pool),
    session_id: await makeSession(db.pool),
    model_id: await makeModel(db.pool),
    user_id: user.id,
  };
});

/** Required columns of each table, besides the tested ones. */
const WHOLE: Record<string, Record<string, unknown>> = {
  models: { name: 'm', provider: 'local', model: 'm' },
  agents: { name: 'a' },
  tools: { name: 't', kind: 'custom' },
  schedules: { name: 's', cron: '0 6 * * *', input: 'x' },
  limits: { metric: 'runs', max_value: 1 },
  grants: { permission: 'read' },
  todos: { position: 1, title: 'x' },
  resources: { name: 'r', type: 'text/plain', bytes: Buffer.from('x') },
  retention_policies: { keep_runs_days: 1 },
};
const REFERENCES: Record<string, string[]> = {
  schedules: ['agent_id'],
  grants: ['agent_id'],
  todos: ['session_id'],
};

async function insert(table: string, values: Record<string, unknown>) {
  const references = (REFERENCES[table] ?? []).map((name) => [name, ids[name]]);
  const row = { ...WHOLE[table], ...Object.fromEntries(references), ...values };
  const places = Object.keys(row).map((_, index) => `$${index + 1}`);
  const text = `insert into howdah.${table} (${Object.keys(row).join(', ')}) values (${places.join(', ')})`;
  const tenant = await one(db.pool, 'select howdah.current_tenant() as id');
  return asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant.id }, (client) =>
    client.query(text, Object.values(row)),
  );
}

describe('a row that violates a check is rejected with its fields and the fix', () => {
  test.each<[string, Record<string, unknown>, string, string[]]>([
    ['agents', { name: ' ' }, 'name_is_not_empty', ['name']],
    [
      'agents',
      { max_steps: 0 },
      'limits_are_positive',
      ['max_steps', 'max_tokens', 'max_cost', 'max_seconds'],
    ],
    ['agents', { max_cost: 'NaN' }, 'max_cost_is_finite', ['max_cost']],
    ['agents', { max_cost: 'Infinity' }, 'max_cost_is_finite', ['max_cost']],
    ['agents', { retry_for: -1 }, 'retry_for_is_at_most_a_month', ['retry_for']],
    [
      'agents',
      { cache_answers_for: 0 },
      'cache_answers_for_is_from_1_second_to_a_month',
      ['cache_answers_for'],
    ],
    ['models', { input_price: -1 }, 'prices_are_not_negative', ['input_price', 'output_price']],
    ['models', { output_price: 'NaN' }, 'prices_are_finite', ['input_price', 'output_price']],
    ['models', { base_url: 'ftp://x' }, 'base_url_is_http', ['base_url']],
    [
      'models',
      { base_url: 'wss://example.com/x' },
      'a_socket_is_for_speech',
      ['base_url', 'purpose'],
    ],
    ['models', { context_tokens: 0 }, 'context_tokens_are_positive', ['context_tokens']],
    ['tools', { name: 'two words' }, 'name_fits_the_wire', ['name']],
    ['tools', { timeout_ms: 0 }, 'timeout_is_between_a_millisecond_and_an_hour', ['timeout_ms']],
    ['tools', { kind: 'agent' }, 'agent_tools_name_their_agent', ['kind', 'agent_id']],
    [
      'tools',
      { cache_answers_for: 2_592_001 },
      'cache_answers_for_is_from_1_second_to_a_month',
      ['cache_answers_for'],
    ],
    ['schedules', { name: '' }, 'name_is_not_empty', ['name']],
    ['schedules', { metadata: '[]' }, 'metadata_is_an_object', ['metadata']],
    ['limits', { max_value: 'NaN' }, 'max_value_is_zero_or_more', ['max_value']],
    ['limits', { metric: 'requests' }, 'requests_have_a_period', ['metric', 'period']],
    ['grants', {}, 'a_grant_is_to_a_user_or_to_a_role', ['user_id', 'role']],
    ['todos', { position: 0 }, 'position_counts_from_one', ['position']],
    ['resources', { type: 'Text' }, 'type_is_a_mime_type', ['type']],
    [
      'limits',
      {
        scope: 'agent',
        subject_id: '01980000-0000-7000-8000-000000000000',
        metric: 'running_runs',
        max_value: 0,
      },
      'at_least_one_run_or_call_is_allowed',
      ['max_value', 'metric', 'scope'],
    ],
    [
      'retention_policies',
      { keep_runs_days: 0 },
      'runs_are_kept_for_a_day_at_least',
      ['keep_contents_days', 'keep_runs_days'],
    ],
  ])('%s %j', async (table, values, constraint, fields) => {
    const refused = await refusal(insert(table, values));
    const { comment } = await one(
      db.pool,
      `select obj_description(c.oid, 'pg_constraint') as comment from pg_constraint as c
       where c.conrelid = $1::regclass and c.conname = $2`,
      [`howdah.${table}`, constraint],
    );
    expect(refused).toMatchObject({
      code: 'HWINV',
      hint: comment,
      fields: { table, fields: expect.arrayContaining(fields), constraint },
      constraint,
    });
  });

  test('on update too', async () => {
    const { id } = await one(db.pool, 'select id from howdah.agents limit 1');
    expect(
      await refusal(db.pool.query('update howdah.agents set max_tokens = -1 where id = $1', [id])),
    ).toMatchObject({
      code: 'HWINV',
      fields: { table: 'agents', constraint: 'limits_are_positive' },
    });
  });

  test.each([
    ['tools', 'kind'],
    ['limits', 'metric'],
  ])('%s without %s', async (table, field) => {
    const refused = await refusal(insert(table, { [field]: null }));
    expect(refused).toMatchObject({
      code: 'HWINV',
      hint: expect.any(String),
      fields: { table, field, fields: [field], constraint: null },
    });
  });

  test.each([
    ['agent_id => null', 'agent_id is missing'],
    ["metadata => '[1]'", 'metadata must be a JSON object'],
  ])('a run with %s', async (argument, message) => {
    const [column, value] = argument.split(' => ');
    const text =
      column === 'agent_id'
        ? `insert into howdah.executions (agent_id, input) values (${value}, 'x')`
        : `insert into howdah.executions (agent_id, input, ${column}) values ('${ids.agent_id}', 'x', ${value})`;
    expect(await refusal(db.pool.query(text))).toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining(message),
    });
  });
});

test.each<[Record<string, unknown>, string]>([
  [{ effect: 'idempotent' }, 'cached_tools_are_pure'],
  [{ effect: 'once' }, 'cached_tools_are_pure'],
  [{ requires_approval: true }, 'cached_tools_have_no_approval'],
])('a tool with cache_answers_for is not changed to %j', async (change, constraint) => {
  const name = unique('tool');
  const cached = { name, kind: 'http', effect: 'pure', cache_answers_for: 60 };
  const configuration = JSON.stringify({ url: 'https://shop.example.com/orders' });
  // neither when it is inserted, nor later
  expect(await refusal(makeTool(db.pool, { ...cached, configuration, ...change }))).toMatchObject({
    code: 'HWINV',
    fields: { constraint, fields: expect.arrayContaining(['cache_answers_for']) },
  });
  const id = await makeTool(db.pool, { ...cached, configuration });
  const [[column, value] = []] = Object.entries(change);
  expect(
    await refusal(
      db.pool.query(`update howdah.tools set ${column} = $2 where id = $1`, [id, value]),
    ),
  ).toMatchObject({ code: 'HWINV', constraint });
});

test('a built-in tool, a sub-agent and a workflow have no cache_answers_for', async () => {
  expect(
    await refusal(
      db.pool.query(`update howdah.tools set cache_answers_for = 60 where name = 'calculator'`),
    ),
  ).toMatchObject({
    code: 'HWINV',
    constraint: 'cached_tools_are_sql_http_mcp_or_custom',
    fields: { fields: ['kind', 'cache_answers_for'] },
  });
});

test('every check has a comment that states the fix', async () => {
  const rows = await all(
    db.pool,
    `select coalesce(c.conrelid::regclass::text, c.contypid::regtype::text) || ' ' || c.conname as name,
       obj_description(c.oid, 'pg_constraint') as fix
     from pg_constraint as c
     where c.contype = 'c' and c.connamespace = 'howdah'::regnamespace and c.conparentid = 0 and not exists (
       select from pg_class as t where t.oid = c.conrelid and t.relispartition
     )`,
  );
  expect(rows.length).toBeGreaterThan(80);
  expect(rows.filter(({ fix }) => !/^[A-Z].{15,}\.$/.test(fix ?? ''))).toEqual([]);
});

test('Postgres reports a duplicate row itself, so that an upsert runs no check trigger', async () => {
  const tools = `insert into howdah.tools (name, kind, description) values ('twice', 'custom', $1)`;
  await db.pool.query(tools, ['first']);
  const refused = await refusal(db.pool.query(tools, ['second']));
  expect(refused).toMatchObject({ code: '23505', constraint: 'tools_tenant_id_name_key' });
  await db.pool.query(`${tools} on conflict do nothing`, ['third']);
  await db.pool.query(
    `${tools} on conflict (tenant_id, name) do update set description = excluded.description`,
    ['fourth'],
  );
  expect(await all(db.pool, `select description from howdah.tools where name = 'twice'`)).toEqual([
    { description: 'fourth' },
  ]);
});

describe('messages of checks', () => {
  const rulesOf = () =>
    all<{ name: string; hint: string }>(
      db.pool,
      `select distinct c.conname as name, howdah_private.constraint_sentence(c.conname, (
         select jsonb_agg(a.attname) from pg_attribute as a where a.attrelid = c.conrelid and a.attnum = any (c.conkey)
       )) as hint
       from pg_constraint as c
       where c.contype = 'c' and c.connamespace = 'howdah'::regnamespace and c.conparentid = 0`,
    );

  test('every message states the requirement, independent of the name of the check', async () => {
    const rules = await rulesOf();
    expect(rules.length).toBeGreaterThan(80);
    const requirement = /^([\w:/, ]+ )?must (not )?(be|have|count|fit|say|name) \w/;
    expect(rules.filter((rule) => !requirement.test(rule.hint))).toEqual([]);
    expect(rules.filter((rule) => rule.hint === rule.name.replaceAll('_', ' '))).toEqual([
      { name: 'must_be_uuid_v7', hint: 'must be uuid v7' },
    ]);
  });
});

test('every check of a table that runs do not write has a readable message', async () => {
  const rows = await all(
    db.pool,
    `select c.conrelid::regclass::text || ' ' || c.conname as name from pg_constraint as c
     where c.contype = 'c' and c.connamespace = 'howdah'::regnamespace and c.conparentid = 0
       and c.conrelid not in ('howdah.steps'::regclass, 'howdah_private.message_log'::regclass,
         'howdah.questions'::regclass, 'howdah.agent_versions'::regclass, 'howdah.audit_log'::regclass)
       and c.conrelid <> 0 and not exists (
         select from pg_trigger as t join pg_proc as p on p.oid = t.tgfoid
         where t.tgrelid = c.conrelid and t.tgname = '_990_refuse_invalid' and c.conkey <@ t.tgattr::int2[]
           and strpos(p.prosrc, quote_literal(c.conname)) > 0
       ) and not exists (select from pg_class as t where t.oid = c.conrelid and t.relispartition)`,
  );
  expect(rows).toEqual([]);
});

describe('references to definitions', () => {
  const NOBODY = '01980000-0000-7000-8000-000000000000';

  test('to missing rows or rows of another tenant are rejected by field', async () => {
    const workflow = await one(
      db.pool,
      `insert into howdah.workflows (name, type) values ('refers', 'chain') returning id`,
    );
    const tenant = await makeTenant(db.pool);
    const theirs = await makeAgent(db.pool, { tenant_id: tenant });
    for (const agent of [NOBODY, theirs]) {
      const error = await refusal(
        db.pool.query(
          'insert into howdah.workflow_agents (workflow_id, agent_id) values ($1, $2)',
          [workflow.id, agent],
        ),
      );
      expect(error).toMatchObject({
        code: 'HWNTF',
        fields: {
          table: 'workflow_agents',
          field: 'agent_id',
          id: agent,
          constraint: 'workflow_agents_tenant_id_agent_id_fkey',
        },
        hint: 'Use the id of a row that you see in howdah.agents.',
      });
    }
  });

  test('are checked at the end of the statement, as foreign keys are', async () => {
    const model = await one(db.pool, 'select howdah.uuid_v7() as id');
    await db.pool.query(
      `with late as (insert into howdah.models (id, name, provider, model) values ($1, 'late', 'local', 'm'))
       insert into howdah.agent_models (agent_id, model_id) values ($2, $1)`,
      [model.id, ids.agent_id],
    );
    const prompt = await one(
      db.pool,
      `insert into howdah.prompts (name, template) values ('used', 'x') returning id`,
    );
    await db.pool.query('update howdah.agents set prompt_id = $1 where id = $2', [
      prompt.id,
      ids.agent_id,
    ]);
    for (const [table, id, by, fix] of [
      ['models', model.id, 'agent_models', 'howdah.agent_models'],
      ['prompts', prompt.id, '(agents|prompt_versions)', 'delete_prompt'],
      ['agents', ids.agent_id, 'agent_versions', 'delete_agent'],
    ]) {
      expect(
        await refusal(db.pool.query(`delete from howdah.${table} where id = $1`, [id])),
      ).toMatchObject({
        code: 'HWCNF',
        message: expect.stringMatching(new RegExp(`^the row of ${table} is still used by ${by}$`)),
        hint: expect.stringContaining(fix as string),
      });
    }
  });
});
