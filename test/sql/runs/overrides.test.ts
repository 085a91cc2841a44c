import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { RESERVED_PARAMS } from '../../../src/providers/http/reserved-params.ts';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  committed,
  makeAgent,
  makeModel,
  makeRun,
  makeTenant,
  makeTool,
  makeWorker,
  one,
  refusedInside,
  takeRole,
  unique,
} from '../support.ts';

// Overrides of a single run, and the permissions that they require.

const db = testDatabase();
let tenant_id: string;
let member: string;
let runner: string;
let admin: string;
let desk: string;
let vault: string;

beforeAll(async () => {
  tenant_id = await makeTenant(db.pool);
  const user = async (username: string, role: string): Promise<string> =>
    (
      await one(
        db.pool,
        'insert into howdah.users (tenant_id, username, role) values ($1, $2, $3) returning id',
        [tenant_id, username, role],
      )
    ).id;
  member = await user('mal', 'member');
  runner = await user('rin', 'viewer');
  admin = await user('boss', 'admin');
  desk = await makeAgent(db.pool, { tenant_id, name: 'desk', max_cost: 2 });
  vault = await makeAgent(db.pool, { tenant_id, name: 'vault' });
  const own = await makeModel(db.pool, { tenant_id, name: 'own' });
  const spare = await makeModel(db.pool, { tenant_id, name: 'spare' });
  await makeModel(db.pool, { tenant_id, name: 'careful', model: 'gpt-5' });
  await makeModel(db.pool, { tenant_id, name: 'voice', purpose: 'tts' });
  await makeModel(db.pool, { name: 'theirs' }); // a model of another tenant
  await db.pool.query(
    `insert into howdah.agent_models (tenant_id, agent_id, model_id, position, request_params)
     select $1, a.id, m.id, m.place, case m.place when 1 then '{"temperature": 1, "seed": 7}' else '{}' end::jsonb
     from unnest($2::uuid[]) as a (id), unnest($3::uuid[]) with ordinality as m (id, place)`,
    [tenant_id, [desk, vault], [own, spare]],
  );
  const tool_id = await makeTool(db.pool, { tenant_id, name: 'look_up' });
  await db.pool.query(
    'insert into howdah.agent_tools (tenant_id, agent_id, tool_id) values ($1, $2, $3)',
    [tenant_id, desk, tool_id],
  );
  // With grants, only the named users have rights on an agent. The member may edit the desk, but
  // only run the vault.
  await db.pool.query(
    `insert into howdah.grants (tenant_id, agent_id, user_id, permission)
     values ($1, $2, $4, 'run'), ($1, $3, $4, 'run'), ($1, $2, $5, 'edit'), ($1, $3, $5, 'run')`,
    [tenant_id, desk, vault, runner, member],
  );
});

const as = <T>(user: string, work: (client: pg.PoolClient) => Promise<T>, more = {}) =>
  asRole(
    db.pool,
    'howdah_app',
    { 'howdah.tenant_id': tenant_id, 'howdah.user_id': user, ...more },
    work,
  );

type RunOptions = { max_cost?: number | string; overrides?: unknown };

/** The two ways to start a run in SQL. */
const ways: [
  string,
  (client: pg.PoolClient, agent: string, options: RunOptions) => [string, unknown[]],
][] = [
  [
    'howdah.run()',
    (_, agent, { max_cost, overrides }) => [
      'select (e).max_cost, (e).overrides from howdah.run($1, $2, max_cost => $3, overrides => $4) as e',
      [agent, 'x', max_cost, overrides === undefined ? null : JSON.stringify(overrides)],
    ],
  ],
  [
    'a plain insert',
    (_, agent, { max_cost, overrides }) => [
      `insert into howdah.executions (agent_id, input, max_cost, overrides)
         values (howdah.agent($1), $2, $3, $4) returning max_cost, overrides`,
      [agent, 'x', max_cost, overrides === undefined ? null : JSON.stringify(overrides)],
    ],
  ],
];

