import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestApi } from '../../harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../../subscriptions/tokens.ts';
import { type CallOptions, call } from '../call.ts';

const db = testDatabase();
let api: ApiServer;
const ask = (method: string, path: string, body?: unknown, options?: CallOptions) =>
  call(api, method, path, body, options);

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

/** A row of each kind, a change that creates a second version, and the path of the change. */
const KINDS: Record<string, { made: object; patch: object; label: boolean }> = {
  agents: {
    made: { name: 'clerk', instruction: 'Help.' },
    patch: { instruction: 'Help. Be brief.' },
    label: true,
  },
  workflows: {
    made: { name: 'twice', type: 'chain', members: ['development'], instruction: 'Once.' },
    patch: { instruction: 'Twice.' },
    label: true,
  },
  prompts: {
    made: { name: 'manners', template: 'Be kind.' },
    patch: { template: 'Be very kind.' },
    label: true,
  },
  skills: {
    made: { name: 'refunds', description: 'Rules.', content: 'Thirty days.' },
    patch: { content: 'Sixty days.' },
    label: false,
  },
};

describe.each(Object.entries(KINDS))('/api/%s', (path, { made, patch, label }) => {
  test('versions are listed, compared, labelled and restored', async () => {
    const { body: row } = await ask('POST', `/api/${path}`, made);
    const place = `/api/${path}/${row.id}`;
    await ask('PATCH', place, patch);
    const versions = await ask('GET', `${place}/versions`);
    expect(versions.body.data.map((one: { version: number }) => one.version)).toEqual([2, 1]);

    const [[field, value]] = Object.entries(patch) as [[string, string]];
    const compared = await ask('GET', `${place}/versions/1/compare/2`);
    expect(compared).toMatchObject({
      status: 200,
      body: { data: [{ op: 'replace', old: (made as Record<string, string>)[field], new: value }] },
    });
    expect((await ask('GET', `${place}/versions/2/compare/2`)).body).toEqual({ data: [] });
    expect(await ask('GET', `${place}/versions/1/compare/9`)).toMatchObject({
      status: 404,
      body: { code: 'HWNTF', field: 'version' },
    });

    const labels = `${place}/labels/production`;
    if (label) {
      expect(await ask('PUT', labels, { version: 1 })).toMatchObject({
        status: 200,
        body: { label: 'production', version: 1 },
      });
      expect((await ask('PUT', labels, { version: 2 })).body.version).toBe(2);
      const named = await ask('GET', `${place}/versions/1/compare/production`);
      expect(named.body).toEqual(compared.body);
      expect(await ask('PUT', labels, { version: 9 })).toMatchObject({ status: 404 });
      expect(await ask('PUT', `${place}/labels/Not%20one`, { version: 1 })).toMatchObject({
        status: 400,
        body: { code: 'HWINV' },
      });
      expect((await ask('DELETE', labels)).status).toBe(204);
      expect(await ask('DELETE', labels)).toMatchObject({ status: 404, body: { code: 'HWNTF' } });
    } else {
      expect((await ask('PUT', labels, { version: 1 })).status).toBe(404);
    }

    const restored = await ask('POST', `${place}/versions/1/restore`);
    expect(restored.status).toBe(200);
    expect(restored.body[field]).toBe((made as Record<string, string>)[field]);
    expect((await ask('GET', place)).body).toEqual(restored.body);
    expect((await ask('GET', `${place}/versions?limit=1`)).body.data[0].version).toBe(3);
    for (const version of ['9', '0', 'candidate']) {
      const missing = await ask('POST', `${place}/versions/${version}/restore`);
      expect(missing).toMatchObject({ status: 404, body: { code: 'HWNTF' } });
    }
    await ask('DELETE', place);
    expect((await ask('POST', `${place}/versions/1/restore`)).status).toBe(404);
  });
});

test('a viewer compares, and neither labels nor restores', async () => {
  const walled = await startTestApi(db.url, tokenOptions);
  try {
    const person = await makePerson(db.pool, 'watcher');
    const token = await tokenFor(
      { sub: 'v', tenant_id: person.tenant_id, user_id: '' },
      { user_id: undefined, role: 'viewer' },
    );
    const { id } = await one<{ id: string }>(
      db.pool,
      `insert into howdah.agents (name, instruction) values ('seen', 'Help.') returning id`,
    );
    const place = `/api/agents/${id}`;
    const as = (method: string, path: string, body?: unknown) =>
      call(walled, method, path, body, { token });
    expect((await as('GET', `${place}/versions/1/compare/1`)).status).toBe(200);
    for (const [method, path, body] of [
      ['PUT', `${place}/labels/production`, { version: 1 }],
      ['POST', `${place}/versions/1/restore`, undefined],
    ] as const) {
      expect(await as(method, path, body)).toMatchObject({ status: 403, body: { code: 'HWDEN' } });
    }
  } finally {
    await walled.close();
  }
});

describe('input to a live run', () => {
  const run = async (status: string) => {
    const { id } = await one<{ id: string }>(
      db.pool,
      `insert into howdah.executions (agent_id, input, run_at)
       values (howdah.agent('development'), 'Count.', now() + interval '1 day') returning id`,
    );
    if (status === 'ended') await ask('POST', `/api/executions/${id}/cancel`);
    return `/api/executions/${id}/input`;
  };

  test('reaches the run once, under every name of the field', async () => {
    const path = await run('queued');
    const headers = { 'idempotency-key': path };
    for (const _time of [1, 2]) {
      const sent = await ask('POST', path, { content: 'Only to ten.' }, { headers });
      expect(sent).toMatchObject({ status: 200, body: { status: 'queued', input: 'Count.' } });
    }
    expect((await ask('POST', path, { message: 'Slowly.' })).status).toBe(200);
    const { rows } = await db.pool.query(
      `select i.content from howdah_private.inbox as i
       where i.execution_id = $1 order by i.id`,
      [path.split('/')[3]],
    );
    expect(rows.map(({ content }) => content)).toEqual(['Only to ten.', 'Slowly.']);
    await ask('POST', path.replace('input', 'cancel'));
  });

  test('is refused after the end, and with a wrong body', async () => {
    const path = await run('ended');
    expect(await ask('POST', path, { content: 'More.' })).toMatchObject({
      status: 409,
      body: { code: 'HWTRM' },
    });
    for (const [body, field] of [
      [{}, 'content'],
      [{ content: 7 }, 'content'],
      [{ content: 'x', input_parts: ['x'] }, 'input_parts.0'],
      [{ content: 'x', contents: 'y' }, 'contents'],
    ] as const) {
      const refused = await ask('POST', path, body);
      expect(refused).toMatchObject({ status: 400, body: { code: 'HWINV', field } });
    }
  });
});
