import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { StepRequest } from '../../../src/contracts/runs/step-request.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { rebuildRequest } from '../../../src/runtime/replay/rebuild-request.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { committed, one, refusal, runRow, takeRole } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { killWorkerProcesses, loadWorkerProcess } from '../../workers/worker-process.ts';
import {
  type AgentSpec,
  callTools,
  childrenOf,
  findViolations,
  insertRun,
  kindsOf,
  makeAgent,
  messagesOf,
  resultsOf,
  runToEnd,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';
import { expectEqualReplay, tool } from '../replay/replay-runs.ts';

const database = testDatabase();
let worker: Worker | undefined;
const noted: string[] = [];

beforeAll(async () => {
  await begin();
});
afterEach(async () => {
  killWorkerProcesses();
  expect(await findViolations(database.pool)).toEqual([]);
});
afterAll(async () => {
  await worker?.stop(0);
});

async function begin(): Promise<void> {
  const note = tool('note', ({ text }) => noted.push(String(text)));
  worker = await startTestWorker(database.url, { tools: [note] });
}

/** Adds a tool that hands the run over to the agent. */
async function makeHandoffTool(agent: string, configuration: JsonObject = {}): Promise<string> {
  const name = `handoff_to_${randomBytes(6).toString('hex')}`;
  await database.pool.query(
    `insert into howdah.tools (name, kind, agent_id, parameters, configuration) values ($1, 'agent', $2,
       '{"type": "object", "properties": {"reason": {"type": "string"}}}', $3)`,
    [name, agent, { handoff: true, ...configuration }],
  );
  return name;
}

/** Makes an agent that hands over to another one at once. */
async function makeTriage(target: string, spec: AgentSpec = {}): Promise<string> {
  const name = await makeHandoffTool(target);
  return makeAgent(database.pool, {
    script: [
      callTools({ name, arguments: { reason: 'It is about money.' } }),
      { content: 'triage' },
    ],
    tools: [name],
    ...spec,
  });
}

/**
 * Makes an agent with a script that counts the answers of the whole run, including the answer of
 * the previous agent.
 */
const makeBilling = (spec: AgentSpec = {}) =>
  makeAgent(database.pool, { script: [{ content: '' }, { content: 'billed' }], ...spec });

const waitForApproval = (id: string) =>
  eventually(database.pool, 'an approval is asked for', OPEN, [id]);
const OPEN = `select id from howdah.questions where execution_id = $1 and status = 'open'`;
const approve = (id: string) =>
  database.pool.query('select howdah.approve(id) from howdah.questions where execution_id = $1', [
    id,
  ]);

describe('a run that is handed over', () => {
  test('continues with the instruction, model and tools of the new agent; log and budget stay', async () => {
    const { pool } = database;
    const target = await makeBilling({
      instruction: 'You bill.',
      script: [
        { content: '' },
        callTools({ name: 'note', arguments: { text: 'paid' } }),
        { content: 'billed' },
      ],
      tools: ['note'],
      max_steps: 2,
    });
    const first = await makeTriage(target, { max_steps: 40 });
    const run = await runToEnd(pool, first, 'I want my money back.');
    expect(run).toMatchObject({ status: 'completed', output: 'billed', model_count: 3 });
    expect(await runRow(database.pool, run.id)).toMatchObject({
      agent_id: target,
      handoffs: 1,
      max_steps: 3,
    });
    expect(await kindsOf(pool, run.id)).toBe('model handoff model tool model output');
    const [, step] = await stepsOf(pool, run.id);
    expect(step).toMatchObject({
      input: { reason: 'It is about money.' },
      output: {
        reason: 'It is about money.',
        from: { agent_id: first, version: 1 },
        to: { agent_id: target, version: 1 },
      },
    });
    expect(noted).toEqual(['paid']);
    expect(await childrenOf(pool, run.id)).toEqual([]);
    const said = await messagesOf(pool, run.id);
    expect(said.map((message) => (message as { agent_id?: string }).agent_id)).toEqual([
      null,
      first,
      first,
      target,
      target,
      target,
    ]);
    const exported = await expectEqualReplay(pool, run.id);
    expect(exported.handoffs).toMatchObject([{ seq: 2, definition: { agent: { max_steps: 2 } } }]);
  });

  test('loses the tools of the previous agent', async () => {
    const { pool } = database;
    const target = await makeBilling({
      script: [
        { content: '' },
        callTools({ name: 'note', arguments: { text: 'not mine' } }),
        { content: 'x' },
      ],
    });
    const name = await makeHandoffTool(target);
    const first = await makeAgent(pool, {
      script: [callTools({ name, arguments: {} })],
      tools: [name, 'note'],
    });
    const run = await runToEnd(pool, first);
    expect(run.output).toBe('x');
    expect((await resultsOf(pool, run.id))[1]).toContain('there is no tool named note');
    expect(noted).not.toContain('not mine');
  });

  test('makes the other calls of the answer first, and rejects a second handoff', async () => {
    const { pool } = database;
    const [target, other] = [await makeBilling(), await makeBilling()];
    const [one, two] = [await makeHandoffTool(target), await makeHandoffTool(other)];
    const first = await makeAgent(pool, {
      script: [
        callTools(
          { name: one, arguments: {} },
          { name: 'note', arguments: { text: 'before' } },
          { name: two, arguments: {} },
        ),
      ],
      tools: [one, two, 'note'],
    });
    const run = await runToEnd(pool, first);
    expect(run.output).toBe('billed');
    expect(await kindsOf(pool, run.id)).toBe('model tool handoff tool model output');
    expect((await runRow(database.pool, run.id)).agent_id).toBe(target);
    expect((await resultsOf(pool, run.id))[2]).toContain(
      'another handoff of the same answer was carried out',
    );
    await expectEqualReplay(pool, run.id);
  });

  test('uses the version that the other agent had when the run started', async () => {
    const { pool } = database;
    const target = await makeBilling({ instruction: 'first' });
    const name = await makeHandoffTool(target);
    await pool.query('update howdah.tools set requires_approval = true where name = $1', [name]);
    const first = await makeAgent(pool, {
      script: [callTools({ name, arguments: {} })],
      tools: [name],
    });
    const id = await insertRun(pool, first);
    await waitForApproval(id);
    await pool.query(`update howdah.agents set instruction = 'second' where id = $1`, [target]);
    await approve(id);
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', output: 'billed' });
    const step = (await stepsOf(pool, id)).find(({ kind }) => kind === 'handoff');
    expect(step?.output).toMatchObject({ to: { version: 1 } });
  });

  test('is handed over at most six times', async () => {
    const { pool } = database;
    const name = await makeHandoffTool(await makeBilling());
    const first = await makeAgent(pool, { script: [], tools: [name] });
    const back = await makeHandoffTool(first);
    const { rows } = await pool.query('select agent_id from howdah.tools where name = $1', [name]);
    const second = rows[0].agent_id;
    const script = (tool: string) =>
      Array.from({ length: 12 }, (_, at) =>
        callTools({ name: tool, arguments: { reason: `${at}` } }),
      );
    await pool.query(
      `insert into howdah.agent_tools (agent_id, tool_id) select $1, id from howdah.tools where name = $2`,
      [second, back],
    );
    const give = (agent: string, tool: string) =>
      pool.query('update howdah.agent_models set request_params = $2 where agent_id = $1', [
        agent,
        { script: [...script(tool).slice(0, 7), { content: `enough, ${agent}` }] },
      ]);
    await give(first, name);
    await give(second, back);
    const run = await runToEnd(pool, first);
    expect(run).toMatchObject({ status: 'completed', output: `enough, ${first}` });
    expect(await kindsOf(pool, run.id)).toBe(
      `${'model handoff '.repeat(6)}model tool model output`,
    );
    expect((await resultsOf(pool, run.id))[6]).toContain('handoffs of a run (6) reached');
  });

  test('cannot be handed to an inactive agent or to one that its user may not run', async () => {
    const { pool } = database;
    const { rows } = await pool.query(
      `insert into howdah.users (username, role) values ('hanna', 'member') returning id`,
    );
    const secret = await makeBilling();
    await pool.query(
      `insert into howdah.grants (agent_id, role, permission) values ($1, 'admin', 'run')`,
      [secret],
    );
    const first = await makeTriage(secret);
    const { rows: runs } = await pool.query(
      'insert into howdah.executions (agent_id, input, user_id) values ($1, $2, $3) returning id',
      [first, 'go', rows[0].id],
    );
    expect(await waitForEnd(pool, runs[0].id)).toMatchObject({ output: 'triage' });
    expect((await resultsOf(pool, runs[0].id))[0]).toContain('may not run agent');
    const target = await makeBilling();
    const other = await makeTriage(target);
    await pool.query('update howdah.agents set is_active = false where id = $1', [target]);
    const run = await runToEnd(pool, other);
    expect(run.output).toBe('triage');
    expect((await resultsOf(pool, run.id))[0]).toContain('is not active');
  });

  test('ends at a limit of the new agent and can be retried', async () => {
    const { pool } = database;
    const target = await makeBilling({
      script: [
        { content: '' },
        callTools({ name: 'note', arguments: { text: 'a' } }),
        { content: 'billed' },
      ],
      tools: ['note'],
      max_steps: 1,
    });
    const run = await runToEnd(pool, await makeTriage(target, { max_steps: 10 }));
    expect(run).toMatchObject({ status: 'failed', stop_reason: 'max_steps' });
    await pool.query('select howdah.retry_execution($1)', [run.id]);
    expect(await waitForEnd(pool, run.id)).toMatchObject({ status: 'completed', output: 'billed' });
  });

  test('is forked with the agent that owned it at that step', async () => {
    const { pool } = database;
    const target = await makeBilling();
    const first = await makeTriage(target);
    const run = await runToEnd(pool, first);
    const fork = async (seq: number) => {
      const { rows } = await pool.query('select id, agent_id from howdah.fork_execution($1, $2)', [
        run.id,
        seq,
      ]);
      return { agent_id: rows[0].agent_id, run: await waitForEnd(pool, rows[0].id) };
    };
    expect(await fork(0)).toMatchObject({ agent_id: first, run: { output: 'billed' } });
    expect(await fork(1)).toMatchObject({ agent_id: first, run: { output: 'billed' } });
    const after = await fork(2);
    expect(after).toMatchObject({ agent_id: target, run: { output: 'billed' } });
    expect(await kindsOf(pool, after.run.id)).toBe('model handoff fork model output');
    expect((await runRow(database.pool, after.run.id)).handoffs).toBe(1);
    expect((await runRow(database.pool, run.id)).agent_id).toBe(target);
  });

  test('keeps its overrides for the steps before, and takes none for them in a fork', async () => {
    const { pool } = database;
    const first = await makeTriage(await makeBilling({ instruction: 'You bill.' }));
    const overrides = { mission_override: 'You sort.', request_params: { seed: 7 } };
    const { id } = await one(
      pool,
      `insert into howdah.executions (agent_id, input, overrides) values ($1, 'money', $2) returning id`,
      [first, overrides],
    );
    expect(await waitForEnd(pool, id)).toMatchObject({ output: 'billed', overrides });
    const run = await expectEqualReplay(pool, id);
    const readBy = ({ messages, model }: StepRequest) => [
      messages[0]?.content,
      model.request_params.seed,
    ];
    expect(readBy(rebuildRequest(run, 1))).toEqual(['You sort.', 7]);
    expect(readBy(rebuildRequest(run, 3))).toEqual(['You bill.', undefined]);
    const fork = 'select (howdah.fork_execution($1, $2, overrides => $3)).id::uuid as id';
    for (const field of ['model', 'request_params', 'mission_override']) {
      const late = pool.query(fork, [id, 2, { [field]: field === 'request_params' ? {} : 'x' }]);
      expect(await refusal(late)).toMatchObject({
        code: 'HWINV',
        fields: { field: `overrides.${field}` },
        hint: expect.stringContaining('before step 2'),
      });
    }
    const early = await one(pool, fork, [id, 1, { mission_override: 'You guess.' }]);
    await waitForEnd(pool, early.id);
    expect((await runRow(pool, early.id)).overrides).toEqual({
      ...overrides,
      mission_override: 'You guess.',
    });
  });

  test('does not begin with its handoff in place of a model', async () => {
    const target = await makeBilling();
    const tool = await makeHandoffTool(target);
    const agent = await makeAgent(database.pool, { script: [{ content: 'x' }], tools: [tool] });
    const start = database.pool.query(
      `insert into howdah.executions (agent_id, input, overrides)
       values ($1, '{}', jsonb_build_object('tool', $2::text))`,
      [agent, tool],
    );
    expect(await refusal(start)).toMatchObject({
      code: 'HWINV',
      message: `overrides.tool names ${tool}, which hands the run over`,
      fields: { field: 'overrides.tool' },
    });
  });
});

describe('a session', () => {
  test('continues with the agent its run was handed to', async () => {
    const { pool } = database;
    const target = await makeBilling({
      script: [{ content: '' }, { content: 'billed' }, { content: 'still here' }],
    });
    const first = await makeTriage(target);
    const { rows } = await pool.query(
      'insert into howdah.sessions (agent_id) values ($1) returning id',
      [first],
    );
    const session_id = rows[0].id;
    await runToEnd(pool, first, 'money', { session_id });
    const { rows: sessions } = await pool.query(
      'select agent_id from howdah.sessions where id = $1',
      [session_id],
    );
    expect(sessions[0].agent_id).toBe(target);
    await pool.query('select howdah.send_message($1, $2)', [session_id, 'and now?']);
    await expect
      .poll(
        async () =>
          (
            await pool.query(
              'select agent_id, output from howdah.executions where session_id = $1 and turn = 2',
              [session_id],
            )
          ).rows[0],
        { timeout: 60_000 },
      )
      .toEqual({ agent_id: target, output: 'still here' });
  });

  test('keeps an agent that was assigned in the meantime', async () => {
    const { pool } = database;
    const [target, chosen] = [await makeBilling(), await makeBilling()];
    const name = await makeHandoffTool(target);
    await pool.query('update howdah.tools set requires_approval = true where name = $1', [name]);
    const first = await makeAgent(pool, {
      script: [callTools({ name, arguments: {} })],
      tools: [name],
    });
    const { rows } = await pool.query(
      'insert into howdah.sessions (agent_id) values ($1) returning id',
      [first],
    );
    const id = await insertRun(pool, first, 'go', { session_id: rows[0].id });
    await waitForApproval(id);
    await pool.query('update howdah.sessions set agent_id = $2 where id = $1', [
      rows[0].id,
      chosen,
    ]);
    await approve(id);
    expect(await waitForEnd(pool, id)).toMatchObject({ output: 'billed' });
    const { rows: sessions } = await pool.query(
      'select agent_id from howdah.sessions where id = $1',
      [rows[0].id],
    );
    expect(sessions[0].agent_id).toBe(chosen);
  });
});

test('a sub-agent may hand over its run; the new agent answers for it', async () => {
  const { pool } = database;
  const child = await makeTriage(await makeBilling());
  const name = `ask_${randomBytes(6).toString('hex')}`;
  await pool.query(
    `insert into howdah.tools (name, kind, agent_id, parameters) values ($1, 'agent', $2, '{"type": "object"}')`,
    [name, child],
  );
  const chief = await makeAgent(pool, {
    script: [callTools({ name, arguments: { message: 'x' } }), { content: 'done' }],
    tools: [name],
  });
  const run = await runToEnd(pool, chief);
  expect(await resultsOf(pool, run.id)).toEqual(['billed']);
  await expectEqualReplay(pool, run.id);
});

describe('a killed worker', () => {
  test.each(['step.commit.before:2:kill', 'step.commit.after:2:kill', 'wait.entered:1:kill'])(
    'at %s does not change the handoff',
    async (failpoint) => {
      const { pool, url } = database;
      const target = await makeBilling();
      const first = await makeTriage(target);
      const loaded = await loadWorkerProcess(url);
      await worker?.stop(0);
      worker = undefined;
      const victim = await loaded.start(failpoint);
      const id = await insertRun(pool, first);
      await victim.ended;
      await begin();
      expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', output: 'billed' });
      expect(await kindsOf(pool, id)).toBe('model handoff model output');
      expect((await runRow(database.pool, id)).agent_id).toBe(target);
    },
  );
});

test('a fork from before a handoff requires access to the earlier agent', async () => {
  const { pool } = database;
  const target = await makeBilling();
  const first = await makeTriage(target);
  const { rows } = await pool.query(
    `insert into howdah.users (username, role) values (gen_random_uuid()::text, 'member') returning id`,
  );
  const run = await runToEnd(pool, first, 'I want my money back.');
  await pool.query(
    `insert into howdah.grants (agent_id, user_id, permission) values ($1, $2, 'read')`,
    [first, rows[0].id],
  );
  const fork = (seq: number) =>
    committed(pool, async (client) => {
      const { tenant_id } = await one(client, 'select howdah.current_tenant() as tenant_id');
      await takeRole(client, 'howdah_app', {
        'howdah.tenant_id': tenant_id,
        'howdah.user_id': rows[0].id,
      });
      return one(client, 'select (howdah.fork_execution($1, $2)).agent_id', [run.id, seq]);
    });
  expect(await refusal(fork(0))).toMatchObject({ code: 'HWDEN' });
  expect(await fork(2)).toEqual({ agent_id: target });
  await pool.query('delete from howdah.grants');
});
