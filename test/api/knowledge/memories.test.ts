import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { runCli } from '../../cli/run-cli.ts';
import { makeAgent, makeTenant, makeUser, one, type User } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask as askGraphql, startTestApi } from '../harness.ts';
import { type CallOptions, call } from '../rest/call.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';

// Memories are added, corrected, forgotten and recalled over REST, GraphQL and by commands.

/** Nothing listens here, so a command that opens this database fails. */
const UNREACHABLE = 'postgresql://127.0.0.1:1/nowhere';
const database = testDatabase();
let api: ApiServer;
let ada: User;
let member: string;
let ben: string;
let owner: string;
let viewer: string;
/** The key of an owner of another tenant. */
let stranger: string;

beforeAll(async () => {
  api = await startTestApi(database.url, tokenOptions);
  ada = await makeUser(database.pool, { role: 'member' });
  member = await keyOf('member', { user: ada.id });
  ben = await keyOf('member', { user: (await makeUser(database.pool, { role: 'member' })).id });
  owner = await keyOf('owner');
  viewer = await keyOf('viewer');
  stranger = await keyOf('owner', { tenant: await makeTenant(database.pool) });
  vi.stubEnv('HOWDAH_API_KEY', owner);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await api?.close();
});

async function keyOf(role: string, { tenant = '', user }: { tenant?: string; user?: string } = {}) {
  const client = await database.pool.connect();
  try {
    await client.query(`select set_config('howdah.tenant_id', $1, false)`, [tenant]);
    const text =
      'select key from howdah.create_api_key($1::text, $1::text::howdah.user_role, user_id => $2)';
    return (await one<{ key: string }>(client, text, [role, user ?? null])).key;
  } finally {
    await client.query('discard all');
    client.release();
  }
}

const ask = (method: string, path: string, body?: unknown, options: CallOptions = {}) =>
  call(api, method, path, body, { token: member, ...options });
const recalled = async (query: string, options?: CallOptions) =>
  (await ask('GET', `/api/memories/recall?query=${encodeURIComponent(query)}`, undefined, options))
    .body.memories;

