import { describe, expect, test } from 'vitest';
import { testDatabase } from '../support/database.ts';
import { all, makeAgent, makeSession, one, refusal, rolledBack } from './support.ts';

/** Columns with a check or trigger of their own, and the name of the check or trigger. */
const OF_THEIR_OWN: Record<string, string> = {
  'dataset_items.history': 'check_history',
  'dataset_items.input_parts': 'check_parts',
  'executions.callback_url': 'check_run',
  'executions.client_tools': 'check_client_tools',
  'executions.concurrency_key': 'check_run_keys',
  'executions.debounce_key': 'check_run_keys',
  'executions.history': 'check_history',
  'executions.idempotency_key': 'check_run',
  'executions.input': 'tg_executions__prepare',
  'executions.input_data': 'check_run',
  'executions.input_parts': 'check_parts',
  'executions.metadata': 'check_run',
  'executions.overrides': 'overrides_fault',
  'resources.name': 'name_is_one_short_line',
  'resources.sha256': 'sha256_is_hex',
  'resources.type': 'type_is_a_mime_type',
  'schedules.input': 'tg_schedules',
  'todos.note': 'note_has_at_most_4000_characters',
  'todos.title': 'title_has_1_to_500_characters',
  'tools.name': 'name_fits_the_wire',
  'webhooks.url': 'url_is_http',
};

const db = testDatabase();

test('every text, list and document the application may write has a size limit', async () => {
  const rows = await all(
    db.pool,
    `select c.relname || '.' || a.attname as name, exists (
       select from pg_trigger as t where t.tgrelid = c.oid and t.tgname = '_990_refuse_invalid'
         and a.attnum = any (t.tgattr)
         and strpos(pg_get_functiondef(t.tgfoid), format('array[''size'', %L', a.attname)) > 0
     ) as is_limited
     from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p')
       and has_column_privilege('howdah_app', c.oid, a.attnum, 'insert, update')
       and a.atttypid in ('text'::regtype, 'text[]'::regtype, 'jsonb'::regtype, 'json'::regtype, 'varchar'::regtype)
     order by 1`,
  );
  expect(rows.length).toBeGreaterThan(30);
  const free = rows.filter(({ is_limited }) => !is_limited).map(({ name }) => name);
  expect(free).toEqual(Object.keys(OF_THEIR_OWN));
  const { rules } = await one(
    db.pool,
    `select string_agg(conname, ' ') || (select string_agg(proname, ' ') from pg_proc) as rules from pg_constraint`,
  );
  for (const rule of Object.values(OF_THEIR_OWN)) expect(rules).toContain(rule);
});

describe('values over the limit', () => {
  const mega = 1_048_576;
  const document = (size: number) => JSON.stringify({ a: 'x'.repeat(size) });

  test.each<[string, string, number, string, unknown]>([
    ['agents', 'name', 200, 'characters', 'é'.repeat(201)],
    ['agents', 'description', 102_400, 'bytes', 'é'.repeat(51_201)],
    ['agents', 'instruction', mega, 'bytes', 'x'.repeat(mega + 1)],
    ['agents', 'system_prompt', mega, 'bytes', 'x'.repeat(mega + 1)],
    ['agents', 'capabilities', 102_400, 'bytes', Array(200).fill('x'.repeat(600))],
    ['agents', 'output_schema', mega, 'bytes', document(mega)],
    ['models', 'model', 500, 'characters', 'x'.repeat(501)],
    ['tools', 'configuration', mega, 'bytes', document(mega)],
    ['sessions', 'title', 500, 'characters', 'x'.repeat(501)],
    ['sessions', 'state', mega, 'bytes', document(mega)],
    ['executions', 'input_data', mega, 'bytes', document(mega)],
    ['executions', 'metadata', mega, 'bytes', document(mega)],
    ['executions', 'idempotency_key', 500, 'characters', 'x'.repeat(501)],
    ['resources', 'metadata', mega, 'bytes', document(mega)],
  ])('%s.%s of over %i %s is rejected', async (table, column, most, unit, value) => {
    const others: Record<string, Record<string, unknown>> = {
      agents: { name: 'a' },
      models: { name: 'm', provider: 'local', model: 'm' },
      tools: { name: 't', kind: 'custom' },
      executions: { agent_id: await makeAgent(db.pool), input: 'hi' },
      resources: { name: 'r', type: 'text/plain', bytes: Buffer.from('x') },
    };
    const row = { ...others[table], [column]: value };
    const places = Object.keys(row).map((_, index) => `$${index + 1}`);
    const refused = await refusal(
      db.pool.query(
        `insert into howdah.${table} (${Object.keys(row).join(', ')}) values (${places.join(', ')})`,
        Object.values(row),
      ),
    );
    expect(refused).toMatchObject({
      code: 'HWINV',
      hint: expect.stringContaining(`${most} ${unit}`),
    });
    expect(refused.hint).toMatch(
      unit === 'characters' ? /^Shorten it/ : /howdah\.resources|Shorten the list/,
    );
    expect(refused.message).toMatch(
      new RegExp(`^${column} has \\d+ ${unit}, at most ${most} are allowed$`),
    );
    expect(refused.fields).toEqual({ field: column, most, unit });
  });

  test('an update is rejected too, and a value just within the limit is accepted', async () => {
    await rolledBack(db.pool, async (client) => {
      const id = await makeSession(client, { title: 'é'.repeat(500) });
      const change = 'update howdah.sessions set state = $2 where id = $1';
      await client.query(change, [id, JSON.stringify({ a: 'x'.repeat(mega - 9) })]);
      expect(await refusal(client.query(change, [id, document(mega)]))).toMatchObject({
        code: 'HWINV',
      });
    });
  });

  test('the size of a value is measured uncompressed', async () => {
    const { stored } = await one(
      db.pool,
      `with made as (insert into howdah.sessions (title) values ('bomb') returning id)
       select pg_column_size(repeat('x', 2000)) as stored from made`,
    );
    expect(stored).toBeGreaterThan(1000);
    const text = `update howdah.sessions set state = jsonb_build_object('a', repeat('x', 2000000)) where title = 'bomb'`;
    expect(await refusal(db.pool.query(text))).toMatchObject({ code: 'HWINV' });
  });
});

