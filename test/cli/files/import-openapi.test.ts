import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import { makeAgent, waitForEnd } from '../../runtime/arrange.ts';
import { makeTenant, one, unique } from '../../sql/support.ts';
import { createTestDatabase, eventually, type TestDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { runCli, startCli } from '../run-cli.ts';

const FILE = 'test/fixtures/openapi/library.yaml';
/** Nothing listens here. Commands that need no database do not connect. */
const NO_DATABASE = 'postgres://nobody@127.0.0.1:1/none';

let database: TestDatabase;
let worker: Worker;
let server: Server;
let base: string;
let folder: string;
let seen: { call: string; key: string | undefined; body: string }[];

beforeAll(async () => {
  database = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'howdah-openapi-'));
  server = createServer(async (incoming, response) => {
    const { method, url, headers } = incoming;
    seen.push({ call: `${method} ${url}`, key: headers.authorization, body: await text(incoming) });
    if (url === '/openapi.yaml') return response.end(readFileSync(FILE));
    response.writeHead(200, { 'content-type': 'application/json' });
    return response.end(
      JSON.stringify(method === 'GET' ? [{ id: 'B-1', title: 'Emma' }] : { id: 'B-2' }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  vi.stubEnv('HOWDAH_SECRET_KEY', Buffer.alloc(32, 7).toString('base64'));
  const { createMasterKeys } = await import('../../../src/secrets/master-keys.ts');
  const masterKeys = createMasterKeys({ keys: [Buffer.alloc(32, 7)], file: undefined });
  worker = await startTestWorker(database.url, { egressAllow: ['127.0.0.1'], masterKeys });
});
beforeEach(() => {
  seen = [];
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await worker.stop(0);
  server.closeAllConnections();
  server.close();
  await database.drop();
  await rm(folder, { recursive: true });
});

const imports = (...argv: string[]) => runCli(database.url, 'tools', 'import-openapi', ...argv);
async function store(name: string, value: string, ...argv: string[]) {
  const cli = startCli(database.url, 'secret', 'set', name, ...argv);
  cli.type(value);
  expect(await cli.end()).toMatchObject({ status: 0 });
}

describe('howdah tools import-openapi', () => {
  test('writes a file for apply without a database, and lists the required secrets', async () => {
    const out = join(folder, 'library.yaml');
    const { status, stdout, stderr } = await runCli(
      NO_DATABASE,
      'tools',
      'import-openapi',
      FILE,
      '--out',
      out,
    );
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
    expect(stderr).toContain(`${FILE}:16:`);
    expect(stderr).toContain('Tools: 7. Not imported, or only in part: 4.');
    expect(stderr).toContain('howdah admin secret set city-library_token');
    expect(await readFile(out, 'utf8')).toMatch(/^version: v1\nname: city-library\n/);
  });

  test('requires its secrets to exist, and otherwise writes nothing', async () => {
    const slug = unique('library');
    const tenant = await makeTenant(database.pool, slug);
    const refused = await imports(FILE, '--tenant', slug);
    expect(refused).toMatchObject({ status: 3, stdout: '' });
    expect(refused.stderr).toContain(
      'It needs the secret city-library_token (token: the token), which is sent to api.library.example:',
    );
    for (const scheme of ['token', 'user', 'key'])
      await store(`city-library_${scheme}`, 'x', '--tenant', slug);
    const tried = await imports(FILE, '--tenant', slug, '--dry-run');
    expect(tried.stdout).toMatch(/^create +tool +listBooks$/m);
    const count = () =>
      one(
        database.pool,
        `select count(*)::int as n from howdah.tools where kind = 'http' and tenant_id = $1`,
        [tenant],
      );
    expect(await count()).toEqual({ n: 0 });
    expect(await imports(FILE, '--tenant', slug)).toMatchObject({ status: 0 });
    expect(await count()).toEqual({ n: 7 });
    const again = await imports(
      FILE,
      '--tenant',
      slug,
      '--only',
      'listBooks',
      '--prune',
      '--yes',
      '--json',
    );
    const { systems } = JSON.parse(again.stdout);
    expect(
      systems[0].objects.filter(({ action }: { action: string }) => action === 'delete'),
    ).toHaveLength(6);
  });

  test('reads a URL only at an allowed address, and an agent can call the tools', async () => {
    await store('library', 'a-key-of-the-library');
    const argv = [
      `${base}/openapi.yaml`,
      '--server',
      base,
      '--secret',
      'token=library',
      '--only',
      'listBooks',
      'addBook',
      '--prefix',
      'pub_',
    ];
    expect(await imports(...argv)).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('its host is not a public address'),
    });
    vi.stubEnv('HOWDAH_EGRESS_ALLOW', '127.0.0.1');
    expect(await imports(...argv)).toMatchObject({ status: 0 });
    vi.stubEnv('HOWDAH_EGRESS_ALLOW', '');
    const agent = await makeAgent(database.pool, {
      script: [
        {
          tool_calls: [
            { name: 'pub_listBooks', arguments: { author: 'Austen', filter_year_: 1815 } },
          ],
        },
        { tool_calls: [{ name: 'pub_addBook', arguments: { title: 'Persuasion' } }] },
        { content: 'done' },
      ],
      tools: ['pub_listBooks', 'pub_addBook'],
    });
    seen = [];
    const { id } = await one(
      database.pool,
      `insert into howdah.executions (agent_id, input) values ($1, 'go') returning id`,
      [agent],
    );
    const question = await eventually<{ id: string; prompt: string }>(
      database.pool,
      'its question',
      `select id, prompt from howdah.questions where execution_id = $1 and status = 'open'`,
      [id],
    );
    expect(question.prompt).toContain('Persuasion');
    const key = 'Bearer a-key-of-the-library';
    expect(seen).toEqual([
      { call: 'GET /books?author=Austen&filter%5Byear%5D=1815', key, body: '' },
    ]);
    await database.pool.query('select howdah.approve($1)', [question.id]);
    expect(await waitForEnd(database.pool, id)).toMatchObject({
      status: 'completed',
      output: 'done',
    });
    expect(seen.at(-1)).toEqual({ call: 'POST /books', key, body: '{"title":"Persuasion"}' });
  });

  test('sends a secret in use elsewhere only with permission, and names the receiving hosts', async () => {
    const slug = unique('library');
    const tenant = await makeTenant(database.pool, slug);
    await store('city-library_token', 'x', '--tenant', slug);
    await database.pool.query(
      `insert into howdah.models (tenant_id, name, provider, model, secret_name) values ($1, 'dear', 'openai', 'x', 'city-library_token')`,
      [tenant],
    );
    const argv = [FILE, '--only', 'listBooks', '--tenant', slug];
    const refused = await imports(...argv);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toContain(
      'the secret city-library_token is used by model dear, and would be sent to api.library.example too',
    );
    expect(refused.stderr).toContain('--secret token=city-library_token');
    const result = await imports(...argv, '--secret', 'token=city-library_token');
    expect(result).toMatchObject({ status: 0 });
    expect(result.stderr).toContain(
      'The secret city-library_token is sent to api.library.example.',
    );
    await database.pool.query(`delete from howdah.models where tenant_id = $1 and name = 'dear'`, [
      tenant,
    ]);
    expect(await imports(...argv)).toMatchObject({ status: 0 });
  });

  test('prints no escape sequence of a description to the terminal', async () => {
    const file = join(folder, 'escapes.json');
    const paths = { '/a': { get: {} }, '/b\u001b[2J\u0007': { trace: {} } };
    const servers = [{ url: 'https://x.example' }];
    await writeFile(file, JSON.stringify({ openapi: '3.1.0', servers, paths }));
    const { stderr } = await runCli(
      NO_DATABASE,
      'tools',
      'import-openapi',
      file,
      '--out',
      join(folder, 'escapes.yaml'),
    );
    expect(stderr).toContain('TRACE /b[2J is left out');
  });

  test('does not overwrite a tool that was not imported', async () => {
    const slug = unique('library');
    const tenant = await makeTenant(database.pool, slug);
    await database.pool.query(
      `insert into howdah.tools (tenant_id, name, kind, configuration) values ($1, 'books_get', 'http', '{"url": "https://x.example/"}')`,
      [tenant],
    );
    const refused = await imports(FILE, '--only', 'books_get', '--tenant', slug);
    expect(refused.stderr).toMatch(/"books_get" already exists with other contents.*--prefix/s);
    expect(
      await imports(FILE, '--only', 'books_get', '--prefix', 'lib_', '--tenant', slug),
    ).toMatchObject({ status: 0 });
  });

  test('suggests once how to avoid a name in use by another kind of tool', async () => {
    const file = join(folder, 'taken.json');
    const servers = [{ url: 'https://x.example' }];
    const paths = { '/a': { get: { operationId: 'calculator' } } };
    await writeFile(file, JSON.stringify({ openapi: '3.1.0', servers, paths }));
    const refused = await imports(file);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr.match(/"calculator" already exists with kind builtin/g)).toHaveLength(1);
    expect(refused.stderr).toContain('hint: Add a prefix to the imported names: --prefix TEXT.');
    expect(await imports(file, '--prefix', 'x_', '--dry-run')).toMatchObject({ status: 0 });
  });

  test.each<[string[], number, RegExp]>([
    [['nowhere.yaml'], 3, /there is no such file/],
    [[FILE, '--only', 'listBook'], 2, /did you mean listBooks\?/],
    [[FILE, '--secret', 'token'], 2, /use SCHEME=NAME/],
    [['http://127.0.0.1:1/x'], 3, /not a public address/],
    [['package.json'], 2, /package\.json:1:1: openapi is not 3\.0/],
  ])('rejects %j', async (argv, status, words) => {
    const refused = await runCli(NO_DATABASE, 'tools', 'import-openapi', ...argv);
    expect(refused).toMatchObject({ status, stdout: '' });
    expect(refused.stderr).toMatch(words);
  });

  test('suggests importing an oversized description in parts', async () => {
    const operation = (at: number) => ({
      get: { operationId: `get${at}`, description: 'x'.repeat(1000) },
    });
    const paths = Object.fromEntries(
      Array.from({ length: 1000 }, (_, at) => [`/${at}`, operation(at)]),
    );
    const file = join(folder, 'large.json');
    await writeFile(
      file,
      JSON.stringify({ openapi: '3.1.0', servers: [{ url: 'https://x.example' }], paths }),
    );
    const importFile = (...argv: string[]) =>
      runCli(
        NO_DATABASE,
        'tools',
        'import-openapi',
        file,
        ...argv,
        '--out',
        join(folder, 'l.yaml'),
      );
    const refused = await importFile();
    expect(refused).toMatchObject({ status: 2 });
    expect(refused.stderr).toMatch(/1000 tools have 1\.\d MB.*--only/s);
    expect(await importFile('--only', 'get1*')).toMatchObject({ status: 0 });
  });

  test('reads standard input', async () => {
    const cli = startCli(
      NO_DATABASE,
      'tools',
      'import-openapi',
      '-',
      '--out',
      join(folder, 'stdin.yaml'),
    );
    cli.type(
      JSON.stringify({
        openapi: '3.1.0',
        servers: [{ url: 'https://x.example' }],
        paths: { '/a': { get: {} } },
      }),
    );
    expect(await cli.end()).toMatchObject({ status: 0 });
    expect(await readFile(join(folder, 'stdin.yaml'), 'utf8')).toContain('get_a:');
  });
});
