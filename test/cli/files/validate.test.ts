import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { makeTenant, one, unique } from '../../sql/support.ts';
import { createTestDatabase, testDatabase } from '../../support/database.ts';
import { HELPDESK } from '../../systems/support.ts';
import { runCli, startCli } from '../run-cli.ts';

const database = testDatabase();
let folder: string;
let slug: string;

beforeEach(async () => {
  slug = unique('shop');
  await makeTenant(database.pool, slug);
  folder = await mkdtemp(join(tmpdir(), 'howdah-validate-'));
});
afterEach(() => rm(folder, { recursive: true }));

const cli = (...argv: string[]) => runCli(database.url, ...argv, '--tenant', slug);
/** Runs a command with a database URL at which nothing listens. */
const runOffline = (...argv: string[]) => runCli('postgres://me:s3cret@127.0.0.1:1/x', ...argv);
const put = async (text: string, name = 'shop.yaml') => {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
};
const FAULTY = 'version: v1\nname: b\nagents:\n  a: { mision: x }\n  c: { model: fats }\n';

describe('howdah validate', () => {
  test('reports the content of each file, or the number of errors, and writes nothing', async () => {
    const [good, bad] = [await put(HELPDESK), await put(FAULTY, 'b.yaml')];
    const { status, stdout, stderr } = await cli('validate', good, bad);
    expect({ status, stdout }).toEqual({
      status: 1,
      stdout: `${good}: ok (1 model, 2 agents, 1 workflow)\n${bad}: 2 faults\n`,
    });
    expect(stderr).toBe(`${bad}:4:8: unknown key "mision", did you mean "mission"?
   4 |   a: { mision: x }
     |        ^
${bad}:5:15: unknown model "fats", did you mean "fast"?
   5 |   c: { model: fats }
     |               ^
`);
    expect(await cli('validate', good)).toMatchObject({ status: 0, stderr: '' });
    const { count } = await one<{ count: string }>(
      database.pool,
      `select count(*) from howdah.agent_systems as s join howdah.tenants as t on t.id = s.tenant_id and t.slug = $1`,
      [slug],
    );
    expect(Number(count)).toBe(0);
  });

  test.each(['validate', 'diff', 'apply'])('%s accepts -f before each file', async (command) => {
    const one = await put(HELPDESK, 'one.yaml');
    const other = await put(
      'version: v1\nname: other\nagents: { a: { mission: x } }\n',
      'other.yaml',
    );
    const more = command === 'apply' ? ['--dry-run'] : [];
    const plain = await cli(command, one, other, ...more);
    expect(plain.status).not.toBe(2);
    expect(await cli(command, '-f', one, '-f', other, ...more)).toEqual(plain);
    expect((await cli(command, '-f')).status).toBe(2);
  });

  test('prints a hint once, however many errors share it', async () => {
    const names = Array.from({ length: 30 }, (_, n) => `  a${n}: { zzzzzz: x }\n`).join('');
    const { stderr } = await cli(
      'validate',
      await put(`version: v1\nname: many\nagents:\n${names}`),
    );
    expect(stderr.match(/unknown key "zzzzzz"/g)).toHaveLength(30);
    expect(stderr.match(/^ hint: Known keys: /gm)).toHaveLength(1);
  });

  test('suggests a file name when the file does not exist', async () => {
    const path = await put(HELPDESK, 'help-desk.yaml');
    const wrong = path.replace('.yaml', '.yml');
    for (const command of ['validate', 'apply', 'diff']) {
      expect(await cli(command, wrong)).toMatchObject({
        status: 3,
        stderr: expect.stringContaining(`there is no such file\n hint: Did you mean ${path}?\n`),
      });
    }
    expect((await cli('validate', join(folder, 'else', 'a.yaml'))).stderr).toContain(
      'howdah dev export NAME > FILE',
    );
  });

  test('resolves names from earlier files and from the tenant', async () => {
    const first = await put(HELPDESK);
    const second = await put('version: v1\nname: c\nagents: { d: { model: fast } }\n', 'c.yaml');
    expect(await cli('validate', first, second)).toMatchObject({ status: 0, stderr: '' });
    expect((await cli('validate', second)).stderr).toContain('unknown model "fast"');
    await cli('apply', first);
    expect((await cli('validate', second)).status).toBe(0);
    const taken = await put('version: v1\nname: e\nagents: { desk: {} }\n', 'e.yaml');
    expect(await cli('validate', taken)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('agent "desk" belongs to the agent system "shop-helpdesk"'),
    });
    const warned = await put(
      'version: v1\nname: f\nworkflows: { w: { type: chain, members: [] } }\n',
      'f.yaml',
    );
    expect(await cli('validate', warned)).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('warning: workflow w cannot run'),
    });
  });

  test('prints one object with --json', async () => {
    const files = [await put(HELPDESK), await put(FAULTY, 'b.yaml'), await put('a: "', 'c.yaml')];
    const { status, stdout, stderr } = await cli('validate', ...files, '--json');
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    const warnings: string[] = [];
    expect(JSON.parse(stdout)).toEqual({
      valid: false,
      checked_in: 'database',
      problem: null,
      files: [
        {
          ...{ file: files[0], valid: true, faults: [], warnings },
          counts: { models: 1, agents: 2, workflows: 1 },
        },
        {
          ...{ file: files[1], valid: false, counts: { agents: 2 }, warnings },
          faults: [
            {
              ...{ file: files[1], line: 4, column: 8, path: '/agents/a/mision', code: 'HWINV' },
              message: 'unknown key "mision", did you mean "mission"?',
            },
            expect.objectContaining({ line: 5, column: 15, path: '/agents/c/model' }),
          ],
        },
        {
          ...{ file: files[2], valid: false, counts: {}, warnings },
          faults: [expect.objectContaining({ line: 1, column: 4 })],
        },
      ],
    });
  });

  test('accepts packs and standard input, and reports an error in its file', async () => {
    expect((await cli('validate', 'packs/platform')).stderr).toContain(
      'cannot be called before the secret is stored: howdah admin secret set github',
    );
    await mkdir(join(folder, 'agents'));
    await put('version: v1\nname: p\n', 'pack.yaml');
    await put('---\nmodle: x\n---\nDivide.\n', 'agents/divider.md');
    const { status, stderr } = await cli('validate', folder);
    expect(status).toBe(1);
    expect(stderr).toContain(`${join(folder, 'agents/divider.md')}:2:1: unknown key "modle"`);
    expect(stderr).toContain('   2 | modle: x\n     | ^\n');
    const piped = startCli(database.url, 'validate', '-', '--tenant', slug);
    piped.type('version: v1\nname: piped');
    expect(await piped.end()).toMatchObject({ status: 0, stdout: 'stdin: ok\n' });
    expect((await cli('validate', join(folder, 'nowhere.yaml'))).status).toBe(3);
    expect((await cli('validate')).status).toBe(2);
  });

  test('refuses files and parts of packs that are not UTF-8', async () => {
    const latin1 = Buffer.from('version: v1\nname: Größe\n', 'latin1');
    const file = join(folder, 'latin1.yaml');
    await writeFile(file, latin1);
    await mkdir(join(folder, 'pack', 'skills'), { recursive: true });
    // Reading so long a manifest ends after the part was refused.
    const comment = `# ${'x'.repeat(4_000_000)}\n`;
    await writeFile(join(folder, 'pack', 'pack.yaml'), `version: v1\nname: sizes\n${comment}`);
    const part = join(folder, 'pack', 'skills', 'size.md');
    await writeFile(part, latin1);
    for (const [named, refused] of [
      [file, file],
      [join(folder, 'pack'), part],
    ] as const) {
      expect(await cli('validate', named)).toMatchObject({
        status: 2,
        stdout: '',
        stderr: expect.stringContaining(`${refused}:1:1: the file is not valid UTF-8 text`),
      });
    }
  });

  test('prints no source line that may contain a key', async () => {
    const file = await put(
      'version: v1\nname: k\nmodels:\n  m: { provider: openai, model: x, api_key: hunter2 }\n  n: { provider: openai, modle: sk-abcdefgh12345678 }\n',
    );
    const { status, stderr } = await cli('validate', file);
    expect(status).toBe(1);
    expect(stderr).toContain('api_key: a file must not contain keys');
    expect(stderr).toContain('unknown key "modle"');
    expect(stderr).not.toMatch(/hunter2|abcdefgh/);
  });
});

