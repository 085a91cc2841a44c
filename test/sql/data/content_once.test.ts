import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { secretRowsOn } from '../../../src/db/access/secrets.ts';
import { restoreArchive } from '../../../src/db/retention/restore-archive.ts';
import { archiveMonth } from '../../../src/db/retention/write-archive.ts';
import { type Commit, commitParameters } from '../../../src/db/runs/commit-query.ts';
import type { Json } from '../../../src/json/json.ts';
import { parseJson } from '../../../src/json/parse-json.ts';
import { storableJson } from '../../../src/json/storable-json.ts';
import { createContentCipher } from '../../../src/secrets/contents.ts';
import { testDatabase } from '../../support/database.ts';
import { encryptRuns } from '../../support/work/encrypt-runs.ts';
import { TEST_MASTER_KEYS } from '../../support/worker.ts';
import {
  all,
  asRole,
  type CommitRow,
  claim,
  commit,
  completed,
  makeAgent,
  makeRun,
  makeWorker,
  one,
  openSession,
} from '../support.ts';

// A result of a tool is stored once where its message repeats the output of its step exactly. Tests
// that readers of messages never notice.

const db = testDatabase();
let worker: string;
let agent: string;

type Result = { output: Json | undefined; content: string | null; parts?: Json };

const plain = (output: Json): Result => ({
  output,
  content: typeof output === 'string' ? output : storableJson(output),
});

const RESULTS: readonly Result[] = [
  ...[
    '',
    ' ',
    'shipped',
    'null',
    '"quoted"',
    '{"a":1}',
    '\n\t\\u0000 \\ \u0001 "',
    'ü 😀 \u2028',
  ].map(plain),
  ...[null, true, 0, -1.5, [], {}, [1, 'a'], { b: 1, a: [null] }].map(plain),
  plain('x'.repeat(300_000)),
  plain({ text: 'y'.repeat(20_000) }),
  plain(parseJson('9007199254740993')),
  { output: 'a long text', content: 'a long\n[cut off]' },
  { output: 'secret', content: '[withheld by a filter]' },
  { output: undefined, content: '{"error":{"code":"timeout"}}' },
  { output: 'a picture', content: 'a picture', parts: [{ type: 'text', text: 'x' }] },
  { output: 'a picture', content: null, parts: [{ type: 'text', text: 'x' }] },
];

beforeAll(async () => {
  agent = await makeAgent(db.pool);
  worker = await makeWorker(db.pool);
});

/** Makes a run whose tools gave these results, and leaves it at work. */
async function makeRunWith(
  results: readonly Result[],
  to?: Record<string, unknown>,
  send: (commits: CommitRow[]) => Promise<unknown> = (commits) => commit(db.pool, worker, commits),
): Promise<string> {
  const id = await makeRun(db.pool, { agent_id: agent, input: 'x' });
  const [claimed] = await claim(db.pool, worker, [id]);
  const calls = results.map((_, n) => ({ id: `c${n}`, name: 'look_up', arguments: '{}' }));
  const steps = [
    { kind: 'model', messages: [{ role: 'assistant', content: null, tool_calls: calls }] },
    ...results.map(({ output, content, parts }, n) => ({
      ...{ kind: 'tool', name: 'look_up', call_id: `c${n}`, input: {}, output },
      messages: [{ role: 'tool', content, tool_call_id: `c${n}`, ...(parts ? { parts } : {}) }],
    })),
    ...(to ? [{ kind: 'output', output: 'done' }] : []),
  ];
  const commits = [{ id, fence: claimed?.fence ?? 0, after: 0, steps, ...(to ? { to } : {}) }];
  expect(await send(commits)).toMatchObject([{ outcome: 'committed' }]);
  return id;
}

/** Commits as an older worker does, which sends every text of a message. */
async function sendEachText(commits: CommitRow[]) {
  const steps = (commits as Commit[]).flatMap((one) => one.steps);
  const messages = steps.flatMap((step) => step.messages ?? []);
  const values = Object.values({
    ...commitParameters(worker, commits as Commit[]),
    contents: messages.map(({ content }) => content),
  });
  const places = values.map((_, index) => `$${index + 1}`).join(', ');
  return all(db.pool, `select * from howdah_private.commit_steps(${places})`, values);
}

const textsOf = async (id: string, client: Parameters<typeof all>[0] = db.pool) =>
  (
    await all(
      client,
      `select content from howdah.messages where execution_id = $1 and role = 'tool' order by seq`,
      [id],
    )
  ).map(({ content }) => content);

const storedOf = (id: string) =>
  all(
    db.pool,
    `select content, content_is_output as once from howdah_private.message_log
     where execution_id = $1 and role = 'tool' order by seq`,
    [id],
  );

const contents = (results: readonly Result[]) => results.map(({ content }) => content);

