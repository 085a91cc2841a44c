import { beforeAll, describe, expect, test } from 'vitest';
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
  makeTool,
  makeWorker,
  one,
  refusal,
} from '../support.ts';

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

const db = testDatabase();
let worker: string;

beforeAll(async () => {
  worker = await makeWorker(db.pool);
});

const exportOf = async (client: Db, id: string): Promise<Exported> =>
  (await one(client, 'select howdah.export_run($1) as run', [id])).run;
const textOf = async (client: Db, id: string): Promise<string> =>
  (await one(client, 'select howdah.export_run($1)::text as run', [id])).run;

describe('the document of a run', () => {
  test('contains its row, version, log and conversation', async () => {
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

  test('contains every readable column of a run, except the tenant and changing values', async () => {
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
          'contents_encrypted_at',
          'contents_erased_at',
          // the callback of this installation, and the watch that started the run
          'callback_url',
          'table_trigger_id',
          // what only the engine needs
          'active_ms',
          'active_since',
          'at_risk',
          'contents_key_id',
          'counted_steps',
          'crashes_without_progress',
          'fence',
          'first_limits',
          'has_inbox',
          'members_at_once',
          'members_waiting',
          'messages_at_retry',
          'moves',
          'owner_worker',
          'parent_call_id',
          'paused_from',
          'wakes_on',
        ],
      ],
    );
    expect(Object.keys((await exportOf(db.pool, id)).execution).toSorted()).toEqual(
      names.toSorted(),
    );
  });

  test('is byte-identical in every session and on repetition', async () => {
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

  test('contains earlier turns of the session, and no later ones', async () => {
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

  test('contains its questions', async () => {
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

describe('a redacted document', () => {
  const redacted = async (id: string) =>
    (await one(db.pool, 'select howdah.export_run($1, redact => true) as run', [id])).run;
  const SAID = 'a canary sings';

  test('omits history, conversation and instructions, and keeps everything else', async () => {
    const agent_id = await makeAgent(db.pool, {
      name: 'redacted',
      instruction: SAID,
      description: SAID,
      output_schema: JSON.stringify({ type: 'object', description: SAID }),
    });
    const tool = await makeTool(db.pool, {
      name: 'look_up',
      aliases: ['find'],
      description: SAID,
      configuration: JSON.stringify({ note: SAID, most: 7 }),
    });
    await db.pool.query('insert into howdah.agent_tools (agent_id, tool_id) values ($1, $2)', [
      agent_id,
      tool,
    ]);
    const columns = { agent_id, session_id: await makeSession(db.pool), input: SAID };
    await finish(db.pool, worker, await makeRun(db.pool, columns));
    const id = await makeRun(db.pool, columns);
    await finish(db.pool, worker, id);
    const [run, plain] = [await redacted(id), await exportOf(db.pool, id)];
    expect(JSON.stringify(plain)).toContain(SAID);
    expect(JSON.stringify(run)).not.toContain(SAID);
    expect(JSON.stringify(run)).not.toContain('on its way');
    expect(run).toMatchObject({
      contents: 'redacted',
      execution: { id, agent_id, status: 'completed', turn: 2, input: '[redacted]', metadata: {} },
      agent: { name: 'redacted', version: plain.agent.version },
      definition: {
        agent: { name: 'redacted', instruction: '[redacted]', max_steps: null },
        tools: [
          { name: 'look_up', kind: 'custom', configuration: { note: '[redacted]', most: 7 } },
        ],
      },
      history: [
        { role: 'user', content: '[redacted]' },
        { role: 'assistant', content: '[redacted]' },
      ],
      steps: [
        { seq: 1, kind: 'model', name: 'default', tokens_in: 10, worker },
        { seq: 2, kind: 'output', output: '[redacted]' },
      ],
    });
    expect(run.definition.tools[0].aliases).toEqual(['find']);
    expect(run.definition.models).toMatchObject([{ name: 'default' }]);
    const { contents: _, ...fields } = run;
    expect(Object.keys(fields)).toEqual(Object.keys(plain));
    expect(Object.keys(run.execution)).toEqual(Object.keys(plain.execution));
    expect(Object.keys(run.steps[0])).toEqual(Object.keys(plain.steps[0] ?? {}));
  });

  test('contains no text except names and ids, in any column', async () => {
    const columns = await all(
      db.pool,
      `select c.relname || '.' || a.attname as name
       from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
       where c.oid = any ('{howdah.executions,howdah.steps,howdah.messages,howdah.questions,howdah.sessions,howdah.todos,
           howdah.resources,howdah.schedules,howdah.agents,howdah.users,howdah.api_keys,howdah.grants}'::regclass[])
         and a.atttypid in ('text'::regtype, 'jsonb'::regtype, 'text[]'::regtype)
         and a.attname <> all (howdah_private.content_columns(c.oid)) order by 1`,
    );
    // A new column is redacted unless it is listed here as a name.
    expect(columns.map(({ name }) => name)).toEqual([
      'agents.memory_policy', // an id and names of enums
      'agents.name',
      'api_keys.created_by',
      'api_keys.former_names',
      'api_keys.name',
      'api_keys.prefix',
      'api_keys.scopes',
      'executions.created_by',
      'executions.parent_call_id',
      'messages.tool_call_id',
      'questions.answered_by',
      'questions.call_id',
      'questions.escalate_to',
      'resources.created_by',
      'resources.sha256',
      'resources.type',
      'schedules.cron',
      'schedules.name',
      'schedules.timezone',
      'schedules.written_by',
      'steps.call_id',
      'steps.name',
      'users.username',
    ]);
  });

  test('is available with the rights of anyone who may read the run', async () => {
    const tenant_id = await makeTenant(db.pool);
    const agent_id = await makeAgent(db.pool, { tenant_id });
    const id = await makeRun(db.pool, { tenant_id, agent_id });
    for (const role of ['howdah_app', 'howdah_analyst']) {
      const { run } = await asRole(db.pool, role, { 'howdah.tenant_id': tenant_id }, (client) =>
        one(client, 'select howdah.export_run($1, true) as run', [id]),
      );
      expect(run).toMatchObject({ contents: 'redacted', execution: { input: '[redacted]' } });
    }
  });
});

describe('children', () => {
  test('are nested in the document of their parent, at every depth', async () => {
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

describe('permissions to export', () => {
  test('application and analyst of the tenant get the same document as an owner', async () => {
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

  test('a run of another tenant is not found, like an unknown one', async () => {
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
        fields: { execution_id: unknown },
        detail: JSON.stringify({ execution_id: unknown }).replace(':', ': '),
      });
    }
  });
});
