import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api/server.ts';
import { secretRowsOn } from '../../src/db/access/secrets.ts';
import { createContentCipher } from '../../src/secrets/contents.ts';
import { runCli } from '../cli/run-cli.ts';
import {
  all,
  answer,
  claim,
  commit,
  completed,
  makeAgent,
  makeRun,
  makeWorker,
  one,
  refusal,
} from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { encryptRuns } from '../support/work/encrypt-runs.ts';
import { TEST_MASTER_KEYS } from '../support/worker.ts';
import { ask, startTestApi } from './harness.ts';
import { call } from './rest/call.ts';

// A ciphertext that somebody writes elsewhere is never decrypted there, and one that was moved
// within its run is noticed.

const SECRET = 'TOPSECRET-4711';
const db = testDatabase({ violates: true }); // rows are changed behind the engine
let api: ApiServer;
let run: string;
let sealed: string;

beforeAll(async () => {
  api = await startTestApi(db.url);
  await db.pool.query('insert into howdah.retention_policies (encrypt_contents) values (true)');
  run = await endedRun();
  await encrypt();
  ({ sealed } = await one(db.pool, 'select input as sealed from howdah.executions where id = $1', [
    run,
  ]));
});
afterAll(async () => {
  await api?.close();
});

/** Returns a run that has ended with an answer, an input and a result of a tool. */
async function endedRun(): Promise<string> {
  const worker = await makeWorker(db.pool);
  const agent_id = await makeAgent(db.pool);
  const id = await makeRun(db.pool, { agent_id, input: SECRET });
  const [claimed] = await claim(db.pool, worker, [id]);
  await commit(db.pool, worker, [
    {
      id,
      fence: claimed?.fence,
      after: claimed?.step_count,
      steps: [answer, { kind: 'output', output: 'the answer' }],
      to: { ...completed, output: 'the answer' },
    },
  ]);
  return id;
}

async function encrypt(): Promise<unknown[]> {
  await db.pool.query(`select howdah_private.enqueue_encryptions('0 seconds')`);
  await db.pool.query(
    `update howdah_private.due_work set due_at = now() where kind = 'encrypt_run'`,
  );
  const errors: unknown[] = [];
  const cipher = createContentCipher(secretRowsOn(db.pool), TEST_MASTER_KEYS);
  await encryptRuns(db.pool, cipher, (error) => errors.push(error));
  return errors;
}

/** Writes behind the triggers, as whoever restores or forges rows can. */
async function forge(text: string, values: unknown[] = []): Promise<void> {
  const client = await db.pool.connect();
  try {
    await client.query('set session_replication_role = replica');
    await client.query(text, values);
  } finally {
    await client.query('reset session_replication_role');
    client.release();
  }
}

describe('a ciphertext', () => {
  test('is bound to its place, and opens there', async () => {
    expect(sealed).toMatch(
      new RegExp(`^howdah\\.sealed\\.v2\\.[0-9a-f-]{36}\\.${run}\\.executions~0~input\\.`),
    );
    expect((await call(api, 'GET', `/api/executions/${run}`)).body.input).toBe(SECRET);
  });

  test('is refused in every field that the application may write', async () => {
    const columns = await all(
      db.pool,
      `select c.relname as table, a.attname as column, a.atttypid::regtype::text as type
       from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p') and c.relname <> 'executions'
         and a.atttypid in ('text'::regtype, 'text[]'::regtype, 'jsonb'::regtype)
         and has_column_privilege('howdah_app', c.oid, a.attnum, 'insert, update')`,
    );
    expect(columns.length).toBeGreaterThan(50);
    const guarded = await all(
      db.pool,
      `select t.tgrelid::regclass::text as name, pg_get_functiondef(t.tgfoid) as definition
       from pg_trigger as t where t.tgname = '_990_refuse_invalid'`,
    );
    const missing = columns.filter(
      ({ table, column }) =>
        !guarded.some(
          ({ name, definition }) =>
            name === `howdah.${table}` && definition.includes(`array['sealed', '${column}']`),
        ),
    );
    expect(missing).toEqual([]);
  });

  test.each([
    ['REST', () => call(api, 'POST', '/api/agents', { name: 'spy', instruction: sealed })],
    [
      'REST, in a document',
      () => call(api, 'POST', '/api/agents', { name: 'spy', request_params: { user: sealed } }),
    ],
    [
      'REST, a schedule',
      () => call(api, 'POST', '/api/prompts', { name: 'spy', template: `So: ${sealed}` }),
    ],
  ])('is refused over %s', async (_door, send) => {
    expect((await send()).status).toBe(400);
  });

  test('is refused over GraphQL, the command line and in metadata', async () => {
    const { errors } = await ask(
      api,
      'mutation ($i: String!) { createAgent(input: {agent: {name: "spy", instruction: $i}}) { agent { id } } }',
      { i: sealed },
    );
    expect(errors).toMatchObject([{ extensions: { code: 'HWINV' } }]);
    const { status } = await runCli(db.url, 'agents', 'create', 'spy', '--instruction', sealed);
    expect(status).not.toBe(0);
    const insert = db.pool.query(
      `insert into howdah.executions (agent_id, input, metadata) values (howdah.agent('development'), 'x', $1)`,
      [{ note: sealed }],
    );
    expect(await refusal(insert)).toMatchObject({ code: 'HWINV', fields: { field: 'metadata' } });
  });
});

