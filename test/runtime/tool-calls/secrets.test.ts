import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getIntrospectionQuery } from 'graphql';
import { type Logger, pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { putSecretOn, secretRowsOn } from '../../../src/db/access/secrets.ts';
import { fingerprintOfKey } from '../../../src/secrets/aead.ts';
import { createMasterKeys, type MasterKeys } from '../../../src/secrets/master-keys.ts';
import { CACHE_MS, createSecretReader } from '../../../src/secrets/reader.ts';
import { createSecretWriter } from '../../../src/secrets/writer.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { type Answer, ask, startTestApi } from '../../api/harness.ts';
import { type CliResult, startCli } from '../../cli/run-cli.ts';
import { createTestDatabase, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { insertRun, makeAgent, runToEnd, stepsOf, waitForEnd } from '../arrange.ts';

const first = randomBytes(32);
const second = randomBytes(32);
const asText = (key: Buffer) => key.toString('base64');
const masterKeysOf = (...keys: Buffer[]): MasterKeys => createMasterKeys({ keys, file: undefined });

const database = testDatabase();
let server: FakeServer;
let worker: Worker;
let api: ApiServer;
const log: string[] = [];
/** Key that the server accepts, or null for any key. An error quotes the rejected key. */
let accepted: string | null;
/** Whether the server quotes the key in a successful answer. */
let isTalkative = false;

beforeAll(async () => {
  server = await startOpenAiServer(({ headers }) => {
    const key = headers.authorization?.replace('Bearer ', '') ?? 'none';
    const message = `no such key: ${key} (${JSON.stringify(key)} ${encodeURIComponent(key)})`;
    return accepted === null || key === accepted
      ? { content: isTalkative ? `You sent ${key}, did you not?` : 'Hello.' }
      : { status: 401, error: { message, code: key, type: key } };
  });
  const logger: Logger = pino({ level: 'trace' }, { write: (line: string) => void log.push(line) });
  const masterKeys = masterKeysOf(second, first);
  worker = await startTestWorker(database.url, { openai: server.url, masterKeys, log: logger });
  api = await startTestApi(database.url, { masterKeys, log: logger });
});
afterAll(async () => {
  await worker.stop(0);
  await api.close();
  await server.close();
});
beforeEach(() => {
  vi.stubEnv('HOWDAH_SECRET_KEY', asText(first));
  accepted = null;
  isTalkative = false;
});
afterEach(() => vi.unstubAllEnvs());

/** Runs `howdah admin secret …` with a line on its stdin. */
async function secret(argv: string[], line?: string): Promise<CliResult> {
  const cli = startCli(database.url, 'secret', ...argv);
  if (line !== undefined) cli.type(line);
  return cli.end();
}

const makeAgentWithSecret = (secret_name: string, base_url?: string) =>
  makeAgent(database.pool, {
    models: [{ provider: 'openai', secret_name, ...(base_url ? { base_url } : {}) }],
  });
const lastKey = () => server.requests.at(-1)?.headers.authorization;

describe('howdah admin secret', () => {
  test('stores a value from stdin and shows its last four characters', async () => {
    const stored = await secret(['set', 'shown'], 'sk-0123456789-shown-last');
    expect(stored).toMatchObject({ status: 0, stdout: '' });
    expect(stored.stderr).toBe('Secret shown (…last) is stored, version 1.\n');
    await makeAgentWithSecret('shown');
    const { stdout } = await secret(['list']);
    expect(stdout).toMatch(/^NAME +VALUE +AGE +USED BY\nshown +…last +\d+s +agent_\w+\n$/);
    const items = JSON.parse((await secret(['list', '--json'])).stdout);
    expect(items).toMatchObject({ items: [{ name: 'shown', last_four: 'last', version: 1 }] });
  });

  test('rotate replaces the value of an existing secret only', async () => {
    expect(await secret(['rotate', 'shown'], 'sk-0123456789-shown-next')).toMatchObject({
      status: 0,
      stderr: 'Secret shown (…next) is stored, version 2.\n',
    });
    expect(await secret(['rotate', 'nobody'], 'x')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('List them: howdah admin secret list'),
    });
  });

  test('remove requires --force for a secret that is in use', async () => {
    const refused = await secret(['remove', 'shown', '--yes']);
    expect(refused).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/used by .*--force/s),
    });
    expect(await secret(['remove', 'shown', '--force', '--yes'])).toMatchObject({ status: 0 });
    expect(await secret(['remove', 'shown', '--yes'])).toMatchObject({ status: 3 });
  });

  test('keeps the secrets of tenants separate', async () => {
    await database.pool.query(`insert into howdah.tenants (slug, name) values ('acme', 'Acme')`);
    expect(await secret(['set', 'theirs', '--tenant', 'acme'], 'x')).toMatchObject({ status: 0 });
    expect((await secret(['list'])).stdout).not.toContain('theirs');
    expect((await secret(['list', '--tenant', 'acme'])).stdout).toContain('theirs');
    expect(await secret(['list', '--tenant', 'acne'])).toMatchObject({ status: 3 });
  });

  test.each([
    [['set', 'empty'], '', /is empty/],
    [['set', '../x'], 'x', /not a valid name/],
    [['set', 'long'], 'x'.repeat(70_000), /more than 65536 bytes/],
    [['set', 'named', 'canary-in-argv'], undefined, /the command has too many arguments/],
    [['set'], undefined, /missing required argument/],
  ])('%j is a usage error', async (argv, line, words) => {
    const { status, stdout, stderr } = await secret(argv, line);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(words);
    expect(stderr).not.toContain('canary');
  });
});

