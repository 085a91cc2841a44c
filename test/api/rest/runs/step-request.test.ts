import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Howdah } from '../../../../src/index.ts';
import { runCli } from '../../../cli/run-cli.ts';
import { startHowdah } from '../../../embedding/start-howdah.ts';
import { makeAgent, runToEnd } from '../../../runtime/arrange.ts';
import { testDatabase } from '../../../support/database.ts';

// The request of a step is the same in REST, GraphQL and the command.

const db = testDatabase();
let howdah: Howdah;
let id: string;

beforeAll(async () => {
  howdah = await startHowdah(db.url, { auth: 'none', port: 0 });
  const agent = await makeAgent(db.pool, {
    tools: ['calculator'],
    models: [
      {
        script: [
          { tool_calls: [{ name: 'calculator', arguments: { expression: '6 * 7' } }] },
          { content: 'It is 42.' },
        ],
      },
    ],
  });
  id = (await runToEnd(db.pool, agent, 'How much?')).id;
});
afterAll(async () => {
  await howdah?.close();
});

const get = (path: string) => fetch(`${howdah.url}/api/executions/${path}`);
async function ask(query: string): Promise<{ data?: unknown; errors?: { extensions: object }[] }> {
  const response = await fetch(`${howdah.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return (await response.json()) as { data?: unknown };
}

test('REST, GraphQL and the command show the request of a step', async () => {
  const request = await (await get(`${id}/steps/3/request`)).json();
  expect(request).toMatchObject({
    model: { provider: 'scripted' },
    messages: [
      { role: 'user', content: 'How much?' },
      { role: 'assistant', tool_calls: [{ name: 'calculator' }] },
      { role: 'tool', content: expect.stringContaining('42') },
    ],
    tools: [{ name: 'calculator' }],
    tool_choice: null,
    output_schema: null,
  });
  const { data } = await ask(`{ stepRequest(executionId: "${id}", seq: 3) }`);
  expect(data).toEqual({ stepRequest: request });
  for (const target of [[], ['--api', howdah.url ?? '']]) {
    const { status, stdout } = await runCli(db.url, 'show', `${id}/3`, '--request', ...target);
    expect([status, JSON.parse(stdout)]).toEqual([0, request]);
  }
});

test('a run is read without its child runs, and up to a size', async () => {
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    const insert = `insert into howdah.executions (agent_id, parent_execution_id, input)
      select e.agent_id, $2, 'Hi' from howdah.executions as e where e.id = $1 returning id`;
    const parent = (await client.query(insert, [id, null])).rows[0].id;
    await client.query(insert, [id, parent]);
    const text = 'select howdah_private.run_for_request($1) as run, howdah.export_run($1) as tree';
    const read = () => client.query(text, [parent]);
    const { run, tree } = (await read()).rows[0];
    expect([run.children.length, tree.children.length]).toEqual([0, 1]);
    await client.query(
      `insert into howdah.steps (execution_id, seq, tenant_id, kind, output)
       select e.id, 99, e.tenant_id, 'timer', to_jsonb(repeat('x', 16777216))
       from howdah.executions as e where e.id = $1`,
      [parent],
    );
    await expect(read()).rejects.toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining('up to 16777216 bytes'),
    });
  } finally {
    await client.query('rollback');
    client.release();
  }
});

test('a GraphQL operation asks for at most three requests', async () => {
  const fields = (count: number) =>
    Array.from({ length: count }, (_, i) => `r${i}: stepRequest(executionId: "${id}", seq: 1)`);
  expect((await ask(`{ ${fields(3).join(' ')} }`)).errors).toBeUndefined();
  const { errors } = await ask(`{ ${fields(4).join(' ')} }`);
  expect(errors?.[0]?.extensions).toMatchObject({ detail: { limit: 'joins', found: 80 } });
});

test('steps without a request are refused with the same code everywhere', async () => {
  expect((await get(`${id}/steps/2/request`)).status).toBe(400);
  expect((await get(`${id}/steps/99/request`)).status).toBe(404);
  expect((await get(`${id}/steps/x/request`)).status).toBe(400);
  const none = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
  expect((await get(`${none}/steps/1/request`)).status).toBe(404);
  for (const [run, seq, code] of [
    [id, 2, 'HWINV'],
    [id, 99, 'HWNTF'],
    [none, 1, 'HWNTF'],
  ] as const) {
    const { errors } = await ask(`{ stepRequest(executionId: "${run}", seq: ${seq}) }`);
    expect(errors?.[0]?.extensions).toMatchObject({ code });
  }
  expect(await runCli(db.url, 'show', `${id}/2`, '--request')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('sent no request to a model'),
  });
  expect(await runCli(db.url, 'show', id, '--request')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining(`howdah show ${id}/1 --request`),
  });
});
