import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  claim,
  committed,
  makeAgent,
  makeModel,
  makeRun,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  refusedInside,
  rolledBack,
  spawn,
  takeRole,
  unique,
} from '../support.ts';

// A version pins the URL of its models and the names of their secrets. If admins have changed a URL
// or a secret since then, only admins may start a run of the older version.

const THERE = { provider: 'openai', base_url: 'https://there.example.com/v1', secret_name: 'gh' };

const db = testDatabase();
let tenant_id: string;
let member: string;
let admin: string;
let worker: string;

beforeAll(async () => {
  tenant_id = await makeTenant(db.pool);
  worker = await makeWorker(db.pool);
  for (const name of ['gh', 'other']) {
    await db.pool.query(
      `insert into howdah.secrets (tenant_id, name, fingerprint) values ($1, $2, '')`,
      [tenant_id, name],
    );
  }
  member = (await makeUser(db.pool, { tenant_id, username: 'mal', role: 'member' })).id;
  admin = (await makeUser(db.pool, { tenant_id, username: 'boss', role: 'admin' })).id;
});

const as = <T>(user: string, work: (client: pg.PoolClient) => Promise<T>) =>
  rolledBack(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant_id, 'howdah.user_id': user });
    return work(client);
  });
const asAdmin = (text: string, values: unknown[]) =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', {
      'howdah.tenant_id': tenant_id,
      'howdah.user_id': admin,
    });
    await client.query(text, values);
  });

type Made = {
  what: 'agent' | 'workflow';
  id: string;
  name: string;
  model_id: string;
  model: string;
  run: string;
};

/**
 * Creates an agent, or a workflow with a deciding model, and a cancelled run of it. Each has its
 * own model.
 */
async function makeOldVersion(what: Made['what'], columns: object): Promise<Made> {
  const name = unique(what);
  const model = unique('model');
  const model_id = await makeModel(db.pool, { tenant_id, name: model, ...columns });
  let id: string;
  if (what === 'agent') {
    id = await makeAgent(db.pool, { tenant_id, name });
    await db.pool.query(
      'insert into howdah.agent_models (tenant_id, agent_id, model_id) values ($1, $2, $3)',
      [tenant_id, id, model_id],
    );
  } else {
    const member_id = await makeAgent(db.pool, { tenant_id });
    ({ id } = await one(
      db.pool,
      `with flow as (
         insert into howdah.workflows (tenant_id, name, type, configuration) values ($1, $2, 'router', $3) returning id
       ), member as (
         insert into howdah.workflow_agents (tenant_id, workflow_id, agent_id) select $1, id, $4 from flow
       ) select id from flow`,
      [tenant_id, name, { model }, member_id],
    ));
  }
  const { id: run } = await one(
    db.pool,
    `insert into howdah.executions (tenant_id, ${what}_id, input, user_id) values ($1, $2, 'x', $3) returning id`,
    [tenant_id, id, member],
  );
  await asAdmin(`select howdah.cancel_execution($1), howdah.label_${what}_version($2, $3, 'old')`, [
    run,
    id,
    await versionOf({ what, run }),
  ]);
  return { what, id, name, model_id, model, run };
}

async function versionOf({ what, run }: { what: string; run: string }): Promise<number> {
  const { version } = await one(
    db.pool,
    `select v.version from howdah.executions as e join howdah.${what}_versions as v on v.id = e.${what}_version_id
     where e.id = $1`,
    [run],
  );
  return version;
}

/** Returns all statements that start a run of a pinned version. The last ones name the version. */
async function startStatements({ what, id, name, run }: Made): Promise<[string, unknown[]][]> {
  const version = await versionOf({ what, run });
  const call = what === 'agent' ? 'howdah.run' : 'howdah.run_workflow';
  return [
    ['select howdah.retry_execution($1)', [run]],
    [`select howdah.fork_execution($1, 0, 'again')`, [run]],
    ['select howdah.fork_execution($1, 0, version => $2)', [run, version]],
    [`select ${call}($1, 'x', version => $2)`, [name, `${version}`]],
    [`select ${call}($1, 'x', version => 'old')`, [name]],
    [
      `insert into howdah.executions (${what}_id, ${what}_version_id, input)
       select v.${what}_id, v.id, 'x' from howdah.${what}_versions as v where v.${what}_id = $1 and v.version = $2`,
      [id, version],
    ],
  ];
}

/** Asserts that a user may start a run of the pinned version by each statement. */
async function expectStartableBy(user: string, old: Made): Promise<void> {
  for (const [text, values] of await startStatements(old)) {
    const result = await as(user, (client) => client.query(text, values));
    expect(result.rowCount, text).toBe(1);
  }
}

