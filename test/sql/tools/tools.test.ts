import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { JsonSchema } from '../../../src/json/json.ts';
import { schemaFault } from '../../../src/tools/mcp/results/sanitize-schema.ts';
import { testDatabase } from '../../support/database.ts';
import { all, asRole, makeAgent, makeModel, makeRun, one, refusal } from '../support.ts';

const db = testDatabase();

let count = 0;

async function makeTool(columns: {
  name?: string;
  aliases?: string[];
  parameters?: unknown;
}): Promise<string> {
  count += 1;
  const { name = `tool_${count}`, aliases = [], parameters = { type: 'object' } } = columns;
  const { rows } = await db.pool.query(
    `insert into howdah.tools (name, kind, aliases, parameters) values ($1, 'custom', $2, $3) returning name`,
    [name, aliases, JSON.stringify(parameters)],
  );
  return rows[0].name;
}

describe('validation of tool parameters on write', () => {
  test.each([
    [{ properties: { x: { type: 'strin' } } }, 'parameters.properties.x.type', 'JSON type'],
    [{ properties: { x: { minLength: -1 } } }, 'parameters.properties.x.minLength', 'whole number'],
    [{ properties: { x: 7 } }, 'parameters.properties.x', 'an object or a boolean'],
    [{ properties: [] }, 'parameters.properties', 'set of schemas by name'],
    [{ required: 'x' }, 'parameters.required', 'list of names'],
    [{ required: [1] }, 'parameters.required', 'list of names'],
    [{ properties: { x: { anyOf: [true, 7] } } }, 'parameters.properties.x.anyOf[1]', '7'],
    [
      { properties: { x: { items: { type: ['string', 'x'] } } } },
      'parameters.properties.x.items.type',
      'x',
    ],
    [{ $defs: { a: { not: 'b' } } }, 'parameters.$defs.a.not', '"b"'],
  ])('rejects %j and names the path', async (schema, path, words) => {
    const refused = await makeTool({ parameters: { type: 'object', ...schema } }).catch(
      (error) => error,
    );
    expect(refused).toMatchObject({ code: 'HWINV' });
    expect(JSON.parse(refused.detail)).toEqual({ field: 'parameters', path });
    expect(refused.message).toContain(words);
  });

  test.each<[object, string, string]>([
    [
      { properties: { a: { $ref: 'http://169.254.169.254/x' } } },
      'properties.a',
      'is in another document',
    ],
    [{ properties: { a: { $ref: 'other.json#/x' } } }, 'properties.a', 'is in another document'],
    [
      { properties: { a: { items: [{ $ref: '#/$defs/A' }] } } },
      'properties.a.items[0]',
      'does not exist',
    ],
    [{ $defs: { a: { not: { $ref: '#/$defs/b' } } } }, '$defs.a.not', 'does not exist'],
    [{ anyOf: [{}, { $ref: '#/%FF' }] }, 'anyOf[1]', 'does not exist'],
  ])('rejects %j, against which no value could be checked', async (schema, path, words) => {
    const refused = await makeTool({ parameters: { type: 'object', ...schema } }).catch(
      (error) => error,
    );
    expect(refused).toMatchObject({
      code: 'HWINV',
      message: expect.stringMatching(`${words}$`),
      hint: expect.stringContaining('$defs'),
    });
    expect(JSON.parse(refused.detail)).toEqual({
      field: 'parameters',
      path: `parameters.${path}.$ref`,
    });
  });

  test('returns the same error to the application', async () => {
    const { id } = await one(db.pool, `select id from howdah.tenants where slug = 'default'`);
    const refused = await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': id }, (client) =>
      client
        .query(
          `insert into howdah.tools (name, kind, parameters) values ('x', 'custom', '{"type": "object", "$defs": {"a": {"$ref": "x"}}}')`,
        )
        .catch((error) => error),
    );
    expect(refused).toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining('another document'),
    });
  });

  test.each([
    { properties: { $ref: { type: 'string' }, a: { enum: [{ $ref: 'x' }] } } },
    {
      properties: { a: { $ref: '#/$defs/a' }, b: { $ref: '#' } },
      $defs: { a: { items: { $ref: '#/$defs/a' } } },
    },
    { properties: { a: { $ref: '#/definitions/x~1y%20z' } }, definitions: { 'x/y z': true } },
    { properties: { a: { $ref: '#x' } }, $defs: { a: { $anchor: 'x' } } },
  ])('accepts %j, whose references resolve', async (schema) => {
    await expect(makeTool({ parameters: { type: 'object', ...schema } })).resolves.toBeTruthy();
  });

  test('rejects a schema that is not of an object, by a named constraint', async () => {
    await expect(makeTool({ parameters: { type: 'string' } })).rejects.toMatchObject({
      constraint: 'parameters_are_a_schema_of_an_object',
    });
  });

  test('checks an update like an insert, and changes nothing on error', async () => {
    const name = await makeTool({});
    await expect(
      db.pool.query(
        `update howdah.tools set parameters = '{"type": "object", "required": 1}' where name = $1`,
        [name],
      ),
    ).rejects.toMatchObject({ code: 'HWINV' });
  });

  test("checks an agent's output_schema too, also for the application", async () => {
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      const refused = await refusal(
        client.query(
          `insert into howdah.agents (name, output_schema) values ('typed', '{"type": "objekt"}')`,
        ),
      );
      expect(refused).toMatchObject({
        code: 'HWINV',
        fields: { path: 'output_schema.type', field: 'output_schema' },
      });
    });
  });
});

