import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { startTestApi } from '../../api/harness.ts';
import { all, makeAgent } from '../../sql/support.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { runCli } from '../run-cli.ts';

let db: TestDatabase;
let api: ApiServer;
let folder: string;
let orders: string;
let picture: string;

beforeAll(async () => {
  db = await createTestDatabase();
  api = await startTestApi(db.url);
  folder = await mkdtemp(join(tmpdir(), 'howdah-attach-'));
  orders = join(folder, 'orders.csv');
  picture = join(folder, 'dot.png');
  await writeFile(orders, 'order,status\nA-1001,shipped\n');
  await writeFile(picture, Buffer.from('89504e470d0a1a0a00', 'hex'));
  await makeAgent(db.pool, { name: 'reader' });
});
afterAll(async () => {
  await api?.close();
  await db?.drop();
  await rm(folder, { recursive: true, force: true });
});

/** Returns the parts of a run's input except its text, in order. */
const filesOf = (id: string) =>
  all(
    db.pool,
    `select r.name, r.type, encode(r.bytes, 'hex') as hex
     from howdah.executions as e, jsonb_array_elements(e.input_parts) with ordinality as p (part, at)
     join howdah.resources as r on r.id = (p.part ->> 'resource_id')::uuid
     where e.id = $1 order by p.at`,
    [id],
  );
const countResources = async () =>
  (await all(db.pool, 'select count(*)::int as n from howdah.resources'))[0]?.n;

const FILES = [
  {
    name: 'orders.csv',
    type: 'text/csv',
    hex: Buffer.from('order,status\nA-1001,shipped\n').toString('hex'),
  },
  { name: 'dot.png', type: 'image/png', hex: '89504e470d0a1a0a00' },
];

test.each(['the database', 'the API'])('files are attached to a run over %s', async (target) => {
  const over = target === 'the API' ? ['--api', api.url] : ['--tenant', 'default'];
  const line = ['run', 'reader', 'Look.', '--detach', '--attach', orders, '--attach', picture];
  const { status, stdout, stderr } = await runCli(db.url, ...line, ...over);
  expect({ status, stderr }).toMatchObject({ status: 0 });
  expect(await filesOf(stdout.trim())).toEqual(FILES);
});

test('an unusable file is named, and no resource is stored', async () => {
  const large = join(folder, 'large.bin');
  await writeFile(large, '');
  await truncate(large, 8 * 1024 * 1024 + 1);
  const before = await countResources();
  for (const [file, why] of [
    [join(folder, 'none.txt'), 'there is no such file'],
    [folder, 'it is not a file'],
    [large, 'it has 8388609 bytes'],
  ] as const) {
    const line = ['run', 'reader', 'Look.', '--detach', '--attach', orders, '--attach', file];
    const { status, stderr } = await runCli(db.url, ...line);
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(why) });
  }
  const refused = await runCli(db.url, 'run', 'nobody', 'Look.', '--detach', '--attach', orders);
  expect(refused.status).not.toBe(0);
  expect(await countResources()).toBe(before);
});