describe('REST', () => {
  test('adds, shows, corrects, recalls and forgets', async () => {
    const made = await ask('POST', '/api/memories', {
      content: 'Prefers answers in French.',
      kind: 'preference',
    });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ scope: 'user', subject_id: ada.id, trust: 'user' });
    const path = made.headers.get('location') ?? '';
    expect((await ask('GET', path)).body).toEqual(made.body);
    const again = await ask('POST', '/api/memories', { content: 'Prefers  answers in French.' });
    expect(again.body.id).toBe(made.body.id);
    const fixed = await ask('POST', `${path}/correct`, { content: 'Prefers answers in German.' });
    expect(fixed).toMatchObject({ status: 201, body: { kind: 'preference', valid_to: null } });
    expect(await recalled('which answers: French?')).toMatchObject([
      { id: fixed.body.id, content: 'Prefers answers in German.', score: expect.any(Number) },
    ]);
    const corrected = await ask('GET', '/api/memories?is_valid=false');
    expect(corrected.body.data).toMatchObject([{ id: made.body.id, superseded_by: fixed.body.id }]);
    const valid = await ask('GET', `/api/memories?is_valid=true&subject_id=${ada.id}`);
    expect(valid.body.data).toMatchObject([{ id: fixed.body.id }]);
    expect((await ask('DELETE', `/api/memories/${fixed.body.id}`)).status).toBe(204);
    expect((await ask('GET', '/api/memories')).body.data).toEqual([]);
    expect(await recalled('answers')).toEqual([]);
  });

  test('pins and unpins a memory of an agent', async () => {
    const agent = await makeAgent(database.pool);
    const about = { scope: 'agent', subject_id: agent };
    const { body } = await ask('POST', '/api/memories', { content: 'Be brief.', ...about });
    const path = `/api/memories/${body.id}/pin`;
    const pinned = await ask('POST', path);
    expect(pinned).toMatchObject({ status: 200, body: { id: body.id, is_pinned: true } });
    const list = async (isPinned: boolean) =>
      (await ask('GET', `/api/memories?is_pinned=${isPinned}&subject_id=${agent}`)).body.data;
    expect(await list(true)).toEqual([pinned.body]);
    expect(await list(false)).toEqual([]);
    for (const [token, status] of [
      [viewer, 403],
      [stranger, 404],
    ] as const) {
      expect((await ask('POST', path, { is_pinned: false }, { token })).status).toBe(status);
    }
    expect((await ask('POST', path, { is_pinned: false })).body.is_pinned).toBe(false);
    const long = await ask('POST', '/api/memories', { content: 'x'.repeat(1999), ...about });
    await ask('POST', path);
    expect(await ask('POST', `/api/memories/${long.body.id}/pin`)).toMatchObject({
      status: 400,
      body: { code: 'HWINV', field: 'is_pinned' },
    });
    for (const id of [body.id, long.body.id]) await ask('DELETE', `/api/memories/${id}`);
  });

  test('says what is wrong with a request', async () => {
    expect((await ask('POST', '/api/memories', {})).status).toBe(400);
    expect((await ask('POST', '/api/memories', { content: ' ' })).body.detail).toBe(
      'content must have 1 to 2000 characters',
    );
    expect((await ask('POST', '/api/memories', { content: 'a', scope: 'world' })).status).toBe(400);
    const missing = `/api/memories/${crypto.randomUUID()}`;
    expect((await ask('POST', `${missing}/correct`, { content: 'a' })).status).toBe(404);
    expect((await ask('DELETE', missing)).status).toBe(404);
    expect((await ask('GET', '/api/memories/recall?query=%20')).status).toBe(400);
  });

  test('shows memories about a user to nobody else', async () => {
    const { body } = await ask('POST', '/api/memories', { content: 'Has an allergy.' });
    const path = `/api/memories/${body.id}`;
    for (const token of [ben, viewer, stranger]) {
      expect((await ask('GET', path, undefined, { token })).status).toBe(404);
      expect((await ask('GET', '/api/memories', undefined, { token })).body.data).toEqual([]);
      expect(await recalled('allergy', { token })).toEqual([]);
      const refused = await ask('DELETE', path, undefined, { token });
      expect([403, 404]).toContain(refused.status);
    }
    expect((await ask('GET', path, undefined, { token: owner })).status).toBe(200);
    expect((await ask('DELETE', path)).status).toBe(204);
  });
});

describe('a proposal over REST', () => {
  test('is made, listed, approved with another text, and rejected', async () => {
    const agent = await makeAgent(database.pool);
    const lesson = async (content: string) =>
      (await ask('POST', '/api/memories', { content, scope: 'agent', subject_id: agent })).body.id;
    const path = `/api/memories/${await lesson('Ask for the parcel number.')}`;
    const made = await ask('POST', `${path}/propose`);
    expect(made).toMatchObject({
      status: 200,
      body: { proposal_status: 'open', decided_by: null },
    });
    const listed = async (status: string) =>
      (await ask('GET', `/api/memories?proposal_status=${status}`)).body.data;
    expect(await listed('open')).toMatchObject([{ id: made.body.id }]);
    expect((await ask('GET', '/api/memories?proposal_status=maybe')).status).toBe(400);
    for (const [token, status] of [
      [viewer, 403],
      [stranger, 404],
    ] as const) {
      expect((await ask('POST', `${path}/approve`, undefined, { token })).status).toBe(status);
      expect((await ask('POST', `${path}/reject`, undefined, { token })).status).toBe(status);
    }
    expect((await ask('POST', `${path}/approve`, { content: ' ' })).status).toBe(400);
    expect((await ask('POST', `${path}/approve`, { text: 'x' })).status).toBe(400);
    const copy = await ask('POST', `${path}/approve`, { content: 'Ask for the number.' });
    expect(copy).toMatchObject({
      status: 201,
      body: { scope: 'tenant', content: 'Ask for the number.', origin_id: made.body.id },
    });
    expect(await recalled('number', { token: viewer })).toMatchObject([{ id: copy.body.id }]);
    expect((await ask('POST', `${path}/reject`)).status).toBe(409);
    const other = `/api/memories/${await lesson('Never answer.')}`;
    expect((await ask('POST', `${other}/reject`)).status).toBe(409); // nobody proposed it
    await ask('POST', `${other}/propose`);
    const rejected = await ask('POST', `${other}/reject`);
    expect(rejected).toMatchObject({
      ...{ status: 200, body: { proposal_status: 'rejected', decided_by: ada.username } },
    });
    expect((await ask('POST', `${other}/propose`)).status).toBe(409);
    expect(await listed('open')).toEqual([]);
    for (const { id } of [copy.body, made.body, rejected.body]) {
      await ask('DELETE', `/api/memories/${id}`);
    }
  });
});