describe('names and aliases', () => {
  test('are unique together within a tenant, in either order', async () => {
    await makeTool({ name: 'search', aliases: ['find', 'look_up'] });
    for (const taken of [
      { name: 'find' },
      { name: 'seek', aliases: ['search'] },
      { aliases: ['look_up'] },
    ]) {
      await expect(makeTool(taken)).rejects.toMatchObject({
        code: 'HWCNF',
        message: expect.stringContaining("'search'"),
      });
    }
    await expect(makeTool({ name: 'echo', aliases: ['echo'] })).rejects.toMatchObject({
      code: 'HWCNF',
      message: expect.stringContaining('duplicate'),
    });
  });

  test('become free on update or delete', async () => {
    await makeTool({ name: 'old', aliases: ['older'] });
    await db.pool.query(
      `update howdah.tools set name = 'new', aliases = '{old}' where name = 'old'`,
    );
    await makeTool({ name: 'older' });
    await db.pool.query(`delete from howdah.tools where name = 'new'`);
    await makeTool({ name: 'old' });
    const names = `select name, aliases from howdah.tools where name in ('new', 'old', 'older') order by name`;
    expect(await all(db.pool, names)).toEqual([
      { name: 'old', aliases: [] },
      { name: 'older', aliases: [] },
    ]);
  });

  test('that two sessions insert at once are accepted for only one', async () => {
    const results = await Promise.allSettled([
      makeTool({ name: 'left', aliases: ['same'] }),
      makeTool({ name: 'right', aliases: ['same'] }),
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('may be the same in two tenants', async () => {
    await db.pool.query(`insert into howdah.tenants (slug, name) values ('other', 'Other')`);
    await makeTool({ name: 'shared' });
    await db.pool.query(
      `insert into howdah.tools (tenant_id, name, kind)
       select id, 'shared', 'custom' from howdah.tenants where slug = 'other'`,
    );
    const shared = `select count(distinct tenant_id)::int as tenants from howdah.tools where name = 'shared'`;
    expect(await one(db.pool, shared)).toEqual({ tenants: 2 });
  });

  test.each(['with space', 'ümlaut', '', 'a,b', 'a\nb', 'x'.repeat(65)])(
    'reject %j, which does not fit the wire format',
    async (name) => {
      await expect(makeTool({ name })).rejects.toMatchObject({ constraint: 'name_fits_the_wire' });
      await expect(makeTool({ aliases: [name] })).rejects.toMatchObject({
        constraint: 'aliases_fit_the_wire',
      });
    },
  );
});

const SUITE = join(process.env.HOWDAH_TEST_ASSETS ?? '', 'json-schema-suite');
const hasSuite = process.env.HOWDAH_TEST_ASSETS !== undefined && existsSync(SUITE);

describe.skipIf(!hasSuite)('the JSON Schema test suite (HOWDAH_TEST_ASSETS)', () => {
  test('contains no schema that is rejected', async () => {
    const schemas = ['draft2020-12', 'draft7'].flatMap((draft) =>
      readdirSync(join(SUITE, draft)).flatMap((file) =>
        (JSON.parse(readFileSync(join(SUITE, draft, file), 'utf8')) as { schema: unknown }[]).map(
          ({ schema }) => JSON.stringify(schema),
        ),
      ),
    );
    expect(schemas.length).toBeGreaterThan(100);
    const { rows } = await db.pool.query(
      `select s.schema, howdah_private.schema_fault(s.schema::jsonb, 'schema') as fault
       from unnest($1::text[]) as s (schema)
       where s.schema !~ '\\\\u0000' and howdah_private.schema_fault(s.schema::jsonb, 'schema') is not null`,
      [schemas],
    );
    expect(rows).toEqual([]);
  });
});

describe('a JSON Schema that is too large is rejected before traversal', () => {
  const wide = { allOf: Array(5_000).fill({ minProperties: 0 }) };
  const deep = Array.from({ length: 101 }).reduce<object>((not) => ({ not }), {});
  const long = { description: 'x'.repeat(131_072) };
  const writes: [field: string, statement: string][] = [
    [
      'parameters',
      `insert into howdah.tools (name, kind, parameters) values ('sized', 'custom', $1)`,
    ],
    ['output_schema', `insert into howdah.agents (name, output_schema) values ('sized', $1)`],
  ];

  test.each(writes)('in %s', async (field, statement) => {
    const refused = (schema: object) =>
      expect(db.pool.query(statement, [JSON.stringify({ type: 'object', ...schema })])).rejects;
    await refused(wide).toMatchObject({
      code: 'HWINV',
      message: `${field} is too large a JSON Schema: it has 5001 objects and booleans, at most 5000 are allowed`,
    });
    await refused(deep).toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining('100 levels'),
    });
    await refused(long).toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining('131072'),
    });
  });

  test('a schema with more than 20 references is reported as unsupported in SQL', async () => {
    const path = async (count: number) => {
      const schema = JSON.stringify({
        allOf: Array(count).fill({ $ref: '#/$defs/a' }),
        $defs: { a: {} },
      });
      const query = 'select howdah_private.unsupported_schema_keyword($1) as path';
      return (await db.pool.query(query, [schema])).rows[0].path;
    };
    expect([await path(20), await path(21)]).toEqual([null, '$ref']);
  });

  test('in tools of clients and of MCP servers', async () => {
    const tool = JSON.stringify({ name: 'sized', parameters: wide });
    const { rows } = await db.pool.query('select howdah_private.client_tool_fault($1) as fault', [
      tool,
    ]);
    expect(rows[0].fault).toMatch(/^\.parameters is too large a JSON Schema: it has 5001 objects/);
    expect(schemaFault(wide)).toContain('5001 objects and booleans');
    expect(schemaFault(deep as JsonSchema)).toContain('101 levels');
    expect(schemaFault({ allOf: Array(4_999).fill({}) })).toBeNull();
  });

  test('a schema at the size limit is accepted', async () => {
    const schema = { type: 'object', allOf: Array(4_999).fill({ minProperties: 0 }) };
    const { rows } = await db.pool.query('select howdah_private.schema_size_fault($1) as fault', [
      JSON.stringify(schema),
    ]);
    expect(rows).toEqual([{ fault: null }]);
    await db.pool.query(writes[0]?.[1] ?? '', [JSON.stringify(schema)]);
  });
});

