import { Kind, parse } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeRun } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { driveRun, follow, openSocket, startTestApi, until } from '../harness.ts';

const ID = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

/** Opens GraphiQL at this address, and returns its initial state. */
async function open(query: string) {
  const response = await fetch(`${api.url}/graphiql${query}`);
  const html = await response.text();
  const [, operation = '{}'] = /<script [^>]*id="operation">(\{.*\})<\/script>/.exec(html) ?? [];
  return { html, begins: JSON.parse(operation) as Record<string, string> };
}

test('the page of a run opens one subscription that follows it to its end', async () => {
  const id = await makeRun(db.pool);
  const { begins } = await open(`?run=${id}`);
  expect(JSON.parse(begins.variables ?? '')).toEqual({ id });
  const query = begins.query ?? '';
  expect(parse(query).definitions).toMatchObject([
    { kind: Kind.OPERATION_DEFINITION, operation: 'subscription' },
  ]);
  const socket = openSocket(api);
  try {
    const followed = follow(socket, query, { id });
    await until(() => followed.items.length === 1);
    expect(followed.items[0]).toMatchObject({ status: 'queued', steps: { nodes: [] } });
    const run = await driveRun(db.pool, id);
    await run.steps(2);
    await until(() => followed.items.at(-1).stepCount === 2);
    await run.finish();
    expect(await followed.end).toBe('completed');
    const seqs = followed.items.at(-1).steps.nodes.map(({ seq }: { seq: number }) => seq);
    expect({ seqs, errors: followed.errors }).toEqual({ seqs: [3, 2, 1], errors: [] });
  } finally {
    await socket.client.dispose();
  }
});

test.each([
  '',
  '?query=mutation{deleteAgent}&variables={}',
  '?query=query A{agents{nodes{id}}} mutation B{deleteAgent}',
  `?run=${ID}x`,
  `?run=${encodeURIComponent(`${ID}"});alert(1)//`)}`,
  `?run=${encodeURIComponent('</script><script>alert(1)</script>')}`,
  '?run=%E0%A4%A',
])('a URL cannot inject a change or a script: %s', async (query) => {
  const { html, begins } = await open(query);
  expect(Object.keys(begins)).toEqual(['query']);
  expect(begins).toEqual((await open('?')).begins);
  expect(html).not.toMatch(/alert|deleteAgent/);
});

test.each([
  ['', ''],
  [`{"first": 2}`, `{"first": 2}`],
])('a URL with a query shows it, with the variables %j', async (sent, variables) => {
  const query = 'query Few { agents(first: 2) { nodes { name } } } # <script>';
  const more = sent && `&variables=${encodeURIComponent(sent)}`;
  const { html, begins } = await open(`?query=${encodeURIComponent(query)}${more}`);
  expect(begins).toEqual({ query, variables });
  expect(html).not.toContain('# <script>');
});

test('GraphiQL starts with a query of the newest runs', async () => {
  const id = await makeRun(db.pool);
  const { begins } = await open('');
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: begins.query }),
  });
  const { data, errors } = (await response.json()) as {
    data: { executions: { nodes: { id: string }[] } };
    errors?: unknown;
  };
  expect({ errors, newest: data.executions.nodes[0]?.id }).toEqual({ newest: id });
});

test('parameters besides the id do not reach the page', async () => {
  const { html, begins } = await open(`?run=${ID}&initialQuery=mutation{deleteAgent}`);
  expect(Object.keys(begins)).toEqual(['query', 'variables']);
  expect(html).not.toContain('deleteAgent');
});