describe('GraphQL', () => {
  const graphql = (query: string, variables: object = {}, token = member) =>
    askGraphql(api, query, variables, token);

  test('remembers, corrects, recalls and forgets', async () => {
    const made = await graphql(
      `mutation { remember(input: {content: "The office is in Lyon.", scope: tenant}) {
        result { id scope trust createdBy } } }`,
    );
    const { id, ...row } = made.data.remember.result;
    expect(row).toEqual({ scope: 'tenant', trust: 'user', createdBy: ada.username });
    await graphql(
      `mutation ($id: UUID!) { correctMemory(input: {id: $id, content: "The office is in Bonn."}) {
        result { id } } }`,
      { id },
    );
    const query = '{ recall(query: "office", k: 3) { nodes { id content trust } } }';
    const found = (await graphql(query)).data.recall.nodes;
    expect(found).toMatchObject([{ content: 'The office is in Bonn.' }]);
    expect((await graphql(query, {}, stranger)).data.recall.nodes).toEqual([]);
    const list = '{ memories { nodes { content supersededByMemory { content } } } }';
    expect((await graphql(list)).data.memories.nodes).toHaveLength(2);
    expect((await graphql(list, {}, stranger)).data.memories.nodes).toEqual([]);
    const agent = await makeAgent(database.pool);
    const lesson = await graphql(
      `mutation ($agent: UUID) { remember(input: {content: "Be brief.", scope: agent,
        subjectId: $agent}) { result { id isPinned } } }`,
      { agent },
    );
    const pin = `mutation ($id: UUID!, $is: Boolean) { pinMemory(input: {id: $id, isPinned: $is}) {
      result { isPinned } } }`;
    const about = { id: lesson.data.remember.result.id };
    expect((await graphql(pin, about)).data.pinMemory.result).toEqual({ isPinned: true });
    const undone = await graphql(pin, { ...about, is: false });
    expect(undone.data.pinMemory.result).toEqual({ isPinned: false });
    expect((await graphql(pin, about, stranger)).errors?.[0]?.extensions?.code).toBe('HWNTF');
    await graphql(`mutation ($id: UUID!) { forget(input: {id: $id}) { result } }`, about);
    await graphql(`mutation ($id: UUID!) { forget(input: {id: $id}) { result } }`, {
      id: found[0].id,
    });
    expect((await graphql(list)).data.memories.nodes).toEqual([]);
  });
});

test('GraphQL proposes, approves and rejects, and shows the origin', async () => {
  const agent = await makeAgent(database.pool);
  const graphql = (field: string, rest: string, variables: object, token = member) =>
    askGraphql(
      api,
      `mutation ($id: UUID!) { ${field}(input: {id: $id${rest}}) {
         result { id scope proposalStatus originMemory { id content } } } }`,
      variables,
      token,
    );
  const { body } = await ask('POST', '/api/memories', {
    ...{ content: 'Count twice.', scope: 'agent', subject_id: agent },
  });
  const about = { id: body.id };
  const code = async (field: string, token?: string) =>
    (await graphql(field, '', about, token)).errors?.[0]?.extensions?.code;
  expect(await code('approveMemory')).toBe('HWCNF');
  expect((await graphql('proposeMemory', '', about)).data.proposeMemory.result).toMatchObject({
    proposalStatus: 'open',
  });
  expect(await code('approveMemory', viewer)).toBe('HWDEN');
  const approved = await graphql('approveMemory', ', content: "Count three times."', about);
  expect(approved.data.approveMemory.result).toMatchObject({
    ...{ scope: 'tenant', originMemory: { id: body.id, content: 'Count twice.' } },
  });
  expect(await code('rejectMemory')).toBe('HWCNF');
  await ask('DELETE', `/api/memories/${approved.data.approveMemory.result.id}`);
  await ask('DELETE', `/api/memories/${body.id}`);
});