const change = (model_id: string, set: string) =>
  db.pool.query(`update howdah.models set ${set} where id = $1`, [model_id]);

const ELSEWHERE = 'with a URL or secret that admins have changed since';

describe.each(['agent', 'workflow'] as const)('an older version (%s)', (what) => {
  test.each([
    ['another URL', `base_url = 'https://here.example.com/v1'`],
    ['a removed URL', 'base_url = null'],
    ['a removed secret', 'secret_name = null'],
    ['another secret', `secret_name = 'other'`],
    ['another protocol at its URL', `provider = 'anthropic'`],
  ])('needs an admin to start it after a change of its model: %s', async (_what, set) => {
    const old = await makeOldVersion(what, THERE);
    const before = await versionOf(old);
    await expectStartableBy(member, old);
    await change(old.model_id, set);
    for (const [text, values] of await startStatements(old)) {
      const refused = await as(member, (client) => refusedInside(client, text, values));
      expect(refused, text).toMatchObject({
        code: 'HWDEN',
        message: `version ${before} of ${what} '${old.name}' uses model ${old.model} ${ELSEWHERE}`,
        hint: expect.stringContaining(`with version ${before + 1};`),
      });
      expect(refused.fields).toMatchObject({
        field: 'version',
        [`${what}_version_id`]: expect.any(String),
      });
      await as(admin, (client) => client.query(text, values));
    }
  });

  test('can be started by anyone once its model is restored', async () => {
    const old = await makeOldVersion(what, THERE);
    await change(old.model_id, `secret_name = 'other'`);
    await change(old.model_id, `secret_name = 'gh'`);
    await expectStartableBy(member, old);
  });

  test('needs an admin to start it after its model is deleted', async () => {
    const old = await makeOldVersion(what, THERE);
    await db.pool.query(
      what === 'agent'
        ? 'delete from howdah.agent_models where agent_id = $1'
        : `update howdah.workflows set configuration = '{}' where id = $1`,
      [old.id],
    );
    await db.pool.query('delete from howdah.models where id = $1', [old.model_id]);
    for (const [text, values] of await startStatements(old)) {
      expect(await as(member, (client) => refusedInside(client, text, values))).toMatchObject({
        code: 'HWDEN',
        message: expect.stringMatching(`uses model ${old.model}, which admins have removed since`),
      });
    }
  });

  test.each([
    ['uses a secret that is not stored in a row', { provider: 'openai' }, `secret_name = 'gh'`],
    ['uses another model of the same server', THERE, `model = 'larger'`],
  ])('can still be started by members when it %s', async (_what, columns, set) => {
    const old = await makeOldVersion(what, columns);
    await change(old.model_id, set);
    await expectStartableBy(member, old);
  });
});

test('a renamed model is the same model', async () => {
  const old = await makeOldVersion('agent', THERE);
  await change(old.model_id, `name = name || ' renamed'`);
  await expectStartableBy(member, old);
});

test('a run in flight continues unchanged; the next run uses the current agent', async () => {
  const { id, model_id } = await makeOldVersion('agent', THERE);
  const run = await makeRun(db.pool, { tenant_id, agent_id: id, user_id: member });
  await change(model_id, 'secret_name = null');
  await claim(db.pool, worker, [run]);
  expect(
    await one(
      db.pool,
      `select e.status, v.definition #>> '{models,0,secret_name}' as secret
       from howdah.executions as e join howdah.agent_versions as v on v.id = e.agent_version_id where e.id = $1`,
      [run],
    ),
  ).toEqual({ status: 'running', secret: 'gh' });
  await as(member, async (client) => {
    const next = await one(
      client,
      `insert into howdah.executions (agent_id, input) values ($1, 'x') returning agent_version_id`,
      [id],
    );
    const { rows } = await client.query(
      `select definition #>> '{models,0,secret_name}' as secret from howdah.agent_versions where id = $1`,
      [next.agent_version_id],
    );
    expect(rows).toEqual([{ secret: null }]);
  });
});

test('a schedule starts the version that is current at its time', async () => {
  const { id, model_id } = await makeOldVersion('agent', THERE);
  const { schedule } = await one(
    db.pool,
    `insert into howdah.schedules (tenant_id, name, agent_id, cron, input)
     values ($1, 'daily', $2, '0 6 * * *', 'x') returning id as schedule`,
    [tenant_id, id],
  );
  await change(model_id, 'secret_name = null');
  await as(member, async (client) => {
    const { version } = await one(
      client,
      'select (howdah.run_schedule($1)).agent_version_id as version',
      [schedule],
    );
    const { model } = await one(
      client,
      `select definition #> '{models,0}' as model from howdah.agent_versions where id = $1`,
      [version],
    );
    expect(model).not.toHaveProperty('secret_name');
  });
});

