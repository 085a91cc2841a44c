import { afterAll, beforeAll, expect, test } from 'vitest';
import { rebuildRequest } from '../../../src/runtime/replay/rebuild-request.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { one, refusal } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { executionOf, makeAgent, runToEnd, waitForEnd, waitForStatus } from '../arrange.ts';
import { loadExport } from '../replay/replay-runs.ts';

// A run of one tool of an agent, in place of its models: overrides {"tool": NAME}.

const database = testDatabase();
let worker: Worker;
let agent: string;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
  agent = await makeAgent(database.pool, {
    script: [{ content: 'the model was called' }],
    tools: ['calculator', 'now'],
    output_schema: { type: 'object', required: ['never'] },
  });
});
afterAll(() => worker.stop(0));

const CALL = JSON.stringify({ expression: '6 * 7' });

async function runTool(tool: string, input: string): Promise<string> {
  const { id } = await one(
    database.pool,
    `insert into howdah.executions (agent_id, input, overrides)
     values ($1, $2, jsonb_build_object('tool', $3::text)) returning id`,
    [agent, input, tool],
  );
  return id;
}

const stepsOf = (id: string) =>
  one(
    database.pool,
    `select array_agg(s.kind::text order by s.seq) as kinds,
       sum(s.tokens_in + s.tokens_out)::int as tokens
     from howdah.steps as s where s.execution_id = $1`,
    [id],
  );

test('the input is the arguments of one call, and its result is the answer', async () => {
  const id = await runTool('calculator', CALL);
  expect(await waitForEnd(database.pool, id)).toMatchObject({
    status: 'completed',
    output: expect.stringContaining('42'),
  });
  const { kinds, tokens } = await stepsOf(id);
  expect(kinds.filter((kind: string) => kind === 'tool')).toHaveLength(1);
  expect(tokens).toBe(0);
});

test('a call that needs an approval waits for it, as in any run', async () => {
  await database.pool.query(
    `update howdah.agent_tools as g set requires_approval = true
     from howdah.tools as t where t.id = g.tool_id and g.agent_id = $1 and t.name = 'calculator'`,
    [agent],
  );
  const id = await runTool('calculator', CALL);
  await waitForStatus(database.pool, id, 'waiting');
  const question = await one(
    database.pool,
    `select id, kind, tool_call from howdah.questions where execution_id = $1`,
    [id],
  );
  expect(question).toMatchObject({ kind: 'approval', tool_call: { name: 'calculator' } });
  await database.pool.query('select howdah.approve($1)', [question.id]);
  expect(await waitForEnd(database.pool, id)).toMatchObject({ status: 'completed' });
});

test('arguments that do not fit fail the run, and a fork calls the same tool again', async () => {
  const failed = await runTool('now', '{"timezone": 7}');
  expect(await waitForEnd(database.pool, failed)).toMatchObject({
    status: 'failed',
    error: { code: 'invalid_arguments' },
  });
  const fork = await one(
    database.pool,
    `select (f).id, (f).overrides from howdah.fork_execution($1, 0, input => '{"timezone": "UTC"}') as f`,
    [failed],
  );
  expect(fork.overrides).toMatchObject({ tool: 'now', allowed_tools: ['now'] });
  expect(await waitForEnd(database.pool, fork.id)).toMatchObject({ status: 'completed' });
  await database.pool.query('select howdah.retry_execution($1)', [failed]);
  await waitForEnd(database.pool, failed);
  expect(await executionOf(database.pool, failed)).toMatchObject({ status: 'failed' });
});

/** Makes an agent whose engine is the calculator. */
async function makeAdder(): Promise<string> {
  const { id } = await one(
    database.pool,
    `insert into howdah.agents (name, engine, engine_configuration)
     values ('adder', 'custom', '{"tool": "calculator"}') returning id`,
  );
  await database.pool.query(
    `insert into howdah.agent_tools (agent_id, tool_id) values ($1, howdah.tool('calculator'))`,
    [id],
  );
  return id;
}

test('a run of one tool cannot be forked after its call', async () => {
  const own = await runTool('now', '{"timezone": 7}');
  const engine = (await runToEnd(database.pool, await makeAdder(), CALL)).id;
  await waitForEnd(database.pool, own);
  for (const id of [own, engine]) {
    for (const seq of [1, null]) {
      const fork = database.pool.query('select howdah.fork_execution($1, $2)', [id, seq]);
      expect(await refusal(fork)).toMatchObject({
        code: 'HWINV',
        message: expect.stringContaining('can only be forked at seq 0'),
        fields: { field: 'seq', execution_id: id },
      });
    }
  }
});

test('a run of one tool sent no request', async () => {
  const id = await runTool('now', '{"timezone": "UTC"}');
  await waitForEnd(database.pool, id);
  const run = await loadExport(database.pool, id);
  const { seq = 0 } = run.steps.find(({ kind }) => kind === 'model') ?? {};
  expect(() => rebuildRequest(run, seq)).toThrow(
    expect.objectContaining({ code: 'HWINV', message: expect.stringContaining('the tool now') }),
  );
});

test('a tool needs no values of the prompt, and takes no other input', async () => {
  await database.pool.query(
    `with prompt as (
       insert into howdah.prompts (name, template, variables)
       values ('needy', 'Serve {{customer}}.', '{"customer": {"type": "string"}}') returning id
     )
     update howdah.agents as a set prompt_id = p.id from prompt as p where a.id = $1`,
    [agent],
  );
  const id = await runTool('now', '{"timezone": "UTC"}');
  expect(await waitForEnd(database.pool, id)).toMatchObject({ status: 'completed' });
  const start = database.pool.query(
    `insert into howdah.executions (agent_id, input, input_data, overrides)
     values ($1, '{}', '{"customer": "Ann"}', '{"tool": "now"}')`,
    [agent],
  );
  expect(await refusal(start)).toMatchObject({
    code: 'HWINV',
    message: 'overrides.tool cannot be combined with input_data',
    fields: { field: 'overrides.tool' },
  });
});