test('every reader gets the text of each result, whether it is stored once or twice', async () => {
  const id = await makeRunWith(RESULTS);
  expect(await textsOf(id)).toEqual(contents(RESULTS));
  expect(await asRole(db.pool, 'howdah_viewer', {}, (client) => textsOf(id, client))).toEqual(
    contents(RESULTS),
  );
  const stored = await storedOf(id);
  for (const [n, { output, content }] of RESULTS.entries()) {
    const isOnce = typeof output === 'string' && output === content;
    if (isOnce) expect(stored[n]).toEqual({ content: null, once: true });
    if (stored[n]?.once === null) expect(stored[n]).toEqual({ content, once: null });
  }
  await db.pool.query('select howdah_private.release_runs($1, true)', [worker]).catch(() => {});
  const { messages } = await one(
    db.pool,
    'select howdah_private.execution_messages_of($1) as messages',
    [id],
  );
  expect(messages.filter(({ role }: { role: string }) => role === 'tool')).toMatchObject(
    RESULTS.map(({ content }) => ({ content })),
  );
  await db.pool.query('select howdah.cancel_execution($1)', [id]);
});

test('a text that an older worker sends twice is stored once, too', async () => {
  const id = await makeRunWith(RESULTS, undefined, sendEachText);
  expect(await textsOf(id)).toEqual(contents(RESULTS));
  const current = await makeRunWith(RESULTS);
  expect(await storedOf(id)).toEqual(await storedOf(current));
  for (const run of [id, current]) {
    await db.pool.query('select howdah.cancel_execution($1)', [run]);
  }
});

test('a text that repeats the output of its step is not sent', () => {
  const step = (content: string) => ({
    ...{ kind: 'tool', name: 'look_up', call_id: 'c', output: 'a "result"' },
    messages: [{ role: 'tool', content, tool_call_id: 'c' }],
  });
  const contentsOf = (...texts: string[]) =>
    commitParameters(worker, [
      { id: 'run', fence: 1, after: 0, steps: texts.map(step) } as unknown as Commit,
    ]).contents;
  expect(contentsOf('a "result"')).toBeNull();
  expect(contentsOf('a "result"', 'cut')).toBe('{NULL,"cut"}');
});

test('any text and any JSON comes back as it was written', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          fc
            .string({ unit: 'binary' })
            .map((text) => plain(text.replaceAll('\0', '').toWellFormed())),
          fc
            .jsonValue()
            .map((value) => plain(JSON.parse(JSON.stringify(value).replaceAll('\\u0000', '')))),
          fc.tuple(fc.string(), fc.string()).map(([output, content]) => ({ output, content })),
        ),
        { minLength: 1, maxLength: 20 },
      ),
      async (results) => {
        const id = await makeRunWith(results as Result[]);
        expect(await textsOf(id)).toEqual(contents(results as Result[]));
        await db.pool.query('select howdah.cancel_execution($1)', [id]);
      },
    ),
    { numRuns: 20 },
  );
});

test('forks, encryption and decryption, archives and erasure keep or erase each text', async () => {
  const id = await makeRunWith(RESULTS, { ...completed, output: 'done' });
  const fork = await one(db.pool, 'select id from howdah.fork_execution($1, $2)', [
    id,
    RESULTS.length + 1,
  ]);
  expect(await textsOf(fork.id)).toEqual(contents(RESULTS));
  expect(await storedOf(fork.id)).toEqual(await storedOf(id));
  await db.pool.query('select howdah.cancel_execution($1)', [fork.id]);
  await archived(id);

  await db.pool.query('insert into howdah.retention_policies (encrypt_contents) values (true)');
  await applyPolicy();
  for (const text of await textsOf(id)) {
    if (text) expect(text).toMatch(/^howdah\.sealed\./);
  }
  expect((await storedOf(id)).filter(({ once }) => once)).toEqual([]);
  await db.pool.query('update howdah.retention_policies set encrypt_contents = false');
  await applyPolicy();
  expect(await textsOf(id)).toEqual(contents(RESULTS));
  expect(await textsOf(fork.id)).toEqual(contents(RESULTS));

  const other = await makeRunWith(RESULTS, { ...completed, output: 'done' });
  for (const run of [id, other]) {
    await db.pool.query('select howdah_private.erase_runs($1)', [[run]]);
    expect(new Set(await textsOf(run))).toEqual(new Set(['[erased]']));
  }
});

/** Expects the archive of the month to restore the texts of a run. */
async function archived(id: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'howdah-once-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const client = await openSession(db.url);
  const month = new Date().toISOString().slice(0, 7);
  const archive = await archiveMonth(client, month, folder);
  await client.end();
  const { schema } = await restoreArchive(db.pool, archive);
  const restored = await all(
    db.pool,
    `select content from ${schema}.messages where execution_id = $1 and role = 'tool' order by seq`,
    [id],
  );
  expect(restored.map(({ content }) => content)).toEqual(contents(RESULTS));
}

/** Encrypts or decrypts the contents of ended runs, as the policy of the tenant says. */
async function applyPolicy(): Promise<void> {
  await db.pool.query(`select howdah_private.enqueue_encryptions('0 seconds')`);
  await db.pool.query(
    `update howdah_private.due_work set due_at = now() where kind = 'encrypt_run'`,
  );
  const errors: unknown[] = [];
  const cipher = createContentCipher(secretRowsOn(db.pool), TEST_MASTER_KEYS);
  await encryptRuns(db.pool, cipher, (error) => errors.push(error));
  expect(errors).toEqual([]);
}
