import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadResource } from '../../../src/db/files/load-resource.ts';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  makeRun,
  makeSession,
  makeTenant,
  one,
  refusal,
  refusedInside,
  rolledBack,
} from '../support.ts';

const hashOf = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex');

const db = testDatabase();
let tenant: string;

beforeAll(async () => {
  tenant = (await one(db.pool, 'select howdah.current_tenant() as id')).id;
});

const insert = (columns: Record<string, unknown>) => {
  const row = { name: 'a.txt', type: 'text/plain', ...columns };
  const places = Object.keys(row).map((_, index) => `$${index + 1}`);
  return one(
    db.pool,
    `insert into howdah.resources (${Object.keys(row).join(', ')}) values (${places.join(', ')}) returning *`,
    Object.values(row),
  );
};
const bytes = Buffer.from([0, 1, 254, 255]);

describe('a resource', () => {
  test('stores the size and hash of its bytes and its author', async () => {
    expect(await insert({ type: 'Image/PNG', bytes })).toMatchObject({
      type: 'image/png',
      size: '4',
      sha256: hashOf(bytes),
      metadata: {},
      created_by: expect.stringMatching(/./),
    });
  });

  test('accepts the writing run and the trust level from the engine only', async () => {
    const claim = {
      written_by_execution_id: '0190f0a2-0000-7000-8000-000000000000',
      trust: 'user',
    };
    // inserted by the owner, like the engine
    const { id } = await insert({ bytes, metadata: { ...claim, order: 1 } });
    const metadata = await asRole(
      db.pool,
      'howdah_app',
      { 'howdah.tenant_id': tenant },
      async (client) => {
        const made = await one(
          client,
          `insert into howdah.resources (name, type, bytes, metadata) values ('x', 'text/plain', 'x', $1) returning metadata`,
          [{ ...claim, order: 2 }],
        );
        const changed = await one(
          client,
          `update howdah.resources set metadata = '{"order": 3, "trust": "internal"}' where id = $1 returning metadata`,
          [id],
        );
        return [made.metadata, changed.metadata];
      },
    );
    expect(metadata).toEqual([{ order: 2 }, { ...claim, order: 3 }]);
  });

  test('accepts a matching hash in any case and rejects any other', async () => {
    expect(await insert({ bytes, sha256: hashOf(bytes).toUpperCase() })).toMatchObject({
      sha256: hashOf(bytes),
    });
    expect(await refusal(insert({ bytes, sha256: hashOf('other') }))).toMatchObject({
      code: 'HWINV',
      message: `sha256 is ${hashOf('other')}, but the bytes have ${hashOf(bytes)}`,
      detail: '{"field": "sha256"}',
    });
    expect(await refusal(insert({ bytes, size: 5 }))).toMatchObject({
      code: 'HWINV',
      message: 'size is 5, but there are 4 bytes',
    });
  });

  test('with a storage path requires a hash and a size', async () => {
    const row = { storage_path: 'a/b.pdf', sha256: hashOf('x'), size: 1 };
    expect(await insert(row)).toMatchObject({ bytes: null, size: '1', sha256: hashOf('x') });
    expect(await refusal(insert({ ...row, sha256: null }))).toMatchObject({
      code: 'HWINV',
      detail: '{"field": "sha256"}',
    });
    expect(await refusal(insert({ ...row, size: null }))).toMatchObject({
      code: 'HWINV',
      message: 'size is missing: a file with a storage_path needs sha256 and size',
    });
  });

  const broken: [string, Record<string, unknown>, string][] = [
    [
      'neither bytes nor a path',
      { sha256: hashOf('x'), size: 1 },
      'bytes_are_in_the_row_or_in_a_file',
    ],
    ['both bytes and a path', { bytes, storage_path: 'a' }, 'bytes_are_in_the_row_or_in_a_file'],
    ['more than 8 MB', { bytes: Buffer.alloc(8 * 1024 * 1024 + 1) }, 'bytes_are_at_most_8_mb'],
    ['an invalid type', { bytes, type: 'png' }, 'type_is_a_mime_type'],
    ['a name with two lines', { bytes, name: 'a\nb' }, 'name_is_one_short_line'],
    ['metadata that is a list', { bytes, metadata: '[]' }, 'metadata_is_an_object'],
    ...['/etc/passwd', '../a', 'a/../../b', 'a/..', './a', 'a//b', 'a/', 'a\\b', 'a\nb', ''].map(
      (storage_path): [string, Record<string, unknown>, string] => [
        `the path ${JSON.stringify(storage_path)}`,
        { storage_path, sha256: hashOf('x'), size: 1 },
        'storage_path_is_relative',
      ],
    ),
  ];
  test.each(broken)('rejects %s', async (_what, columns, constraint) => {
    expect(await refusal(insert(columns))).toMatchObject({ code: 'HWINV', constraint });
  });

  test('accepts 8 MB', async () => {
    expect(await insert({ bytes: Buffer.alloc(8 * 1024 * 1024) })).toMatchObject({
      size: String(8 * 1024 * 1024),
    });
  });

  test('must belong to a run and a session of its own tenant', async () => {
    const [execution_id, session_id] = [await makeRun(db.pool), await makeSession(db.pool)];
    expect(await insert({ bytes, execution_id, session_id })).toMatchObject({
      execution_id,
      session_id,
    });
    const foreign = await makeTenant(db.pool);
    const agent = await one(db.pool, 'select id from howdah.agents where tenant_id = $1', [
      foreign,
    ]);
    const run = await makeRun(db.pool, { tenant_id: foreign, agent_id: agent.id });
    expect(await refusal(insert({ bytes, execution_id: run }))).toMatchObject({
      code: 'HWNTF',
      fields: { execution_id: run },
    });
    const session = await makeSession(db.pool, { tenant_id: foreign });
    expect(await refusal(insert({ bytes, session_id: session }))).toMatchObject({ code: '23503' });
  });

  test('outlives its session', async () => {
    const session_id = await makeSession(db.pool);
    const { id } = await insert({ bytes, session_id });
    await db.pool.query('delete from howdah.sessions where id = $1', [session_id]);
    expect(
      await one(db.pool, 'select session_id from howdah.resources where id = $1', [id]),
    ).toEqual({ session_id: null });
  });

  test.each([
    `bytes = 'b'`,
    `type = 'text/html'`,
    `sha256 = repeat('0', 64)`,
    'size = 1',
    `storage_path = 'b', bytes = null`,
    'execution_id = howdah.uuid_v7()',
    `created_by = 'mara'`,
  ])('cannot change its content, even by its owner: %s', async (change) => {
    const { id } = await insert({ bytes: Buffer.from('a') });
    expect(
      await refusal(db.pool.query(`update howdah.resources set ${change} where id = $1`, [id])),
    ).toMatchObject({
      code: 'HWDEN',
      message: `the content of resource 'a.txt' never changes`,
      hint: expect.stringContaining('Insert a new resource'),
    });
  });

  test('can be written, renamed and deleted by the application, which may not set a path', async () => {
    await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, async (client) => {
      const { id } = await one(
        client,
        `insert into howdah.resources (name, type, bytes) values ('b', 'text/plain', 'b') returning id`,
      );
      await client.query(
        `update howdah.resources set name = 'c', metadata = '{"a": 1}' where id = $1`,
        [id],
      );
      for (const change of [`bytes = 'x'`, `storage_path = 'x'`, `sha256 = ''`]) {
        expect(
          await refusedInside(client, `update howdah.resources set ${change} where id = $1`, [id]),
        ).toMatchObject({ code: '42501' });
      }
      expect(
        await refusedInside(
          client,
          `insert into howdah.resources (name, type, storage_path, sha256) values ('b', 'text/plain', 'b', '')`,
        ),
      ).toMatchObject({ code: '42501' });
      const gone = await client.query('delete from howdah.resources where id = $1', [id]);
      expect(gone.rowCount).toBe(1);
    });
  });

  test('whose bytes do not match its hash is reported by check_all()', async () => {
    const { id } = await insert({ bytes, name: 'rotten' });
    await rolledBack(db.pool, async (client) => {
      await client.query('set local session_replication_role = replica');
      await client.query(`update howdah.resources set bytes = 'rot' where id = $1`, [id]);
      expect(await all(client, 'select rule, tenant_id, detail from howdah.check_all()')).toEqual([
        {
          rule: 'resource_hash',
          tenant_id: tenant,
          detail: `the bytes of resource ${id} do not match its sha256`,
        },
      ]);
      // A check of hashes reads all files, so the view of the last hour does not include it.
      expect(await all(client, 'select * from howdah.violations')).toEqual([]);
    });
  });
});