describe('documents with many levels', () => {
  const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

  test.each([
    ['executions', 'input_data'],
    ['executions', 'metadata'],
    ['executions', 'overrides'],
    ['executions', 'client_tools'],
    ['executions', 'history'],
    ['executions', 'input_parts'],
    ['sessions', 'state'],
    ['tools', 'configuration'],
    ['agents', 'output_schema'],
    ['resources', 'metadata'],
  ])('%s.%s has at most 100', async (table, column) => {
    const others: Record<string, Record<string, unknown>> = {
      executions: { agent_id: await makeAgent(db.pool), input: 'hi' },
      tools: { name: 't', kind: 'custom' },
      agents: { name: 'deep' },
      resources: { name: 'r', type: 'text/plain', bytes: Buffer.from('x') },
    };
    const list = ['client_tools', 'history', 'input_parts'].includes(column);
    const value = list ? `[${nested(100)}]` : nested(101);
    const row = { ...others[table], [column]: value };
    const places = Object.keys(row).map((_, index) => `$${index + 1}`);
    const text = `insert into howdah.${table} (${Object.keys(row).join(', ')}) values (${places.join(', ')})`;
    const refused = await refusal(db.pool.query(text, Object.values(row)));
    expect(refused.code).toBe('HWINV');
  });

  test.each([
    ['agents', 'output_schema', { name: 'deeper' }],
    ['tools', 'parameters', { name: 'deeper', kind: 'custom' }],
    ['tools', 'configuration', { name: 'deeper', kind: 'custom' }],
    ['models', 'request_params', { name: 'deeper', provider: 'local', model: 'm' }],
    ['workflows', 'configuration', { name: 'deeper', type: 'chain' }],
    ['mcp_servers', 'configuration', { name: 'deeper', type: 'http' }],
    ['integrations', 'endpoints', { name: 'deeper', resource_url: 'https://example.com' }],
    ['prompts', 'variables', { name: 'deeper', template: 'x' }],
    ['resources', 'metadata', { name: 'r', type: 'text/plain', bytes: Buffer.from('x') }],
  ])('%s.%s is refused before the levels exhaust the stack', async (table, column, others) => {
    // other triggers read documents before _990_refuse_invalid
    for (const value of [nested(6_000), `${'['.repeat(6_000)}1${']'.repeat(6_000)}`]) {
      const row = { ...others, [column]: value };
      const places = Object.keys(row).map((_, index) => `$${index + 1}`);
      const text = `insert into howdah.${table} (${Object.keys(row).join(', ')}) values (${places.join(', ')})`;
      expect((await refusal(db.pool.query(text, Object.values(row)))).code).toBe('HWINV');
    }
  });

  test('are named, with the limit', async () => {
    const insert = (levels: number) =>
      db.pool.query('insert into howdah.sessions (state) values ($1)', [nested(levels)]);
    await insert(100);
    expect(await refusal(insert(101))).toMatchObject({
      code: 'HWINV',
      message: 'state is nested more than 100 levels deep',
      hint: 'Write lists and objects with fewer levels.',
      fields: { field: 'state', most: 100, unit: 'levels' },
    });
  });

  test('do not make the first message of a run longer than the data', async () => {
    const length = async (data: string) => {
      const { length } = await one(
        db.pool,
        `select length(howdah_private.first_content('hi', $1, null))::int as length`,
        [data],
      );
      return length as number;
    };
    const items = Array.from({ length: 50_000 }, () => 1);
    expect(await length(`${'['.repeat(90)}${JSON.stringify(items)}${']'.repeat(90)}`)).toBeLessThan(
      200_000,
    );
    expect(await length(nested(90))).toBeLessThan(1_000);
    const { text } = await one(
      db.pool,
      `select howdah_private.first_content('hi', '{"a": [1]}', null) as text`,
    );
    expect(text).toBe('hi\n\n{\n    "a": [\n        1\n    ]\n}');
  });
});