describe.each(ways)('%s', (_, way) => {
  const startRun = (user: string, agent: string, options: RunOptions, more = {}) =>
    as(user, (client) => one(client, ...way(client, agent, options)), more);
  const refused = (user: string, agent: string, options: RunOptions, more = {}) =>
    as(
      user,
      async (client) => {
        const { detail, ...error } = await refusedInside(client, ...way(client, agent, options));
        return { ...error, detail: JSON.parse(String(detail)) };
      },
      more,
    );

  test('lowers the budget of the agent', async () => {
    expect(await startRun(runner, 'desk', { max_cost: '0.10' })).toMatchObject({
      max_cost: '0.10',
    });
    expect(await startRun(member, 'desk', { max_cost: 2 })).toMatchObject({ max_cost: '2' });
    expect(await startRun(member, 'desk', {})).toMatchObject({ max_cost: '2', overrides: null });
    expect(await startRun(member, 'vault', { max_cost: 50 })).toMatchObject({ max_cost: '50' });
  });

  test('takes a field that is null as absent', async () => {
    const overrides = { model: null, request_params: null, allowed_tools: null };
    expect(await startRun(runner, 'desk', { overrides })).toMatchObject({ overrides: null });
    const seed = { ...overrides, request_params: { seed: 7 } };
    expect(await startRun(runner, 'desk', { overrides: seed })).toMatchObject({
      overrides: { request_params: { seed: 7 } },
    });
  });

  test('rejects a budget above that of the agent for every role of the tenant', async () => {
    for (const user of [runner, member, admin]) {
      expect(await refused(user, 'desk', { max_cost: 2.5 })).toMatchObject({
        code: 'HWDEN',
        fields: { most: 2, field: 'max_cost' },
        detail: { field: 'max_cost', most: 2 },
        hint: expect.stringContaining('at most 2'),
      });
    }
  });

  test.each([0, -1, 'NaN', 'Infinity'])('rejects a budget of %s', async (max_cost) => {
    expect(await refused(member, 'desk', { max_cost })).toMatchObject({
      code: 'HWINV',
      detail: { field: 'max_cost' },
    });
  });

  test('stores the model by value, with its parameters for the agent', async () => {
    const requested = { model: 'own', request_params: { temperature: 0 } };
    const { overrides } = await startRun(runner, 'desk', { overrides: requested });
    expect(overrides).toMatchObject({
      model: { name: 'own', model: 'gpt-5-mini', request_params: { temperature: 1, seed: 7 } },
      request_params: { temperature: 0 },
    });
    const other = await startRun(member, 'desk', { overrides: { model: 'careful' } });
    expect(other.overrides).toMatchObject({
      model: { name: 'careful', model: 'gpt-5', request_params: {} },
    });
  });

  test('keeps the parameters of the model itself', async () => {
    const name = unique('strict');
    await makeModel(db.pool, { tenant_id, name, request_params: { seed: 3 } });
    const { overrides } = await startRun(member, 'desk', { overrides: { model: name } });
    expect(overrides).toMatchObject({ model: { name, request_params: { seed: 3 } } });
  });

  test('allows other models and parameters only to users who may edit the agent', async () => {
    const narrow = { model: 'spare', request_params: { temperature: 0, stop: ['.'] } };
    for (const user of [runner, member]) {
      await startRun(user, 'vault', { overrides: narrow });
      await startRun(user, 'desk', { overrides: { allowed_tools: [], suppress_markdown: true } });
    }
    for (const [overrides, field] of [
      [{ model: 'careful' }, 'overrides.model'],
      [{ request_params: { service_tier: 'priority' } }, 'overrides.request_params.service_tier'],
      [{ mission_override: 'Be brief.' }, 'overrides.mission_override'],
    ] as const) {
      expect(await refused(runner, 'desk', { overrides })).toMatchObject({
        code: 'HWDEN',
        message: expect.stringContaining(`may not run this agent with ${field}`),
        detail: { field, agent_id: desk, required_permission: 'edit' },
      });
      // after a grant, only the named users have rights on the agent
      expect(await refused(member, 'vault', { overrides })).toMatchObject({ code: 'HWDEN' });
      await startRun(admin, 'vault', { overrides });
      expect(await refused(admin, 'desk', { overrides }, { 'howdah.scopes': 'run' })).toMatchObject(
        { code: 'HWDEN', detail: { field } },
      );
      await startRun(admin, 'desk', { overrides }, { 'howdah.scopes': 'run,edit' });
    }
  });

  test('allows one tool in place of the model to users who may edit the agent', async () => {
    const overrides = { tool: 'look_up' };
    expect(await refused(runner, 'desk', { overrides })).toMatchObject({
      code: 'HWDEN',
      detail: { field: 'overrides.tool', agent_id: desk, required_permission: 'edit' },
    });
    expect((await startRun(member, 'desk', { overrides })).overrides).toEqual({
      tool: 'look_up',
      allowed_tools: ['look_up'],
      model: expect.objectContaining({ provider: 'engine:tool', model: 'look_up' }),
    });
  });

  test.each<[unknown, string, string, string]>([
    [[1], 'HWINV', 'overrides', 'overrides must be an object'],
    [{ modell: 'own' }, 'HWINV', 'overrides.modell', 'overrides.modell is unknown'],
    [{ mission_override: 1 }, 'HWINV', 'overrides.mission_override', 'must be a text'],
    [{ mission_override: '' }, 'HWINV', 'overrides.mission_override', 'must not be empty'],
    [{ client_tools: [] }, 'HWINV', 'overrides.client_tools', 'is unknown'],
    [{ ephemeral: false }, 'HWINV', 'overrides.ephemeral', 'is unknown'],
    [{ model: { name: 'own' } }, 'HWINV', 'overrides.model', 'must be the name of a model'],
    [{ model: 'voice' }, 'HWINV', 'overrides.model', 'has purpose tts'],
    [{ model: 'theirs' }, 'HWNTF', 'overrides.model', `there is no model 'theirs'`],
    [{ model: 'carefull' }, 'HWNTF', 'overrides.model', `there is no model 'carefull'`],
    [{ allowed_tools: 'look_up' }, 'HWINV', 'overrides.allowed_tools', 'must be a list of names'],
    [{ allowed_tools: [['look_up']] }, 'HWINV', 'overrides.allowed_tools', 'a list of names'],
    [{ allowed_tools: ['lock_up'] }, 'HWINV', 'overrides.allowed_tools', 'names lock_up'],
    [{ request_params: 1 }, 'HWINV', 'overrides.request_params', 'must be an object'],
    [{ tool: 1 }, 'HWINV', 'overrides.tool', 'must be the name of a tool'],
    [{ tool: 'lock_up' }, 'HWINV', 'overrides.tool', 'names lock_up'],
    [{ tool: 'look_up', model: 'own' }, 'HWINV', 'overrides.model', 'cannot be combined with tool'],
    [
      { request_params: { temperature: '0' } },
      'HWINV',
      'overrides.request_params.temperature',
      'must be a number',
    ],
    [
      { request_params: { api_key: 'sk-abcdefgh12345678' } },
      'HWINV',
      'overrides',
      'request_params.api_key contains a key',
    ],
    [{ request_params: { a: 'x'.repeat(65_536) } }, 'HWINV', 'overrides', 'at most 65536'],
  ])('rejects overrides %o', async (overrides, code, field, message) => {
    const error = await refused(admin, 'desk', { overrides });
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    expect(error.detail).toMatchObject({ field });
    expect(error.hint).not.toBe('');
  });
});

