import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { replayRun } from '../../../src/runtime/replay/replay-run.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { createTestDatabase, eventually, type TestDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  findViolations,
  insertRun,
  makeAgent,
  resultsOf,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';

const program = fileURLToPath(new URL('../../fixtures/mcp/odd.mjs', import.meta.url));

const ANSWER = { content: '{"answer": [1, 2]}' };
const REFUSAL = {
  status: 400,
  error: { message: "Invalid schema for function 'odd__odd': it is too odd.", param: 'tools[0]' },
};

describe('a server with odd entries', () => {
  let db: TestDatabase;
  let worker: Worker;
  let model: FakeServer;

  beforeAll(async () => {
    db = await createTestDatabase();
    model = await startOpenAiServer(({ body }) =>
      JSON.stringify(body.tools ?? null).includes('"odd__odd"') ? REFUSAL : ANSWER,
    );
    worker = await startTestWorker(db.url);
    await db.pool.query(
      `insert into howdah.mcp_servers (name, type, configuration, trusts_annotations) values ('odd', 'stdio', $1, true)`,
      [JSON.stringify({ command: process.execPath, args: [program] })],
    );
    await eventually(
      db.pool,
      'the server is listed',
      `select from howdah.mcp_servers where name = 'odd' and (discovered_at is not null or error is not null)`,
      [],
    );
  });
  afterAll(async () => {
    await worker?.stop(1_000);
    await model?.close();
    expect(await findViolations(db.pool)).toEqual([]);
    await db.drop();
  });

  const rowsOf = async (query: string): Promise<JsonObject[]> => (await db.pool.query(query)).rows;
  const give = (agent: string) =>
    db.pool.query(
      'insert into howdah.agent_servers (agent_id, server_id) select $1, id from howdah.mcp_servers',
      [agent],
    );

  test('is reachable, and every tool is listed with its status and fault', async () => {
    expect(await rowsOf('select error from howdah.mcp_servers')).toEqual([{ error: null }]);
    const tools = await rowsOf(
      'select name, status, fault from howdah.mcp_tools order by name collate "C"',
    );
    const long = tools.filter(({ name }) => String(name).startsWith('long_'));
    expect(long.map(({ status, fault }) => [status, fault])).toEqual([
      ['accepted', null],
      ['accepted', null],
    ]);
    expect(tools.filter((one) => !long.includes(one))).toEqual([
      { name: '(entry 10)', status: 'refused', fault: expect.stringMatching(/no object/) },
      { name: '(entry 3)', status: 'refused', fault: 'it has no name' },
      { name: 'broken', status: 'refused', fault: expect.stringMatching(/type "string"/) },
      { name: 'dots.and/slashes 42', status: 'accepted', fault: null },
      { name: 'dots_and_slashes_42', status: 'accepted', fault: null },
      { name: 'get_prompt', status: 'accepted', fault: null },
      { name: 'good', status: 'accepted', fault: null },
      { name: 'list_prompts', status: 'accepted', fault: null },
      { name: 'list_resources', status: 'accepted', fault: null },
      { name: 'odd', status: 'accepted', fault: expect.stringMatching(/outputSchema/) },
      { name: 'read_resource', status: 'accepted', fault: null },
      { name: 'suche größe', status: 'accepted', fault: null },
    ]);
  });

  test('has tools under names that models may call, also after it is renamed', async () => {
    const namesOf = async () =>
      (
        await rowsOf(
          `select name, configuration ->> 'tool' as tool from howdah.tools
           where kind = 'mcp' order by configuration ->> 'tool' collate "C"`,
        )
      ).map(({ tool, name }) => [tool, name] as const);
    const names = new Map(await namesOf());
    expect(names.get('good')).toBe('odd__good');
    expect(names.get('dots_and_slashes_42')).toBe('odd__dots_and_slashes_42');
    expect(names.get('dots.and/slashes 42')).toMatch(/^odd__dots_and_slashes_42_[0-9a-f]{8}$/);
    expect(names.get('suche größe')).toBe('odd__suche_gr__e');
    const long = [...names].filter(([tool]) => String(tool).startsWith('long_'));
    expect(new Set(long.map(([, name]) => name)).size).toBe(2);
    for (const [, name] of names) expect(name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    await db.pool.query(`update howdah.mcp_servers set name = 'other'`);
    const renamed = new Map(await namesOf());
    await db.pool.query(`update howdah.mcp_servers set name = 'odd'`);
    expect(new Set(renamed.values()).size).toBe(names.size);
    expect(await namesOf()).toEqual([...names]);
  });

  test('has prompts, of which the odd ones are listed with their faults', async () => {
    expect(
      await rowsOf('select name, status, fault from howdah.mcp_prompts order by name collate "C"'),
    ).toEqual([
      { name: '(entry 2)', status: 'refused', fault: 'it has no name' },
      { name: 'args', status: 'refused', fault: expect.stringMatching(/arguments/) },
      { name: 'greeting', status: 'new', fault: null },
    ]);
  });

  test('answers calls, of which odd parts are left out', async () => {
    const [long] = await rowsOf(
      `select name from howdah.tools where name like 'odd\\_\\_long%' order by name limit 1`,
    );
    const calls = ['odd__good', 'odd__odd', String(long?.name), 'odd__list_resources'];
    const script = [...calls.map((name) => callTools({ name })), { content: 'done' }];
    const agent = await makeAgent(db.pool, { script });
    await give(agent);
    const run = await waitForEnd(db.pool, await insertRun(db.pool, agent));
    expect(run).toMatchObject({ status: 'completed' });
    const [good = '', odd, third, resources = ''] = await resultsOf(db.pool, run.id);
    expect(good).toMatch(
      /^before\n\[part 2 of type hologram .*\n\[part 3 of type image .*\n\[part 4 /,
    );
    expect(good).toMatch(/\[test:\/\/one\]\ninside\nafter$/);
    expect(odd).toBe('[1,2]');
    expect(third).toBe(good);
    expect(JSON.parse(resources).resources).toEqual([
      { uri: 'test://one', name: 'one' },
      { fault: 'entry 2 has no uri' },
      { fault: 'entry 3 has no uri' },
    ]);
  });

  test('a tool that the vendor refuses is named in a guard step, once', async () => {
    const name = 'odd__odd';
    const agent = await makeAgent(db.pool, {
      models: [{ provider: 'openai', base_url: model.url }],
      output_schema: { type: 'array', items: { type: 'integer' }, maxItems: 2 },
    });
    await give(agent);
    const run = await waitForEnd(db.pool, await insertRun(db.pool, agent));
    expect(run).toMatchObject({ status: 'completed', output_data: [1, 2], output: '[1, 2]' });
    const body = model.requests.at(-1)?.body as { tools: { function: { name: string } }[] };
    const names = body.tools.map(({ function: { name: one } }) => one);
    expect(names).toContain('odd__good');
    expect(names).not.toContain(name);
    const guards = (await stepsOf(db.pool, run.id)).filter(({ kind }) => kind === 'guard');
    expect(guards).toMatchObject([
      {
        name: 'tool_left_out',
        output: { tool: name, reason: expect.stringMatching(/too odd/) },
      },
    ]);
    const exported = await db.pool.query('select howdah.export_run($1) as run', [run.id]);
    expect(await replayRun(exported.rows[0].run)).toMatchObject({ equal: true });
  });

  test('a constraint that the vendor does not check is checked on the answer', async () => {
    const agent = await makeAgent(db.pool, {
      models: [{ provider: 'openai', base_url: model.url }],
      output_schema: { type: 'array', items: { type: 'integer' }, maxItems: 1 },
    });
    const run = await waitForEnd(db.pool, await insertRun(db.pool, agent));
    expect(run).toMatchObject({ status: 'failed', error: { code: 'invalid_output' } });
  });
});