describe('the API key of a model', () => {
  test('is the secret of secret_name, for its base_url and the URL of the environment', async () => {
    await secret(['set', 'mine'], 'sk-mine-1');
    for (const base_url of [server.url, undefined]) {
      const agent = await makeAgentWithSecret('mine', base_url);
      expect(await runToEnd(database.pool, agent)).toMatchObject({ status: 'completed' });
      expect(lastKey()).toBe('Bearer sk-mine-1');
    }
  });

  test('without a secret_name is the key of the environment, and none for a base_url', async () => {
    for (const [base_url, key] of [
      [undefined, 'Bearer test'],
      [server.url, undefined],
    ] as const) {
      const models = [{ provider: 'openai', ...(base_url ? { base_url } : {}) }];
      await runToEnd(database.pool, await makeAgent(database.pool, { models }));
      expect(lastKey()).toBe(key);
    }
  });

  test('changes within a second, also for runs of an older version', async () => {
    const agent = await makeAgentWithSecret('mine');
    await runToEnd(database.pool, agent);
    await secret(['set', 'mine'], 'sk-mine-2');
    await vi.waitFor(
      async () => {
        await runToEnd(database.pool, agent);
        expect(lastKey()).toBe('Bearer sk-mine-2');
      },
      { timeout: 60_000, interval: 50 },
    );
    expect(CACHE_MS).toBeLessThan(1_000);
  });

  test('is not replaced by another: without its secret the run fails and sends nothing', async () => {
    await secret(['set', 'gone'], 'sk-gone');
    const agent = await makeAgentWithSecret('gone');
    await secret(['remove', 'gone', '--force', '--yes']);
    const before = server.requests.length;
    const run = await runToEnd(database.pool, agent);
    expect(run).toMatchObject({ status: 'failed', stop_reason: 'error' });
    expect(run.error?.message).toContain('There is no secret gone');
    expect(server.requests).toHaveLength(before);
  });
});