describe('a run with its own model', () => {
  const MODEL = { model: 'careful' };

  /** Creates a run of a user, and cancels it. */
  const cancelled = async (overrides: object, user = member) =>
    committed(db.pool, async (client) => {
      await takeRole(client, 'howdah_app', {
        'howdah.tenant_id': tenant_id,
        'howdah.user_id': user,
      });
      const text = `select (howdah.run('desk', 'x', overrides => $1)).id`;
      const { id } = await one(client, text, [JSON.stringify(overrides)]);
      await client.query('select howdah.cancel_execution($1)', [id]);
      return id as string;
    });
  const movedTo = (base_url: string | null) =>
    db.pool.query(
      `update howdah.models set base_url = $2 where tenant_id = $1 and name = 'careful'`,
      [tenant_id, base_url],
    );

  test('is forked with that model in its current state', async () => {
    const id = await cancelled({ ...MODEL, request_params: { top_p: 0.5 } });
    await movedTo('https://new.example.com/v1');
    try {
      const text = 'select (f).overrides, (f).max_cost from howdah.fork_execution($1, 0) as f';
      expect(await as(member, (client) => one(client, text, [id]))).toMatchObject({
        overrides: {
          model: { name: 'careful', base_url: 'https://new.example.com/v1' },
          request_params: { top_p: 0.5 },
        },
      });
    } finally {
      await movedTo(null);
    }
  });

  test('is forked with other overrides, which replace those of the run by name', async () => {
    const id = await cancelled({ ...MODEL, request_params: { top_p: 0.5 }, allowed_tools: [] });
    const forkWith = (user: string, overrides: unknown) =>
      as(user, (client) =>
        one(client, 'select (howdah.fork_execution($1, 0, overrides => $2)).overrides', [
          id,
          JSON.stringify(overrides),
        ]),
      );
    expect(await forkWith(member, { model: 'spare', request_params: null })).toEqual({
      overrides: { model: expect.objectContaining({ name: 'spare' }), allowed_tools: [] },
    });
    const removed = { model: null, request_params: null, allowed_tools: null };
    expect(await forkWith(member, removed)).toEqual({ overrides: null });
    expect(await forkWith(member, {})).toMatchObject({ overrides: { allowed_tools: [] } });
    expect(await forkWith(member, { request_params: { temperature: 0 } })).toMatchObject({
      overrides: { request_params: { top_p: 0.5, temperature: 0 } },
    });
    const own = await cancelled({}, runner);
    for (const [user, overrides, code] of [
      [runner, { model: 'careful' }, 'HWDEN'],
      [admin, { model: 'nobody' }, 'HWNTF'],
      [admin, { modell: 'own' }, 'HWINV'],
      [admin, 'own', 'HWINV'],
      [admin, { tool: 'look_up' }, 'HWINV'],
    ] as const) {
      const text = 'select howdah.fork_execution($1, 0, overrides => $2)';
      expect(
        await as(user, (client) => refusedInside(client, text, [own, JSON.stringify(overrides)])),
      ).toMatchObject({ code, fields: { field: expect.stringMatching(/^overrides/) } });
    }
  });

  test('can be retried only by admins once the URL of the model has changed', async () => {
    await movedTo('https://old.example.com/v1');
    try {
      const id = await cancelled(MODEL);
      const again = 'select howdah.retry_execution($1)';
      await as(member, (client) => client.query(again, [id]));
      await movedTo('https://new.example.com/v1');
      expect(await as(member, (client) => refusedInside(client, again, [id]))).toMatchObject({
        code: 'HWDEN',
        message: expect.stringContaining('with a URL or secret'),
        hint: expect.stringContaining('Fork the run'),
      });
      await as(admin, (client) => client.query(again, [id]));
    } finally {
      await movedTo(null);
    }
  });

  test('uses the model of the other agent after a handoff', async () => {
    const id = await cancelled({
      ...{ ...MODEL, request_params: { top_p: 0.5 } },
      ...{ allowed_tools: [], mission_override: 'Be brief.' },
    });
    const text = `select howdah_private.agent_overrides(jsonb_populate_record(e, $2)) as applied,
        howdah_private.model_chosen(e.overrides, $3) as counted
      from howdah.executions as e where e.id = $1`;
    const first = await one(db.pool, text, [id, {}, 0]);
    expect(first).toMatchObject({ applied: { model: { name: 'careful' } } });
    expect(first.counted).toBe(first.applied.model.id);
    expect(await one(db.pool, text, [id, { handoffs: 1 }, 1])).toEqual({
      applied: { allowed_tools: [] },
      counted: null,
    });
    expect(await one(db.pool, text, [id, { handoffs: 1, overrides: MODEL }, 1])).toMatchObject({
      applied: null,
    });
  });

  test('counts against the limit of that model only, and of no model if it calls a tool', async () => {
    const agent_id = await makeAgent(db.pool);
    await db.pool.query(
      `insert into howdah.agent_tools (agent_id, tool_id) values ($1, howdah.tool('calculator'))`,
      [agent_id],
    );
    const own = await makeModel(db.pool);
    const other = await makeModel(db.pool, { name: 'other' });
    await db.pool.query('insert into howdah.agent_models (agent_id, model_id) values ($1, $2)', [
      agent_id,
      own,
    ]);
    const overrides = { model: 'other' };
    const runs = [
      await makeRun(db.pool, { agent_id, overrides }),
      await makeRun(db.pool, { agent_id, overrides }),
      await makeRun(db.pool, { agent_id }),
      await makeRun(db.pool, { agent_id, overrides: { tool: 'calculator' } }),
      await makeRun(db.pool, { agent_id, overrides: { tool: 'calculator' } }),
    ];
    await db.pool.query(
      `insert into howdah.limits (scope, subject_id, metric, max_value)
       select 'model', id, 'running_runs', 1 from unnest($1::uuid[]) as id`,
      [[own, other]],
    );
    try {
      const worker = await makeWorker(db.pool);
      const text = `select execution_id as id, overrides from howdah_private.claim_executions($1, $2, 1, null, 0)`;
      const claimed = await all(db.pool, text, [worker, runs]);
      expect(claimed.map(({ id }) => id)).toEqual([runs[0], runs[2], runs[3], runs[4]]);
      expect(claimed[0]?.overrides).toMatchObject({ model: { id: other } });
    } finally {
      await db.pool.query('delete from howdah.limits');
      await db.pool.query('select howdah.cancel_execution(id) from unnest($1::uuid[]) as id', [
        runs,
      ]);
    }
  });
});