describe('resource_text', () => {
  const textOf = async (id: string) =>
    (await one(db.pool, 'select howdah.resource_text($1) as text', [id])).text;

  test.each(['text/plain', 'text/csv; charset=utf-8', 'application/json', 'image/svg+xml'])(
    'returns the text of %s',
    async (type) => {
      const { id } = await insert({ type, bytes: Buffer.from('Grüße, 🐘') });
      expect(await textOf(id)).toBe('Grüße, 🐘');
    },
  );

  const unreadable: [string, Record<string, unknown>, string][] = [
    ['an image', { type: 'image/png', bytes }, 'image/png is not a text type'],
    ['text that is not UTF-8', { bytes: Buffer.from([0x66, 0xfc]) }, 'its bytes are not UTF-8'],
    ['text with a NUL byte', { bytes: Buffer.from('a\0b') }, 'its bytes are not UTF-8'],
    [
      'a file stored at a path',
      { storage_path: 'a', sha256: hashOf('x'), size: 1 },
      'its content is stored in a file of the workers, not in the database',
    ],
  ];
  test.each(unreadable)('rejects %s', async (_what, columns, reason) => {
    const { id } = await insert(columns);
    expect(await refusal(textOf(id))).toMatchObject({
      code: 'HWINV',
      message: `resource 'a.txt' cannot be read as text: ${reason}`,
    });
  });

  test('reports an unknown resource, or one of another tenant, as not found', async () => {
    const { id } = await insert({ bytes, tenant_id: await makeTenant(db.pool) });
    await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, async (client) => {
      for (const one of [id, tenant]) {
        expect(await refusedInside(client, 'select howdah.resource_text($1)', [one])).toMatchObject(
          { code: 'HWNTF', fields: { resource_id: one } },
        );
      }
    });
  });
});