describe('without a database', () => {
  test('reports errors in the text', async () => {
    const [text, faulty] = [await put('name: "b\n'), await put(FAULTY, 'b.yaml')];
    expect(await runOffline('validate', await put('', 'empty.yaml'))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('the document must be an object, not empty'),
    });
    expect(await runOffline('validate', text)).toMatchObject({
      status: 1,
      stdout: `${text}: one fault\n`,
      stderr: expect.stringContaining(
        `${text}:1:7: the quoted text that begins here is not closed`,
      ),
    });
    const good = await put(HELPDESK, 'good.yaml');
    const { status, stdout, stderr } = await runOffline('validate', text, faulty, good);
    expect({ status, stdout }).toEqual({
      status: 1,
      stdout: `${text}: one fault\n${faulty}: one fault\n${good}: not checked further\n`,
    });
    expect(stderr).toContain('unknown key "mision"');
    expect(stderr).toMatch(/^Only the text of the files was checked: No server answers at /m);
    expect((await runOffline('validate', good)).status).toBe(8);
  });

  test('reports an older schema and leaves it unchanged', async () => {
    const older = await createTestDatabase();
    try {
      await older.pool.query(`update howdah_private.applied_sql set digest = 'earlier'`);
      expect(await runCli(older.url, 'validate', await put(HELPDESK))).toMatchObject({
        status: 1,
        stderr: expect.stringMatching(/older than this program\n hint: .*migrate up.*--offline/),
      });
      const { rows } = await older.pool.query(
        'select distinct digest from howdah_private.applied_sql',
      );
      expect(rows).toEqual([{ digest: 'earlier' }]);
    } finally {
      await older.drop();
    }
  });

  test('rejects --tenant', async () => {
    expect(await cli('validate', await put(HELPDESK), '--offline')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--tenant needs a database, but no database is used'),
    });
  });
});