test('a workflow accepts a budget and rejects overrides', async () => {
  await committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', {
      'howdah.tenant_id': tenant_id,
      'howdah.user_id': admin,
    });
    await client.query(
      `with flow as (insert into howdah.workflows (name, type, max_cost) values ('nightly', 'chain', 3) returning id)
       insert into howdah.workflow_agents (workflow_id, agent_id, sequence_order) select id, howdah.agent('desk'), 1 from flow`,
    );
  });
  await as(member, async (client) => {
    const run = `select max_cost from howdah.run_workflow('nightly', 'x', max_cost => $1)`;
    expect(await one(client, run, [0.5])).toEqual({ max_cost: '0.5' });
    expect(await refusedInside(client, run, [4])).toMatchObject({
      code: 'HWDEN',
      fields: { most: 3, field: 'max_cost' },
    });
    expect(
      await refusedInside(
        client,
        `select howdah.run('nightly', 'x', overrides => '{"model": "own"}')`,
      ),
    ).toMatchObject({
      code: 'HWINV',
      message: 'overrides apply to runs of an agent, not of a workflow',
    });
  });
});

test('an agent with an external engine rejects overrides', async () => {
  await committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', {
      'howdah.tenant_id': tenant_id,
      'howdah.user_id': admin,
    });
    await client.query(
      `insert into howdah.agents (name, engine, engine_configuration) values ('far', 'http', '{"url": "https://example.com"}')`,
    );
  });
  await as(admin, async (client) => {
    for (const overrides of [{ model: 'own' }, { request_params: { headers: { x: 'y' } } }]) {
      const text = `select howdah.run('far', 'x', overrides => $1)`;
      expect(await refusedInside(client, text, [JSON.stringify(overrides)])).toMatchObject({
        code: 'HWINV',
        message: expect.stringContaining('an external engine (http)'),
      });
    }
  });
});