describe('loadResource', () => {
  let home: string;
  let folder: string;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'howdah-resources-'));
    folder = join(home, 'resources');
    await mkdir(join(folder, 'deep'), { recursive: true });
    await writeFile(join(folder, 'deep', 'a.bin'), bytes);
    await writeFile(join(home, 'secret'), bytes);
    await symlink(join(home, 'secret'), join(folder, 'link'));
    await symlink(home, join(folder, 'up'));
    await symlink(join(folder, 'deep', 'a.bin'), join(folder, 'inside'));
  });
  afterAll(() => rm(home, { recursive: true }));

  const file = (storage_path: string, content: Buffer = bytes) =>
    insert({ storage_path, sha256: hashOf(content), size: content.length, name: 'f' });
  const load = (id: string, options = {}) =>
    loadResource(db.pool, tenant, id, { folder, ...options });
  const failure = async (id: string, options = {}) => {
    const outcome = await load(id, options);
    if (outcome.ok) throw new Error('it was loaded');
    expect(outcome.error).toMatchObject({ code: 'invalid_request', retryable: false });
    return outcome.error.message;
  };

  test('returns the bytes of the row', async () => {
    const { id } = await insert({ bytes, type: 'image/png' });
    expect(await load(id)).toEqual({
      ok: true,
      value: { name: 'a.txt', type: 'image/png', is_text: false, bytes, sha256: hashOf(bytes) },
    });
  });

  test.each(['deep/a.bin', 'inside'])(
    'returns the bytes of a file below the folder: %s',
    async (path) => {
      expect(await load((await file(path)).id)).toMatchObject({ ok: true, value: { bytes } });
    },
  );

  test.each(['link', 'up/secret'])(
    'rejects a link that leads out of the folder: %s',
    async (path) => {
      expect(await failure((await file(path)).id)).toBe(
        'the path of the file f is outside the folder for files',
      );
    },
  );

  test.each(['gone', 'deep', 'deep/a.bin/b'])('reports a missing file: %s', async (path) => {
    expect(await failure((await file(path)).id)).toMatch(
      /^the file f (is missing|has been altered)/,
    );
  });

  test('reports an altered file without its current content', async () => {
    const shorter = await failure((await file('deep/a.bin', Buffer.from('abc'))).id);
    expect(shorter).toBe('the file f has been altered: it has 4 bytes, not 3');
    const other = await failure((await file('deep/a.bin', Buffer.from('abcd'))).id);
    expect(other).toBe('the file f has been altered: its content does not match its sha256');
  });

  test('rejects a file that is too large, and any file without a folder', async () => {
    expect(await failure((await file('deep/a.bin')).id, { maxBytes: 3 })).toBe(
      'the file f has 4 bytes, at most 3 can be read here',
    );
    expect(await failure((await file('deep/a.bin')).id, { folder: undefined })).toContain(
      'this worker was started without a folder for files',
    );
  });

  test('does not find deleted resources or resources of another tenant', async () => {
    const { id } = await insert({ bytes });
    const foreign = await loadResource(db.pool, await makeTenant(db.pool), id);
    expect(foreign).toMatchObject({ ok: false, error: { message: expect.stringContaining(id) } });
    await db.pool.query('delete from howdah.resources where id = $1', [id]);
    expect(await failure(id)).toBe(`there is no resource ${id}: it may have been deleted`);
  });

  test('may be called by workers only', async () => {
    const { id } = await insert({ bytes });
    const text = 'select name from howdah_private.load_resource($1, $2)';
    await asRole(db.pool, 'howdah_worker', {}, async (client) => {
      expect(await all(client, text, [tenant, id])).toEqual([{ name: 'a.txt' }]);
    });
    await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, async (client) => {
      expect(await refusedInside(client, text, [tenant, id])).toMatchObject({ code: '42501' });
    });
  });
});