describe('a ciphertext that stands in a definition nevertheless', () => {
  let agent: string;
  beforeAll(async () => {
    agent = await makeAgent(db.pool, { name: 'planted', instruction: 'harmless' });
    await forge('update howdah.agents set instruction = $2 where id = $1', [agent, sealed]);
  });

  test('is shown as it is over REST, GraphQL and the command line', async () => {
    const { body } = await call(api, 'GET', `/api/agents/${agent}`);
    expect(body.instruction).toBe(sealed);
    const list = await call(api, 'GET', '/api/agents');
    expect(JSON.stringify(list.body)).not.toContain(SECRET);
    const { data } = await ask(
      api,
      `query ($id: UUID!, $run: UUID!) {
         agent(id: $id) { instruction executions { nodes { input } } }
         agents { nodes { instruction } }
         execution(id: $run) { input agent { instruction } }
       }`,
      { id: agent, run },
    );
    expect(data.agent.instruction).toBe(sealed);
    expect(JSON.stringify(data.agents)).not.toContain(SECRET);
    expect(data.execution.input).toBe(SECRET);
    for (const argv of [
      ['agents', 'show', 'planted', '--json'],
      ['sql', `select instruction from howdah.agents where name = 'planted'`],
      ['export'],
    ]) {
      const { stdout } = await runCli(db.url, ...argv);
      expect({ argv, isOpen: stdout.includes(SECRET) }).toEqual({ argv, isOpen: false });
    }
  });

  test('is not written back as plain text by a console that saves what it read', async () => {
    const { body, headers } = await call(api, 'GET', `/api/agents/${agent}`);
    await call(
      api,
      'PATCH',
      `/api/agents/${agent}`,
      { description: 'x', instruction: body.instruction },
      {
        headers: { 'if-match': headers.get('etag') ?? '*' },
      },
    );
    const rows = await all(
      db.pool,
      `select from howdah.agents where instruction like $1
       union all select from howdah.agent_versions where definition::text like $1`,
      [`%${SECRET}%`],
    );
    expect(rows).toEqual([]);
  });
});

describe('contents that were exchanged within a run', () => {
  let victim: string;
  beforeAll(async () => {
    victim = await endedRun();
    expect(await encrypt()).toEqual([]);
    await forge(`update howdah.executions set input = output, output = input where id = $1`, [
      victim,
    ]);
    await forge(
      `update howdah_private.message_log as m set content = o.content from howdah.messages as o
       where m.execution_id = $1 and o.execution_id = $1 and m.seq = 1 and o.seq = 2`,
      [victim],
    );
  });

  test('stay encrypted for every reader', async () => {
    const { body } = await call(api, 'GET', `/api/executions/${victim}`);
    expect({ input: body.input, output: body.output }).toEqual({
      input: expect.stringMatching(/^howdah\.sealed/),
      output: expect.stringMatching(/^howdah\.sealed/),
    });
    const { data } = await ask(
      api,
      'query ($id: UUID!) { execution(id: $id) { input output messages { nodes { seq content } } } }',
      { id: victim },
    );
    expect(JSON.stringify(data)).not.toContain(SECRET);
    const { stdout } = await runCli(db.url, 'show', victim);
    expect(stdout).not.toContain(SECRET);
  });

  test('are noticed by the worker that has to decrypt them', async () => {
    await db.pool.query('update howdah.retention_policies set encrypt_contents = false');
    const errors = await encrypt();
    expect(errors).toMatchObject([{ code: 'HWINV', detail: { execution_id: victim } }]);
    expect((await call(api, 'GET', `/api/executions/${run}`)).body.input).toBe(SECRET);
  });
});