describe('the master key is not switched', () => {
  const withBoth = () => {
    vi.stubEnv('HOWDAH_SECRET_KEY', asText(second));
    vi.stubEnv('HOWDAH_SECRET_KEY_OLD', asText(first));
  };
  const keysOf = async (worker: string) =>
    (
      await database.pool.query('select master_keys from howdah_private.workers where id = $1', [
        worker,
      ])
    ).rows[0]?.master_keys;

  test('while a live worker has only the old one', async () => {
    await secret(['set', 'switched'], 'sk-switched');
    const late = await startTestWorker(database.url, { masterKeys: masterKeysOf(first) });
    try {
      withBoth();
      const refused = await secret(['rotate', '--json']);
      expect(refused.status).toBe(1);
      const { code, message, hint, detail } = JSON.parse(refused.stderr).error;
      expect({ code, hint }).toEqual({
        code: 'HWCNF',
        hint: expect.stringContaining('HOWDAH_SECRET_KEY_OLD'),
      });
      expect(detail.workers).toHaveLength(1);
      const [named] = detail.workers;
      expect(message).toContain(named);
      expect(named).toContain(`(process ${process.pid} on `);
      expect(await keysOf(named.slice(0, 36))).toEqual([fingerprintOfKey(first)]);
      const { current } = await secretRowsOn(database.pool).masterKeys();
      expect(current).toBe(fingerprintOfKey(first));
    } finally {
      await late.stop(0);
    }
  });
});

describe('rotation of keys under load', () => {
  test('rotates both keys: no call fails, and the old master key opens nothing', async () => {
    accepted = 'sk-rotated';
    await secret(['set', 'rotated'], 'sk-rotated');
    const agent = await makeAgentWithSecret('rotated');
    const tenant = (await database.pool.query('select howdah.current_tenant() as id')).rows[0].id;
    const rows = secretRowsOn(database.pool);
    const { set } = createSecretWriter(rows, masterKeysOf(first));
    const put = putSecretOn(database.pool, tenant);
    for (let index = 0; index < 250; index++) await set(tenant, `n${index}`, `${index}`, put);
    let isOver = false;
    const outcomes: unknown[] = [];
    const readers = Array.from({ length: 2 }, async () => {
      while (!isOver)
        outcomes.push(
          await createSecretReader(rows, masterKeysOf(second, first))(tenant, 'rotated'),
        );
    });
    const runs: Promise<{ status: string }>[] = [];
    const runner = (async () => {
      while (!isOver) runs.push(Promise.resolve(await runToEnd(database.pool, agent)));
    })();

    expect((await secret(['rotate', '--data', '--json'])).status).toBe(0);
    vi.stubEnv('HOWDAH_SECRET_KEY', asText(second));
    expect(await secret(['rotate'])).toMatchObject({ status: 2 }); // requires the old key
    vi.stubEnv('HOWDAH_SECRET_KEY_OLD', asText(first));
    expect(JSON.parse((await secret(['rotate', '--json'])).stdout).rewrapped).toBeGreaterThan(0);
    vi.stubEnv('HOWDAH_SECRET_KEY_OLD', '');
    const resealed = JSON.parse((await secret(['rotate', '--data', '--json'])).stdout);
    expect(resealed.resealed).toBeGreaterThan(250);
    isOver = true;
    await Promise.all([...readers, runner]);

    expect((await Promise.all(runs)).filter(({ status }) => status !== 'completed')).toEqual([]);
    const wanted = { ok: true, value: 'sk-rotated' };
    expect(outcomes.length).toBeGreaterThan(10);
    expect(
      outcomes.filter((outcome) => JSON.stringify(outcome) !== JSON.stringify(wanted)),
    ).toEqual([]);
    expect(await createSecretReader(rows, masterKeysOf(second))(tenant, 'rotated')).toEqual(wanted);
    expect(await createSecretReader(rows, masterKeysOf(first))(tenant, 'rotated')).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('HOWDAH_SECRET_KEY is not the key') },
    });
  });

  test('a second rotation changes nothing', async () => {
    vi.stubEnv('HOWDAH_SECRET_KEY', `${asText(second)},${asText(first)}`);
    expect((await secret(['rotate'])).stderr).toMatch(/^0 data keys/);
  });
});

