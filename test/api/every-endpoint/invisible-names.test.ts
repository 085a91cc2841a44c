import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { runCli } from '../../cli/run-cli.ts';
import { one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';

// Two agents whose names differ only in a character that nobody sees would look the same in every
// list. test/sql/names.test.ts has the characters; this file has the doors.

const HIDDEN = 'refunds\u200b';
const MESSAGE = 'name of agents contains an invisible character (U+200B)';
const HINT = 'Remove U+200B from name.';

const db = testDatabase();
let api: ApiServer;
beforeAll(async () => {
  api = await startTestApi(db.url);
  await call(api, 'POST', '/api/agents', { name: 'refunds', instruction: 'Answer.' });
});
afterAll(() => api?.close());

describe('an agent with an invisible character in its name is refused', () => {
  test.each([
    ['POST', '/api/agents', { name: HIDDEN, instruction: 'Answer.' }],
    ['PATCH', '/api/agents/ID', { name: HIDDEN }],
  ])('by REST: %s %s', async (method, path, body) => {
    const { id } = await one(db.pool, `select howdah.agent('refunds') as id`);
    const answer = await call(api, method, path.replace('ID', id), body);
    expect(answer.body).toMatchObject({
      ...{ status: 400, code: 'HWINV', detail: expect.stringContaining('U+200B'), hint: HINT },
      ...{ field: 'name', character: 'U+200B' },
    });
  });

  test('by GraphQL', async () => {
    const { errors } = await ask(
      api,
      'mutation ($a: AgentInput!) { createAgent(input: { agent: $a }) { agent { id } } }',
      { a: { name: HIDDEN } },
    );
    expect(errors).toMatchObject([
      {
        message: MESSAGE,
        extensions: { code: 'HWINV', hint: HINT, detail: { field: 'name', character: 'U+200B' } },
      },
    ]);
  });

  test('in a file of agents', async () => {
    const file = join(await mkdtemp(join(tmpdir(), 'howdah-names-')), 'system.yaml');
    const text = 'agents:\n  "refunds\\u200b": { mission: Answer. }\n';
    await writeFile(file, `version: v1\nname: shop\n${text}`);
    const { status, stderr } = await runCli(db.url, 'apply', file);
    expect(status).not.toBe(0);
    expect(stderr).toContain('invisible character (U+200B)');
  });
});

test('an agent that has such a name already can be changed, and found by it', async () => {
  await db.pool.query('alter table howdah.agents disable trigger _990_refuse_invalid');
  const { id } = await one(db.pool, 'insert into howdah.agents (name) values ($1) returning id', [
    HIDDEN,
  ]);
  await db.pool.query('alter table howdah.agents enable trigger _990_refuse_invalid');
  const changed = await call(api, 'PATCH', `/api/agents/${id}`, { description: 'Old.' });
  expect(changed.status).toBe(200);
  expect((await call(api, 'PATCH', `/api/agents/${id}`, { name: 'old refunds' })).status).toBe(200);
});