describe.each([
  ['a database', (...argv: string[]) => runCli(database.url, ...argv)],
  ['a server', (...argv: string[]) => runCli(UNREACHABLE, ...argv, '--api', api.url)],
])('howdah dev memories on %s', (face, run) => {
  const memories = (...argv: string[]) => run('dev', 'memories', ...argv);

  test('adds, lists, shows, corrects, recalls and forgets', async () => {
    const added = await memories('add', `The ${face} is in Lyon.`, '--scope', 'tenant');
    expect(added).toMatchObject({ status: 0 });
    const id = added.stdout.trim();
    expect((await memories('list')).stdout).toContain(`The ${face} is in Lyon.`);
    expect((await memories('show', id)).stdout).toContain('tenant');
    const fixed = await memories('correct', id, `The ${face} is in Bonn.`, '--json');
    expect(JSON.parse(fixed.stdout)).toMatchObject({ scope: 'tenant', trust: 'user' });
    expect(await memories('correct', id, 'x')).toMatchObject({ status: expect.any(Number) });
    const found = await memories('recall', `where is the ${face}?`, '--k', '1');
    expect(found.stdout).toContain('Bonn');
    expect(found.stdout).not.toContain('Lyon');
    const newest = JSON.parse(fixed.stdout).id;
    expect(await memories('forget', newest, '--yes')).toMatchObject({ status: 0 });
    const none = await memories('recall', face);
    expect(none.stdout + none.stderr).toContain('Nothing was found.');
    expect((await memories('list')).stdout).not.toContain(face);
  });

  test('pins and unpins', async () => {
    const agent = await makeAgent(database.pool);
    const added = await memories('add', 'Be brief.', '--scope', 'agent', '--subject', agent);
    const id = added.stdout.trim();
    const pinned = await memories('pin', id, '--json');
    expect(JSON.parse(pinned.stdout)).toMatchObject({ id, is_pinned: true });
    const undone = await memories('pin', id, '--unpin', '--json');
    expect(JSON.parse(undone.stdout)).toMatchObject({ id, is_pinned: false });
    expect((await memories('pin', crypto.randomUUID())).status).toBe(3);
    await memories('forget', id, '--yes');
  });

  test('proposes, approves and rejects', async () => {
    const agent = await makeAgent(database.pool);
    const add = async (content: string) =>
      (await memories('add', content, '--scope', 'agent', '--subject', agent)).stdout.trim();
    const [first, second] = [await add('Ask twice.'), await add('Ask never.')];
    for (const id of [first, second]) {
      const proposed = await memories('propose', id, '--json');
      expect(JSON.parse(proposed.stdout)).toMatchObject({ id, proposal_status: 'open' });
    }
    expect((await memories('list')).stdout).toMatch(/Ask never\..* open/);
    const approved = JSON.parse((await memories('approve', first, 'Ask once.', '--json')).stdout);
    expect(approved).toMatchObject({ scope: 'tenant', content: 'Ask once.', origin_id: first });
    expect((await memories('reject', second)).stdout.trim()).toBe(second);
    expect((await memories('approve', second)).stderr).toContain('already rejected');
    expect((await memories('approve', crypto.randomUUID())).status).toBe(3);
    for (const id of [approved.id, first, second]) await memories('forget', id, '--yes');
  });

  test('says what is wrong', async () => {
    expect(await memories('add', ' ', '--scope', 'tenant')).toMatchObject({
      status: expect.any(Number),
      stderr: expect.stringContaining('content must have 1 to 2000 characters'),
    });
    expect((await memories('forget', crypto.randomUUID(), '--yes')).status).toBe(3);
  });
});