test('a restored agent uses the current URLs and secrets of its models', async () => {
  const { id, model_id } = await makeOldVersion('agent', THERE);
  await change(model_id, `base_url = 'https://here.example.com/v1', secret_name = null`);
  await as(member, async (client) => {
    const { version } = await one(
      client,
      'select min(version) as version from howdah.agent_versions where agent_id = $1 and definition::text like $2',
      [id, '%there.example.com%'],
    );
    await client.query('select howdah.restore_agent_version($1, $2)', [id, version]);
    await client.query('set constraints all immediate');
    const now = await one(
      client,
      `select v.definition -> 'models' -> 0 as model from howdah.agents as a
       join howdah.agent_versions as v on v.id = a.current_version_id where a.id = $1`,
      [id],
    );
    expect(now.model).toMatchObject({ base_url: 'https://here.example.com/v1' });
    expect(now.model).not.toHaveProperty('secret_name');
  });
});

describe('child runs', () => {
  const rootRun = async () => {
    const agent_id = await makeAgent(db.pool, { tenant_id });
    return makeRun(db.pool, { tenant_id, agent_id, user_id: member });
  };
  const secretOf = async (what: 'agent' | 'workflow', version_id: string) =>
    (
      await one(
        db.pool,
        `select v.definition #>> '{models,0,secret_name}' as secret from howdah.${what}_versions as v where v.id = $1`,
        [version_id],
      )
    ).secret;

  test('use versions from the start of the root, unless admins changed their models since', async () => {
    const unmoved = await makeOldVersion('agent', THERE);
    const moved = await makeOldVersion('agent', THERE);
    const root = await rootRun();
    const [claimed] = await claim(db.pool, worker, [root]);
    for (const { id } of [unmoved, moved]) {
      await db.pool.query(`update howdah.agents set instruction = 'Now.' where id = $1`, [id]);
    }
    await change(moved.model_id, `secret_name = 'other'`);
    const run = { id: root, fence: claimed?.fence ?? 0 };
    const versions = [];
    for (const [after, { id }] of [unmoved, moved].entries()) {
      const child = await spawn(db.pool, worker, { ...run, after }, id, `call ${after}`);
      versions.push(
        await one(
          db.pool,
          `select v.definition #>> '{agent,instruction}' as instruction, v.definition #>> '{models,0,secret_name}' as secret
           from howdah.executions as e join howdah.agent_versions as v on v.id = e.agent_version_id where e.id = $1`,
          [child],
        ),
      );
    }
    expect(versions).toEqual([
      { instruction: '', secret: 'gh' },
      { instruction: 'Now.', secret: 'other' },
    ]);
  });

  test('do not use a removed secret in nested workflows', async () => {
    const inner = await makeOldVersion('workflow', THERE);
    const root = await rootRun();
    await change(inner.model_id, 'secret_name = null');
    const { workflow_version_id } = await one(
      db.pool,
      `insert into howdah.executions (tenant_id, workflow_id, input, parent_execution_id)
       values ($1, $2, 'x', $3) returning workflow_version_id`,
      [tenant_id, inner.id, root],
    );
    expect(await secretOf('workflow', workflow_version_id)).toBeNull();
  });

  test('do not use a removed secret after a handoff', async () => {
    const moved = await makeOldVersion('agent', THERE);
    const root = await rootRun();
    const to = async () =>
      secretOf(
        'agent',
        (await one(db.pool, 'select howdah_private.version_at($1, $2) as id', [moved.id, root])).id,
      );
    expect(await to()).toBe('gh');
    await change(moved.model_id, 'secret_name = null');
    expect(await to()).toBeNull();
  });
});

test('a version names its MCP servers; URL and secret stay in their rows', async () => {
  const id = await makeAgent(db.pool, { tenant_id });
  await db.pool.query(
    `with server as (
       insert into howdah.mcp_servers (tenant_id, name, type, configuration)
       values ($1, 'there', 'http', '{"url": "https://there.example.com/mcp", "secret_name": "gh"}') returning id
     )
     insert into howdah.agent_servers (tenant_id, agent_id, server_id) select $1, $2, id from server`,
    [tenant_id, id],
  );
  const { servers, definition } = await one(
    db.pool,
    `select v.definition -> 'servers' as servers, v.definition::text from howdah.agents as a
     join howdah.agent_versions as v on v.id = a.current_version_id where a.id = $1`,
    [id],
  );
  expect(servers).toEqual([{ id: expect.any(String), name: 'there', allowed_tools: null }]);
  expect(definition).not.toMatch(/there\.example\.com|"gh"/);
});