describe('API keys in rows', () => {
  test.each([
    [
      'parameters',
      `insert into howdah.tools (name, kind, parameters)
       values ('keyed', 'custom', '{"type": "object", "properties": {"k": {"type": "string", "default": "sk-abcdefgh12345678"}}}')`,
    ],
    [
      'output_schema',
      `insert into howdah.agents (name, output_schema) values ('keyed', '{"type": "string", "const": "sk-abcdefgh12345678"}')`,
    ],
    [
      'request_params',
      `insert into howdah.agent_models (agent_id, model_id, position, request_params)
       select howdah.agent('development'), id, 9, '{"headers": {"X-Api-Key": "abcdef"}}' from howdah.models limit 1`,
    ],
    [
      'request_params',
      `insert into howdah.agent_models (agent_id, model_id, position, request_params)
       select howdah.agent('development'), id, 9, '{"stop": ["sk-abcdefgh1234"]}' from howdah.models limit 1`,
    ],
    [
      'configuration',
      `insert into howdah.tools (name, kind, configuration) values ('keyed', 'custom', '{"password": "x"}')`,
    ],
    [
      'metadata',
      `insert into howdah.executions (agent_id, input, metadata)
       values (howdah.agent('development'), 'Hi', '{"order": 4711, "auth": {"token": "x"}}')`,
    ],
    [
      'metadata',
      `select howdah.run('development', 'Hi', metadata => '{"tags": ["mail", "sk-abcdefgh12345678"]}')`,
    ],
    [
      'metadata',
      `insert into howdah.schedules (name, cron, agent_id, input, metadata)
       values ('keyed', '@daily', howdah.agent('development'), 'Hi', '{"api_key": "x"}')`,
    ],
    [
      'metadata',
      `insert into howdah.resources (name, type, bytes, metadata) values ('a', 'text/plain', 'a', '{"password": "x"}')`,
    ],
    [
      'instruction',
      `insert into howdah.agents (name, instruction) values ('keyed', 'Call it with sk-proj-A1b2C3d4E5f6G7h8I9j0.')`,
    ],
    [
      'system_prompt',
      `insert into howdah.agents (name, system_prompt) values ('keyed', 'The key: AKIAIOSFODNN7EXAMPLE')`,
    ],
    [
      'description',
      `insert into howdah.agents (name, description) values ('keyed', 'postgres://me:correcthorse99@db/shop')`,
    ],
    [
      'description',
      `insert into howdah.tools (name, kind, description) values ('keyed', 'custom', 'Send Bearer A1b2C3d4E5f6G7h8I9j0 along')`,
    ],
  ])('are rejected in %s', async (field, statement) => {
    const refusal = await db.pool.query(statement).catch((error) => error);
    expect(refusal).toMatchObject({ code: 'HWINV', message: expect.stringContaining(field) });
  });

  test.each([
    ...'agents workflows workflow_agents tools models prompts skills schedules webhooks'.split(' '),
  ])('are rejected in any text column of %s', async (table) => {
    const rows = await all(
      db.pool,
      `select a.attname as column, exists (
           select from pg_trigger as t
           where t.tgrelid = a.attrelid and t.tgfoid = 'howdah_private.tg__refuse_keys_in_texts'::regproc
             and a.attname = any (string_to_array(encode(t.tgargs, 'escape'), '\\000'))
             and a.attnum = any (t.tgattr::int2[])
         ) as is_checked
         from pg_attribute as a
         where a.attrelid = ('howdah.' || $1)::regclass and a.atttypid in ('text'::regtype, 'text[]'::regtype)
           and has_column_privilege('howdah_app', a.attrelid, a.attnum, 'insert')`,
      [table],
    );
    expect(rows.length).toBeGreaterThan(0);
    const unchecked = rows.filter(({ is_checked }) => !is_checked).map(({ column }) => column);
    // Columns with their own checks: addresses, values of a list, and names of secrets. Inputs are
    // contents.
    const others = [
      'base_url',
      'url',
      'provider',
      'price_unit',
      'cron',
      'timezone',
      'secret_name',
      'previous_secret_name',
      'events',
      'input',
    ];
    expect(unchecked.filter((column) => !others.includes(column))).toEqual([]);
  });

  test.each(['name', 'domain', 'capabilities'])(
    'are rejected in the %s of an agent',
    async (column) => {
      const key = `sk-proj-${'A1b2C3d4E5f6G7h8'}`;
      const refusal = await db.pool
        .query(
          `insert into howdah.agents (name, ${column === 'name' ? 'instruction' : column}) values ($1, $2)`,
          [
            column === 'name' ? key : 'keyed',
            column === 'capabilities' ? [key] : column === 'domain' ? key : 'x',
          ],
        )
        .catch((error) => error);
      expect(refusal).toMatchObject({ code: 'HWINV', message: expect.stringContaining(column) });
      expect(JSON.stringify(refusal)).not.toContain(key);
    },
  );

  test('are rejected in the source of a system, whichever function receives it', async () => {
    const { id } = await one(db.pool, `select id from howdah.tenants where slug = 'default'`);
    const settle = (source: string, description = '') =>
      asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': id }, (client) =>
        client.query('select howdah_private.save_system_row($1, $2, $3, false)', [
          JSON.stringify({ name: 'keyed', description }),
          source,
          '{}',
        ]),
      ).then(
        () => 'written',
        (error) => error.message,
      );
    expect(await settle('name: keyed\n# password: Tr0ub4dor3xyz')).toBe(
      'line 2 of source contains a key; rows must not contain keys',
    );
    expect(await settle('x', `with sk-proj-${'A1b2C3d4E5f6G7h8'}`)).toMatch(
      /^description contains/,
    );
    for (const words of [
      'secret_name: GROQ_KEY_2',
      'mission: Reset the password: open the settings of step2',
      'tokens: { max_tokens: 40000 }',
      'variables: { token: { type: string } }',
    ]) {
      expect(await settle(words)).toBe('written');
    }
  });

  const faultOf = (document: unknown) =>
    db.pool
      .query(`select howdah_private.check_plain_secrets('configuration', $1)`, [
        JSON.stringify(document),
      ])
      .then(
        () => null,
        (error) => error,
      );
  const VENDORS =
    'sk rk gsk xai pplx r8 hf npm dop_v1 hwd lin_api ntn whsec SG gho ghp ghs ghu ghr glpat'.split(
      ' ',
    );
  const LONG = 'A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8';

  test.each([
    { apiKey: 'x' },
    { headers: { 'X-Api-Key': 'x' } },
    { a: [{ b: [{ client_secret: 'x' }] }] },
    { env: { GITHUB_TOKEN: 'x', OPENAI_API_KEY: 'x' } },
    { env: { AWS_SECRET_ACCESS_KEY: 'x' } },
    { headers: { Authorization: 'x' } },
    { dsn: 'postgres://me:pw@db/shop' },
    { url: 'https://example.com/v1?api_key=abcdefgh' },
    { text: 'Bearer abcdefgh12' },
    { text: `Say ${`sk-ant-api03-${LONG}`} to it.` },
    ...['sk-', 'sk-proj-', 'ghs_', 'ghp_', 'github_pat_', 'glpat-', 'hf_', 'gsk_', 'AIza'].map(
      (begin) => ({ text: `my key is ${begin}${LONG}` }),
    ),
    ...[
      'r8_',
      'xai-',
      'pplx-',
      'npm_',
      'dop_v1_',
      'hwd_',
      'lin_api_',
      'ntn_',
      'ya29.',
      'SG.',
      'gho_',
      'ghu_',
      'ghr_',
    ].map((begin) => ({ text: `my key is ${begin}${LONG}` })),
    { text: 'rk_live_1' },
    { text: 'Basic bWU6cHc=' },
    { url: 'https://example.com/v1?a=b&signature=abcdefgh' },
    ...[
      ...['token', 'private_token', 'client_secret', 'password', 'subscription-key', 'x-api-key'],
      ...['X-Amz-Signature', 'jwt', 'auth', 'authorization', 'api.key', 'bot-token'],
    ].map((name) => ({ url: `https://example.com/v1?a=b&${name}=${LONG}` })),
    { url: `https://example.com/v1#access_token=${LONG}` },
    { url: 'HTTPS://me:abc@example.com/v1' },
    { GITLAB_PAT: 'x' },
    { DB_PWD: 'x' },
    { AWS_CREDENTIALS: 'x' },
    { 'Set-Cookie': 'x' },
    { text: 'AKIAIOSFODNN7EXAMPLE' },
    { text: `whsec_${LONG}` },
    { text: 'xoxb-123456789012-abcdef' },
    { text: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLXNpZw' },
    { text: '-----BEGIN RSA PRIVATE KEY-----\nMIIE' },
  ])('are rejected with a hint and without their value: %j', async (document) => {
    const { code, message, hint, detail } = await faultOf(document);
    expect({ code, hint }).toMatchObject({
      code: 'HWINV',
      hint: expect.stringMatching(/howdah admin secret set NAME.*secret_name/),
    });
    expect(message).toMatch(/^configuration\.[\w.-]+ contains a key/);
    expect(JSON.parse(detail)).toMatchObject({ field: 'configuration' });
    expect(message + hint + detail).not.toContain(LONG.slice(0, 8));
  });

  test('text that only resembles a key is accepted', async () => {
    expect(
      await faultOf({
        max_tokens: 100,
        stop: ['token', 'sk-learn', 'password', 'Bearer of news', 'Basic questions, please'],
        stop_token: '</s>',
        secret_name: 'openai',
        allowed_tools: ['reset_password', 'get_secret'],
        mission_override: 'Never ask for a password or an API key; eyJ is no word, sk-y is no sky.',
        url: 'https://example.com:8443/v1?api-version=2024-10-21&key=short&max_tokens=10000000',
        next: 'https://example.com/v1?page_token=CAUQAA12345678&sort_key=created_at&q=author=somebody',
        idempotency_key: 'order-1',
        primary_key: 'id',
        password: '',
        question: { schema: { properties: { password: { type: 'string' } } } },
        model: 'ft:gpt-4o-mini-2024-07-18:acme:suffix:9abcdEFG',
        id: '01980000-0000-7000-8000-000000000000',
        sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      }),
    ).toBeNull();
  });

  test.each([
    ['base_url', { base_url: `https://example.com/v1?key=AIza${LONG}` }],
    ['capabilities', { capabilities: { headers: { 'x-api-key': 'abc' } } }],
  ])('are rejected in a model: %s', async (field, columns) => {
    const refused = makeModel(db.pool, columns);
    await expect(refused).rejects.toMatchObject({ code: 'HWINV' });
    await expect(refused).rejects.toThrow(field);
  });

  test.each(['', 'Use it: ', 'word\n'])(
    'are recognized in prose by shape alone, after %j',
    async (before) => {
      const keys = [
        ...[
          'sk-',
          'sk-proj-',
          'sk-ant-api03-',
          'ghs_',
          'ghp_',
          'glpat-',
          'hf_',
          'gsk_',
          'npm_',
        ].map((begin) => begin + LONG),
        `github_pat_11A1B2C3D4_${LONG}`,
        ...['sk-proj-', 'ghp_', 'Bearer '].map(
          (begin) => `${begin}${'abcdefghijklmnopqrstuvwxyz'}0123456789`, // digits after letters
        ),
        `sk_live_${LONG}`,
        `AIza${LONG.slice(0, 35)}`,
        'AKIAIOSFODNN7EXAMPLE',
        `whsec_${LONG}`,
        'xoxb-123456789012-abcdef',
        'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLXNpZw',
        `-----BEGIN PRIVATE KEY-----\n${LONG}${LONG}`,
        `https://example.com/?api_key=${LONG}`,
        `https://me:${LONG}@example.com`,
        ...VENDORS.flatMap((vendor) => ['-', '_', '.'].map((mark) => `${vendor}${mark}${LONG}`)),
      ];
      const { rows } = await db.pool.query(
        'select k.key from unnest($1::text[]) as k (key) where not howdah_private.prose_contains_secret($2 || k.key || $3)',
        [keys, before, '.'],
      );
      expect(rows).toEqual([]);
    },
  );

  test('prose may mention keys', async () => {
    const words = [
      'sk-learn is a library; keys of OpenAI begin with sk- or sk-proj-.',
      'sk-learn-pipelines-with-20-steps, npm-check-updates-v16 and hf-transformers-4-bit-models',
      'Bearer documents are no tokens. Send the header Authorization: Bearer <token>.',
      'Basic assistant: answers basic questions about passwords and API keys. password: never ask for it.',
      'Connect to postgres://user:password@host:5432/db or https://user:pass@host.',
      'https://api.example.com/v1?api_key=YOUR_API_KEY_HERE&key=value',
      'Never print -----BEGIN PRIVATE KEY----- blocks, nor AKIA… or eyJ… strings.',
      'The digest e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 of 01980000-0000-7000-8000-000000000000',
      'ghp_ and github_pat_ tokens, xoxb- tokens, whsec_ secrets, glpat-tokens-are-rotated-every-30-days',
      'ASIA and AKIA are prefixes; ASIAPACIFICREGION too',
    ];
    const { rows } = await db.pool.query(
      'select w.word from unnest($1::text[]) as w (word) where howdah_private.prose_contains_secret(w.word)',
      [words],
    );
    expect(rows).toEqual([]);
    await makeAgent(db.pool, { instruction: words.join('\n'), description: words[3] });
    await db.pool.query(
      `insert into howdah.tools (name, kind, description) values ('talks_of_keys', 'custom', $1)`,
      [words.join('\n')],
    );
  });

  test('user input may contain a key, and a fork repeats accepted input', async () => {
    const said = `my key is sk-proj-${LONG}`;
    const id = await makeRun(db.pool, { input: said, input_data: JSON.stringify({ token: said }) });
    await db.pool.query(`update howdah.executions set metadata = '{"token": "x"}' where id = $1`, [
      id,
    ]);
    await db.pool.query('select howdah.fork_execution($1, 0)', [id]);
    const forks =
      'select input, input_data from howdah.executions where forked_from_execution_id = $1';
    expect(await all(db.pool, forks, [id])).toEqual([{ input: said, input_data: { token: said } }]);
    await db.pool.query(
      `select howdah.cancel_execution(id) from howdah.executions where $1 in (id::uuid, forked_from_execution_id)`,
      [id],
    );
  });

  test.each([
    ['https://user:pw@example.com/v1', 'https://example.com/v1'],
    ['HTTPS://sk-abcdef@example.com:8443/v1?key=abcdefgh', 'HTTPS://example.com:8443/v1'],
  ])('are rejected before the host of a base_url: %s', async (base_url, without) => {
    const refused = await makeModel(db.pool, { base_url }).catch((error) => error);
    expect(refused).toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining('base_url'),
      detail: JSON.stringify({ field: 'base_url' }).replace(':', ': '),
      hint: expect.stringContaining(`Use ${without}.`),
    });
    expect(refused.hint).not.toMatch(/pw|sk-|abcdefgh/);
  });

  test('a WebSocket base_url is accepted for speech models only', async () => {
    const make = (purpose: string, url: string) =>
      db.pool.query(
        `insert into howdah.models (name, provider, model, purpose, base_url)
         values ($1 || $2, 'openai-compatible', 'x', $1::howdah.model_purpose, $2) returning id`,
        [purpose, url],
      );
    const made = await make('stt', 'wss://api.example.com/v1/listen');
    await make('tts', 'WS://127.0.0.1:9000/speak');
    await expect(make('llm', 'wss://api.example.com/v1')).rejects.toMatchObject({
      constraint: 'a_socket_is_for_speech',
      hint: expect.stringContaining('wss://'),
    });
    const asLlm = `update howdah.models set purpose = 'llm' where id = $1`;
    await expect(db.pool.query(asLlm, [made.rows[0].id])).rejects.toMatchObject({
      constraint: 'a_socket_is_for_speech',
    });
    await expect(make('stt', 'wss://')).rejects.toMatchObject({ constraint: 'base_url_is_http' });
    await expect(make('stt', 'wss://a:pw@api.example.com/x')).rejects.toMatchObject({
      code: 'HWINV',
      hint: expect.stringContaining('wss://api.example.com/x'),
    });
    await expect(
      make('stt', 'wss://api.example.com/x?key=sk-abcdefghijklmnopqrstuvwx'),
    ).rejects.toMatchObject({ code: 'HWINV' });
  });

  test.each(['http://example.com/v1 x', 'ftp://example.com'])(
    'an invalid base_url is rejected: %s',
    async (url) => {
      const made = db.pool.query(
        `insert into howdah.models (name, provider, model, base_url) values ('x', 'openai', 'x', $1)`,
        [url],
      );
      await expect(made).rejects.toMatchObject({ constraint: 'base_url_is_http' });
    },
  );

  test.each([
    'http://127.0.0.1:1/v1',
    'http://2130706433/v1',
    'http://[::1]/v1',
    'http://localhost/v1',
    'http://metadata.google.internal/v1',
    'http://postgres:5432/',
    'http://127.0.0.1.nip.io/v1',
    'HTTP://127.0.0.1/v1',
    'wss://127.0.0.1/listen',
    'WS://localhost:9000/',
  ])('a tenant may not name a private server: %s', async (url) => {
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      const made = client.query(
        `insert into howdah.models (name, provider, model, purpose, base_url) values ('x', 'openai', 'x', 'stt', $1)`,
        [url],
      );
      await expect(made).rejects.toMatchObject({ code: 'HWDEN' });
    });
  });

  test('a tenant may name a public server, and an owner any server', async () => {
    const insert = `insert into howdah.models (name, provider, model, base_url)
      values ($1, 'openai', 'x', $2) returning base_url`;
    const publicUrl = 'https://api.groq.com/openai/v1';
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      expect(await one(client, insert, ['x', publicUrl])).toEqual({ base_url: publicUrl });
    });
    const atHome = 'http://127.0.0.1:11434/v1';
    expect(await one(db.pool, insert, ['at home', atHome])).toEqual({ base_url: atHome });
  });
});

