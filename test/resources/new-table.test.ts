import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../src/api/server.ts';
import { inTransaction } from '../../src/db/connection/pool.ts';
import { ask, startTestApi } from '../api/harness.ts';
import { tokenOptions } from '../api/subscriptions/tokens.ts';
import { runCli } from '../cli/run-cli.ts';
import { makeUser, one } from '../sql/support.ts';
import { addExampleTable } from '../sql/tables/example-table.ts';
import { testDatabase } from '../support/database.ts';

// A table with its migration, its rules and a resource file has REST, commands and GraphQL. The two
// modules below are generated from the resource files; here they have one more.

vi.mock('../../src/resources/all-resources.generated.ts', async (load) => {
  const { allResources } = await load<{ allResources: readonly object[] }>();
  const { notes } = await import('./notes.ts');
  return { allResources: [...allResources, notes] };
});
vi.mock('../../src/cli/resource-commands.generated.ts', async (load) => {
  const { registerResource } = await import('../../src/cli/nouns/resource-verbs.ts');
  const { notes } = await import('./notes.ts');
  const lists = await load<{ devResourceCommands: readonly object[] }>();
  const entry = {
    ...{ name: 'notes', group: 'Definitions', summary: 'manage the notes' },
    load: async () => ({ register: registerResource(notes) }),
  };
  return { ...lists, devResourceCommands: [...lists.devResourceCommands, entry] };
});

/** Nothing listens here, so a command that opens this database fails. */
const UNREACHABLE = 'postgresql://127.0.0.1:1/nowhere';
const database = testDatabase();
let api: ApiServer;
let key = '';

beforeAll(async () => {
  await inTransaction(database.pool, addExampleTable);
  const tenant = await one<{ id: string }>(database.pool, 'select howdah.current_tenant() as id');
  const ada = await makeUser(database.pool, {
    tenant_id: tenant.id,
    username: 'ada',
    role: 'member',
  });
  const text = `select key from howdah.create_api_key('ada', 'member', user_id => $1)`;
  ({ key } = await one<{ key: string }>(database.pool, text, [ada.id]));
  api = await startTestApi(database.url, tokenOptions);
  vi.stubEnv('HOWDAH_API_KEY', key);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await api?.close();
});

async function request(method: string, path: string, body?: object) {
  const response = await fetch(`${api.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
}

test('REST lists, creates, changes and deletes its rows', async () => {
  const made = await request('POST', '/api/notes', { name: 'first', body: 'tea' });
  expect(made).toMatchObject({ status: 201, body: { name: 'first', body: 'tea' } });
  const path = `/api/notes/${made.body.id}`;
  expect(await request('PATCH', path, { body: 'milk' })).toMatchObject({ body: { body: 'milk' } });
  expect(await request('PATCH', path, { body: '' })).toMatchObject({
    status: 400,
    body: { code: 'HWINV', hint: 'Write a note in body.' },
  });
  expect(await request('PATCH', path, { user_id: made.body.id })).toMatchObject({ status: 400 });
  expect((await request('GET', '/api/notes?name=first')).body.data).toHaveLength(1);
  expect((await request('DELETE', path)).status).toBe(204);
  expect((await request('GET', path)).status).toBe(404);
});

test('commands do the same, over a server and in a database', async () => {
  const viaServer = (...argv: string[]) => runCli(UNREACHABLE, 'notes', ...argv, '--api', api.url);
  const created = await viaServer('create', 'second', '--body', 'tea');
  expect(created).toMatchObject({ status: 0, stderr: 'The note second was created.\n' });
  expect(await viaServer('change', 'second', '--body', 'milk')).toMatchObject({ status: 0 });
  const listed = await viaServer('list');
  expect(listed.stdout).toMatch(/second +milk/);
  expect(await runCli(database.url, 'notes', 'list')).toEqual(listed);
  expect(await viaServer('show', 'secnd')).toMatchObject({
    status: 3,
    stderr: expect.stringContaining('Did you mean second?'),
  });
  expect(await viaServer('delete', 'second', '--yes')).toMatchObject({
    stdout: 'second deleted\n',
  });
});

test('GraphQL reads and writes its rows as granted', async () => {
  const create = `mutation { createNote(input: {note: {name: "third", body: "tea"}}) { note { id body } } }`;
  const made = await ask(api, create, {}, key);
  expect(made.data).toMatchObject({ createNote: { note: { body: 'tea' } } });
  const read = await ask(api, '{ notes { nodes { name user { username } } } }', {}, key);
  expect(read.data.notes.nodes).toEqual([{ name: 'third', user: { username: 'ada' } }]);
});