describe('over an API', () => {
  let api: ApiServer;
  beforeAll(async () => {
    api = await startTestApi(database.url);
  });
  afterAll(() => api?.close());
  const viaServer = (...argv: string[]) => runOffline('validate', ...argv, '--api', api.url);
  const viaDatabase = (...argv: string[]) => runCli(database.url, 'validate', ...argv);

  test('prints the same bytes as with a database and writes nothing', async () => {
    await mkdir(join(folder, 'agents'));
    await put('version: v1\nname: p\n', 'pack.yaml');
    await put('---\nmodle: x\n---\nDivide.\n', 'agents/divider.md');
    const sound = `name: ${unique('sound')}\nversion: v1\nagents: { ${unique('a')}: { mission: Hi. } }\n`;
    const warned = `version: v1\nname: ${unique('w')}\nworkflows: { ${unique('w')}: { type: chain, members: [] } }\n`;
    const files = [
      await put(HELPDESK),
      await put(FAULTY, 'b.yaml'),
      await put('version: v1\nname: c\nagents: { d: { model: fast } }\n', 'c.yaml'),
      await put('a: "', 'd.yaml'),
      await put(
        JSON.stringify({ version: 'v1', name: 'j', agents: { x: { mision: 'y' } } }, null, 2),
        'e.json',
      ),
      await put(sound, 'f.yaml'),
      await put(warned, 'g.yaml'),
      folder,
    ];
    const result = await viaDatabase(...files);
    expect(result.stderr).toContain(
      `${join(folder, 'agents/divider.md')}:2:1: unknown key "modle"`,
    );
    expect(result.stderr).toContain('warning: workflow');
    expect(await viaServer(...files)).toEqual(result);
    const [one, other] = [
      await viaServer(...files, '--json'),
      await viaDatabase(...files, '--json'),
    ];
    expect(one.status).toBe(1);
    expect(JSON.parse(one.stdout)).toEqual({ ...JSON.parse(other.stdout), checked_in: 'server' });
    expect(await viaServer(files[5] ?? '')).toMatchObject({ status: 0, stderr: '' });
    const { rows } = await database.pool.query(
      `select from howdah.agent_systems as s where s.tenant_id = howdah.current_tenant()`,
    );
    expect(rows).toEqual([]);
  });

  test('reports why the request is rejected', async () => {
    const good = await put(HELPDESK);
    expect(await viaServer(good, '--offline')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--offline cannot be combined with --api'),
    });
    expect((await viaServer(good, '--tenant', slug)).status).toBe(2);
    const away = await runOffline('validate', good, '--api', 'http://127.0.0.1:1');
    expect(away.status).toBe(8);
    const guarded = await startTestApi(database.url, tokenOptions);
    try {
      expect((await runOffline('validate', good, '--api', guarded.url)).status).toBe(4);
    } finally {
      await guarded.close();
    }
  });
});