describe('a SQL tool of another function with the same name', () => {
  test('is rejected, and the first function keeps its agents', async () => {
    await db.pool.query(`create schema one; create schema two;
      create function one.twin(a text) returns text language sql as 'select a';
      create function two.twin(a text) returns text language sql as 'select a'`);
    await db.pool.query(`select howdah.register_sql_tool('one.twin(text)')`);
    await expect(
      db.pool.query(`select howdah.register_sql_tool('two.twin(text)')`),
    ).rejects.toMatchObject({
      code: 'HWCNF',
    });
    await db.pool.query('drop function one.twin(text)');
    await db.pool.query(`select howdah.register_sql_tool('two.twin(text)')`);
  });

  test.each([
    [
      `create function one.trg() returns trigger language plpgsql as 'begin return new; end'`,
      'one.trg()',
    ],
    [
      `create function one.any(a anyelement) returns text language sql as 'select null::text'`,
      'one.any(anyelement)',
    ],
  ])('%s cannot be a tool', async (statement, signature) => {
    await db.pool.query(statement);
    await expect(
      db.pool.query('select howdah.register_sql_tool($1)', [signature]),
    ).rejects.toMatchObject({
      code: 'HWINV',
    });
  });
});

describe('recorded executions', () => {
  test('cannot be deleted, truncated or rewritten by their owner', async () => {
    const { rows } = await db.pool.query(
      `insert into howdah.executions (agent_id, input) values (howdah.agent('development'), 'x') returning id`,
    );
    const id = rows[0].id;
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    for (const statement of [
      `delete from howdah.executions where id = '${id}'`,
      'truncate howdah.executions',
      `update howdah.executions set input = 'forged' where id = '${id}'`,
    ]) {
      await expect(db.pool.query(statement)).rejects.toMatchObject({ code: 'HWDEN' });
    }
  });
});