describe('a process at startup', () => {
  const start = (env: Record<string, string>) => {
    const variables = { PORT: '0', HOWDAH_AUTH: 'none', ...env };
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    return startCli(database.url, 'api').end();
  };

  test('with another key is rejected in one sentence without the key', async () => {
    const { status, stderr } = await start({ HOWDAH_SECRET_KEY: asText(first) });
    expect(status).toBe(2);
    expect(stderr).toContain(
      "HOWDAH_SECRET_KEY is not the key that this database's secrets and contents are encrypted with.",
    );
    expect(stderr).not.toContain(asText(first));
  });

  test('with a malformed key is rejected with the name of the variable', async () => {
    const { status, stderr } = await start({ HOWDAH_SECRET_KEY: 'correct horse' });
    expect(status).toBe(2);
    expect(stderr).toMatch(/^error: HOWDAH_SECRET_KEY: its value is not valid/);
    expect(stderr).not.toContain('correct horse');
  });

  test('beyond loopback without a key is rejected with instructions to set one', async () => {
    const env = {
      HOST: '0.0.0.0',
      HOWDAH_AUTH: '',
      HOWDAH_JWT_SECRET: 'x'.repeat(32),
      HOWDAH_SECRET_KEY: '',
    };
    const { status, stderr } = await start(env);
    expect(status).toBe(2);
    expect(stderr).toMatch(/HOWDAH_SECRET_KEY is not set.*openssl rand -base64 32/s);
  });

  test('on loopback generates a key with the first secret, not before', async () => {
    const home = mkdtempSync(join(tmpdir(), 'howdah-home-'));
    const own = await createTestDatabase();
    vi.stubEnv('HOWDAH_SECRET_KEY', '');
    vi.stubEnv('HOWDAH_HOME', home);
    try {
      await startCli(own.url, 'secret', 'list').end();
      expect(() => statSync(join(home, 'secret.key'))).toThrow('ENOENT');
      const cli = startCli(own.url, 'secret', 'set', 'kept');
      cli.type('a value');
      expect(await cli.end()).toMatchObject({ status: 0 });
      expect(statSync(join(home, 'secret.key')).mode & 0o777).toBe(0o600);
      const key = Buffer.from(readFileSync(join(home, 'secret.key'), 'utf8'), 'base64');
      const { rows } = await own.pool.query('select howdah.current_tenant() as id');
      const read = createSecretReader(secretRowsOn(own.pool), masterKeysOf(key));
      expect(await read(rows[0].id, 'kept')).toEqual({ ok: true, value: 'a value' });
    } finally {
      await own.drop();
      rmSync(home, { recursive: true });
    }
  });
});

