import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import {
  answer,
  asRole,
  brokenRules,
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
} from './support.ts';

const UNKNOWN = '01a1f805-7e9f-729f-9dc6-14d018338ca2';

type Exported = {
  execution: Record<string, unknown>;
  agent: { name: string; version: number };
  definition: { agent: { name: string } };
  history: { content: string }[];
  steps: Record<string, unknown>[];
  messages: Record<string, unknown>[];
  questions: { id: string; prompt: string }[];
  children: Exported[];
};

let db: TestDatabase;
let worker: string;

beforeAll(async () => {
  db = await createTestDatabase();
  worker = await makeWorker(db.pool);
});
afterAll(async () => {
  expect(await brokenRules(db.pool)).toEqual([]);
  await db.drop();
});

const exportOf = async (client: Db, id: string): Promise<Exported> =>
  (await one(client, 'select howdah.export_run($1) as run', [id])).run;
const textOf = async (client: Db, id: string): Promise<string> =>
  (await one(client, 'select howdah.export_run($1)::text as run', [id])).run;

describe('the document of a run', () => {
  test('has its row, its version, its log and its conversation', async () => {
    const agent = await makeAgent(db.pool, { name: 'exporter', instruction: 'As it was.' });
    const id = await makeRun(db.pool, { agent_id: agent, metadata: { order: 1 } });
    await finish(db.pool, worker, id);
    await db.pool.query(`update howdah.agents set instruction = 'As it is.' where id = $1`, [
      agent,
    ]);
    const run = await exportOf(db.pool, id);
    expect(Object.keys(run).toSorted()).toEqual([
      'agent',
      'children',
      'definition',
      'execution',
      'format',
      'history',
      'messages',
      'questions',
      'steps',
      'version',
    ]);
    expect(run).toMatchObject({
      format: 'howdah-run',
      version: 1,
      execution: { id, status: 'completed', output: 'It is on its way.', metadata: { order: 1 } },
      agent: { name: 'exporter', version: 1 },
      definition: { agent: { name: 'exporter', instruction: 'As it was.' } },
      history: [],
      steps: [
        { seq: 1, kind: 'model', tokens_in: 10, worker },
        { seq: 2, kind: 'output', worker },
      ],
      messages: [
        { seq: 1, step_seq: null, role: 'user', content: 'Where is A-1001?' },
        { seq: 2, step_seq: 1, role: 'assistant', content: 'It is on its way.' },
      ],
      questions: [],
      children: [],
    });
  });

  test('holds every column of a run that everybody may read, but the tenant and what changes with time', async () => {
    const id = await makeRun(db.pool);
    const { names } = await one(
      db.pool,
      `select array_agg(column_name::text order by column_name) as names
       from information_schema.column_privileges
       where table_schema = 'howdah' and table_name = 'executions' and grantee = 'howdah_app'
         and privilege_type = 'SELECT' and column_name <> all ($1)`,
      [
        [
          'tenant_id',
          'updated_at',
          'wake_at',
          'is_pause_requested',
          'live_children',
          'ancestors',
          'contents_erased_at',
        ],
      ],
    );
    expect(Object.keys((await exportOf(db.pool, id)).execution).toSorted()).toEqual(
      names.toSorted(),
    );
  });

  test('is the same bytes in every session, and the second time', async () => {
    const id = await makeRun(db.pool);
    await finish(db.pool, worker, id);
    const first = await textOf(db.pool, id);
    const settings = { TimeZone: 'Asia/Tokyo', DateStyle: 'German' };
    expect(await asRole(db.pool, 'howdah_owner', settings, (client) => textOf(client, id))).toBe(
      first,
    );
    expect(await textOf(db.pool, id)).toBe(first);
    expect(first).toContain('+00:00');
  });

  test('tells what the session had said before, and nothing of later turns', async () => {
    const session_id = await makeSession(db.pool);
    const agent_id = await makeAgent(db.pool);
    const turns: string[] = [];
    for (const input of ['one', 'two', 'three']) {
      const id = await makeRun(db.pool, { agent_id, session_id, input });
      await finish(db.pool, worker, id);
      turns.push(id);
    }
    const { history } = await exportOf(db.pool, turns[1] ?? '');
    expect(history.map(({ content }) => content)).toEqual(['one', 'It is on its way.']);
  });

  test('has its questions', async () => {
    const id = await makeRun(db.pool);
    const [claimed] = await claim(db.pool, worker, [id]);
    const question = { id: UNKNOWN, kind: 'question', call_id: 'c', prompt: 'Which one?' };
    await commit(db.pool, worker, [
      {
        id,
        fence: claimed?.fence,
        after: 0,
        steps: [answer, { kind: 'question', name: 'question', call_id: 'c', question }],
        to: { status: 'waiting', waiting_for: 'question' },
      },
    ]);
    expect((await exportOf(db.pool, id)).questions).toMatchObject([
      { id: UNKNOWN, prompt: 'Which one?', status: 'open' },
    ]);
  });
});

describe('children', () => {
  test('are in the document of their parent, each as a document, as deep as they go', async () => {
    const agent_id = await makeAgent(db.pool);
    const ids: string[] = [await makeRun(db.pool, { agent_id })];
    for (let depth = 1; depth <= 8; depth += 1) {
      ids.push(await makeRun(db.pool, { agent_id, parent_execution_id: ids.at(-1) }));
    }
    const second = await makeRun(db.pool, { agent_id, parent_execution_id: ids[0] });
    const run = await exportOf(db.pool, ids[0] ?? '');
    expect(run.children.map(({ execution }) => execution.id)).toEqual([ids[1], second]);
    const chain: unknown[] = [];
    for (let one: Exported | undefined = run; one; one = one.children[0]) {
      chain.push(one.execution.id);
    }
    expect(chain).toEqual(ids);
    expect(await exportOf(db.pool, second)).toEqual(run.children[1]);
  });
});

describe('who may have it', () => {
  test('the tenant does, as application and as analyst, with all that an owner gets', async () => {
    const tenant_id = await makeTenant(db.pool);
    const agent_id = await makeAgent(db.pool, { tenant_id });
    const session_id = await makeSession(db.pool, { tenant_id });
    const columns = { tenant_id, agent_id, session_id };
    for (let turn = 1; turn <= 2; turn += 1) {
      const id = await makeRun(db.pool, columns);
      await finish(db.pool, worker, id);
      const settings = { 'howdah.tenant_id': tenant_id };
      const owners = await textOf(db.pool, id);
      for (const role of ['howdah_app', 'howdah_analyst']) {
        expect(await asRole(db.pool, role, settings, (client) => textOf(client, id))).toBe(owners);
      }
    }
  });

  test("another tenant's run is not found, like one that there is not", async () => {
    const tenant_id = await makeTenant(db.pool);
    const other = await makeTenant(db.pool);
    const agent_id = await makeAgent(db.pool, { tenant_id });
    const id = await makeRun(db.pool, { tenant_id, agent_id });
    for (const unknown of [id, UNKNOWN]) {
      const refused = await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': other }, (client) =>
        refusal(exportOf(client, unknown)),
      );
      expect(refused).toMatchObject({
        code: 'HWNTF',
        message: `there is no execution ${unknown}`,
        detail: JSON.stringify({ execution_id: unknown }).replace(':', ': '),
      });
    }
  });
});