describe('request_params', () => {
  const ADMINS = {
    models: ['other'],
    functions: [],
    plugins: [{}],
    web_search_options: {},
    store: true,
  };
  const ofModels = (params: object): [string, unknown[]] => [
    `update howdah.agent_models set request_params = $2 where agent_id = $1 and position = 1 returning agent_id`,
    [desk, JSON.stringify(params)],
  ];
  /** Each place where a caller that may edit an agent writes request parameters. */
  const places: [string, (params: object) => [string, unknown[]]][] = [
    ['request_params', ofModels],
    [
      'configuration.request_params',
      (params) => [
        `insert into howdah.workflows (name, type, configuration) values ('w', 'router', $1) returning id`,
        [JSON.stringify({ request_params: params })],
      ],
    ],
    [
      'overrides.request_params',
      (params) => [
        `insert into howdah.executions (agent_id, input, overrides) values ($1, 'x', $2) returning id`,
        [desk, JSON.stringify({ request_params: params })],
      ],
    ],
  ];
  const write = (user: string, [text, values]: [string, unknown[]]) =>
    as(user, (client) => one(client, text, values));
  const refused = (user: string, [text, values]: [string, unknown[]]) =>
    as(user, async (client) => {
      const { detail, ...error } = await refusedInside(client, text, values);
      return { ...error, detail: JSON.parse(String(detail)) };
    });

  test.each(places)(
    'in %s: editors set sampling parameters, only admins set others',
    async (field, of) => {
      await write(member, of({ temperature: 0.5, logit_bias: { 1: 2 }, dimensions: 2 }));
      for (const [name, value] of Object.entries(ADMINS)) {
        expect(await refused(member, of({ temperature: 0, [name]: value }))).toMatchObject({
          code: 'HWDEN',
          message: expect.stringContaining(`${field}.${name} may be set by an admin or owner`),
          detail: { field: `${field}.${name}`, required_role: 'admin' },
          hint: expect.stringContaining('temperature'),
        });
      }
      await write(admin, of(ADMINS));
    },
  );

  test.each(places)(
    'in %s: parameters that Howdah sets itself are rejected for every role',
    async (field, of) => {
      for (const name of RESERVED_PARAMS) {
        for (const user of [member, admin]) {
          expect(await refused(user, of({ [name]: 1 }))).toMatchObject({
            code: 'HWINV',
            message: `${field}.${name} is set by Howdah itself`,
          });
        }
      }
    },
  );

  test('an editor can change other parameters but cannot move those of an admin to another model', async () => {
    await as(admin, async (client) => {
      await client.query(...ofModels({ service_tier: 'flex', temperature: 1 }));
      await takeRole(client, 'howdah_app', {
        'howdah.tenant_id': tenant_id,
        'howdah.user_id': member,
      });
      await one(client, ...ofModels({ service_tier: 'flex', temperature: 0 }));
      expect(await refusedInside(client, ...ofModels({ service_tier: 'priority' }))).toMatchObject({
        code: 'HWDEN',
      });
      expect(
        await refusedInside(
          client,
          `update howdah.agent_models set model_id = (select id from howdah.models where name = 'careful')
           where agent_id = $1 and position = 1`,
          [desk],
        ),
      ).toMatchObject({ code: 'HWDEN', detail: expect.stringContaining('service_tier') });
    });
  });

  test('SQL and the provider reject the same names', async () => {
    const { rows } = await db.pool.query(
      'select * from howdah_private.reserved_params() as name order by 1',
    );
    expect(rows.map(({ name }) => name)).toEqual([...RESERVED_PARAMS]);
  });
});