/** The arguments of lists of GraphQL that need some. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  leaderboard: 'dataset: "sums", ',
  search: 'query: "x", ',
  searchesOf: 'knowledgeBase: "notes", ',
  usageBy: 'key: "customer", ',
};

describe('a secret value is not exposed', () => {
  const canary = `canary-"${randomBytes(12).toString('hex')}"/+%`;
  const SET = `mutation ($input: SetSecretInput!) { setSecret(input: $input) { secret { name lastFour version } } }`;
  const seen: string[] = [];

  test('by setSecret, which stores it', async () => {
    vi.stubEnv('HOWDAH_SECRET_KEY', asText(second));
    const reply = await ask(api, SET, { input: { name: 'canary', value: canary } });
    expect(reply).toMatchObject({
      errors: [],
      data: { setSecret: { secret: { name: 'canary', lastFour: canary.slice(-4), version: 1 } } },
    });
    const unfit = [
      { nam: 'canary', value: canary },
      { value: canary },
      { name: 'canary', value: [canary] },
      { name: { x: canary }, value: canary },
      { name: 'no name', value: canary },
      { name: 'canary', value: canary.repeat(3_000) },
      canary,
    ];
    for (const input of unfit) {
      const { errors } = await ask(api, SET, { input });
      expect(new Set(errors.map(({ extensions }) => extensions.code))).toEqual(new Set(['HWINV']));
      seen.push(JSON.stringify(errors));
    }
    const again = await secret(['set', 'canary'], canary);
    expect(again).toMatchObject({ status: 0, stderr: expect.stringContaining('version 2') });
    seen.push(JSON.stringify(reply.data).replaceAll(canary.slice(-4), ''), JSON.stringify(again));
  });

  test('by a run whose server echoes it in an error, however the run is inspected', async () => {
    accepted = 'another';
    const agent = await makeAgentWithSecret('canary', server.url);
    const run = await waitForEnd(database.pool, await insertRun(database.pool, agent));
    expect(lastKey()).toBe(`Bearer ${canary}`);
    expect(run).toMatchObject({ status: 'failed', error: { code: 'unauthorized' } });
    expect(run.error?.message).toMatch(
      /check the secret canary.*no such key: \*\*\* \("\*\*\*" \*\*\*\)/s,
    );
    for (const argv of [
      ['show', run.id],
      ['show', run.id, '--json'],
      ['export-run', run.id],
    ]) {
      seen.push(JSON.stringify(await startCli(database.url, ...argv).end()));
    }
    seen.push(
      JSON.stringify(await secret(['list'])),
      JSON.stringify(await stepsOf(database.pool, run.id)),
    );
  });

  test('by a run whose server echoes it in a successful answer', async () => {
    isTalkative = true;
    const agent = await makeAgentWithSecret('canary', server.url);
    const run = await waitForEnd(database.pool, await insertRun(database.pool, agent));
    expect(lastKey()).toBe(`Bearer ${canary}`);
    expect(run).toMatchObject({ status: 'completed', output: 'You sent ***, did you not?' });
  });

  test('by introspection or by any row and column of GraphQL', async () => {
    await database.pool.query(
      `insert into howdah.datasets (name) values ('sums');
       insert into howdah.knowledge_bases (name) values ('notes')`,
    );
    const { data } = await ask(api, getIntrospectionQuery());
    const types: Answer[] = data.__schema.types;
    const fieldsOf = (name: string): Answer[] =>
      types.find((type) => type.name === name)?.fields ?? [];
    const unwrapType = (type: Answer): Answer => (type.ofType ? unwrapType(type.ofType) : type);
    const lists = fieldsOf('Query').filter((field) =>
      unwrapType(field.type).name.endsWith('Connection'),
    );
    expect(lists.length).toBeGreaterThan(15);
    for (const list of lists) {
      const nodes = fieldsOf(unwrapType(list.type).name).find((field) => field.name === 'nodes');
      const columns = fieldsOf(unwrapType(nodes.type).name)
        .filter(
          (field) =>
            ['SCALAR', 'ENUM'].includes(unwrapType(field.type).kind) && field.args.length === 0,
        )
        .map((field) => field.name);
      const args = list.args.some(
        ({ name, type }: Answer) => type.kind === 'NON_NULL' || name.endsWith('Id'),
      );
      if (args) continue;
      const row = columns.length > 0 ? `{ ${columns.join(' ')} }` : ''; // rows may be documents
      const own = ARGUMENTS[list.name as string] ?? '';
      const reply = await ask(api, `{ ${list.name}(${own}first: 8) { nodes ${row} } }`);
      expect({ list: list.name, errors: reply.errors }).toEqual({ list: list.name, errors: [] });
      seen.push(JSON.stringify(reply.data));
    }
    const secrets = fieldsOf('Secret').map((field) => field.name);
    expect(secrets.filter((name) => /cipher|nonce|value|key/i.test(name))).toEqual([]);
    seen.push(JSON.stringify(data));
  });

  test('in answers, logs, statements or any column of any table', async () => {
    const { rows: tables } = await database.pool.query(
      `select format('%I.%I', n.nspname, c.relname) as name from pg_class as c
       join pg_namespace as n on n.oid = c.relnamespace
       where n.nspname in ('howdah', 'howdah_private', 'graphile_worker') and c.relkind in ('r', 'v')
       union all
       select extname from pg_extension where extname = 'pg_stat_statements'
       union all select 'pg_stat_activity'`,
    );
    expect(tables.length).toBeGreaterThan(40);
    for (const { name } of tables) {
      const { rows } = await database.pool.query(`select t::text as line from ${name} as t`);
      seen.push(...rows.map(({ line }) => line));
    }
    const text = [...seen, ...log].join('\n');
    const bytes = Buffer.from(canary);
    const core = canary.slice(8, 32); // the letters only, however the rest is escaped
    const spellings = [
      core,
      bytes.toString('hex'),
      bytes.toString('base64'),
      asText(first),
      asText(second),
    ];
    expect(spellings.filter((spelling) => text.includes(spelling))).toEqual([]);
    expect(text.includes('no such key: ')).toBe(true);
  });
});