describe('files stored by tools', () => {
  const tree = () => makeRun(db.pool);
  const keep = async (run: string, call: string, files: Record<string, string>, more = {}) =>
    (
      await one(db.pool, 'select howdah_private.store_files($1, $2, $3, $4, $5) as files', [
        run,
        Object.keys(files),
        Object.keys(files).map(() => 'text/plain'),
        Object.values(files).map((text) => Buffer.from(text)),
        { call, ...more },
      ])
    ).files as { id: string; name: string; bytes: number }[];
  const idsOf = (resources: { id: string }[]) => resources.map(({ id }) => id);

  test('are found again by a repeated call, even after other writes', async () => {
    const run = await tree();
    const first = await keep(run, 'a', { x: '1', y: '2' });
    expect(first).toMatchObject([
      { name: 'x', type: 'text/plain', bytes: 1 },
      { name: 'y', bytes: 1 },
    ]);
    const second = await keep(run, 'b', { x: 'other' });
    expect(idsOf(second)).not.toContain(first[0]?.id);
    expect(idsOf(await keep(run, 'a', { x: '1', y: '2' }))).toEqual(idsOf(first));
    expect(idsOf(await keep(run, 'c', { y: '2' }))).toEqual([first[1]?.id]);
  });

  test('are written again when a name returns to earlier content, which is then read', async () => {
    const run = await tree();
    await keep(run, 'a', { x: '1' });
    await keep(run, 'b', { x: '2' });
    await keep(run, 'c', { x: '1' });
    expect(
      await one(
        db.pool,
        `select howdah_private.call_read_resource($1, '{"name": "x"}') ->> 'text' as text`,
        [run],
      ),
    ).toEqual({ text: '1' });
  });

  test('are stored all together or not at all for one call', async () => {
    const run = await tree();
    const count = () =>
      one(db.pool, 'select count(*)::int as n from howdah.resources where execution_id = $1', [
        run,
      ]);
    for (const files of [
      { fine: '1', 'not\none line': '2' },
      { fine: '1', '': '2' },
    ]) {
      await expect(keep(run, 'a', files)).rejects.toMatchObject({ code: 'HWINV' });
    }
    const many = Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`f${n}`, '']));
    await expect(keep(run, 'a', many)).rejects.toMatchObject({ code: 'HWQTA' });
    expect(await count()).toEqual({ n: 0 });
  });

  test('are stored once when concurrent calls of one tree store the same content', async () => {
    const run = await tree();
    const resources = await Promise.all(
      Array.from({ length: 4 }, (_, n) => keep(run, `call ${n}`, { x: 'same' })),
    );
    expect(new Set(resources.flatMap(idsOf)).size).toBe(1);
  });

  test('are found by name and id within their own conversation, with their trust level', async () => {
    const [run, other] = [await tree(), await tree()];
    const [mine] = await keep(run, 'a', { mine: '12' });
    await keep(run, 'a', { read: '12' }, { trust: 'external' });
    const [foreign] = await keep(other, 'a', { foreign: '1' });
    const filesFor = (words: (string | undefined)[]) =>
      one(db.pool, 'select howdah_private.call_files($1, $2) as files', [run, words]);
    expect(await filesFor([mine?.id, 'read'])).toEqual({
      files: [
        { id: mine?.id, name: 'mine', bytes: 2, trust: 'internal' },
        { id: expect.any(String), name: 'read', bytes: 2, trust: 'external' },
      ],
    });
    for (const word of ['foreign', foreign?.id, '0190f0a2-0000-7000-8000-000000000000']) {
      await expect(filesFor(['mine', word])).rejects.toMatchObject({
        code: 'HWNTF',
        message: `this conversation has no file "${word}"`,
        hint: 'Its files: read, mine.',
      });
    }
  });
});