describe('validation of the http_request configuration on write', () => {
  const write = (configuration: unknown) =>
    db.pool
      .query(
        `update howdah.tools set configuration = $1 where name = 'http_request' returning name`,
        [JSON.stringify(configuration)],
      )
      .then(
        ({ rowCount }) => rowCount,
        (error) => error,
      );

  test.each([
    [{ alow: ['x.org'] }, /alow/],
    [{ methods: ['get'] }, /methods/],
    [{ methods: [] }, /methods/],
    [{ secrets: { authorization: { secret_name: 'shop' } } }, /hosts/],
    [{ secrets: { authorization: { secret_name: 'shop', hosts: ['*'] } } }, /hosts/],
    [{ allow: ['http://x.com/'] }, /allow/],
    [{ allow: 'http://x.com/' }, /allow/],
    [{ secrets: { 'bad name': { secret_name: 'shop', hosts: ['x.org'] } } }, /secrets/],
    [{ secrets: { a: { secret_name: 'shop', hosts: ['x.org'], prefix: 'a\nb' } } }, /prefix/],
    [{ secrets: { authorization: 'Bearer abcdef1234567890' } }, /contains a key/],
  ])('rejects %j', async (configuration, said) => {
    expect(await write(configuration)).toMatchObject({
      code: 'HWINV',
      message: expect.stringMatching(said),
    });
  });

  test('requires that a named secret exists', async () => {
    const configuration = { secrets: { 'x-key': { secret_name: 'nowhere', hosts: ['x.org'] } } };
    expect(await write(configuration)).toMatchObject({
      code: 'HWNTF',
      message: expect.stringContaining('nowhere'),
    });
  });

  test('accepts settings that narrow access', async () => {
    expect(await write({ allow: ['x.org', '*.y.org:8443'], methods: ['GET'] })).toBeGreaterThan(0);
    await write({});
  });
});
