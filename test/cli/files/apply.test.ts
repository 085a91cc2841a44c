import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { makeTenant, one, unique } from '../../sql/support.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { HELPDESK } from '../../systems/support.ts';
import { runCli, startCli } from '../run-cli.ts';

let database: TestDatabase;
let folder: string;
let slug: string;
const login = `howdah_test_${randomBytes(6).toString('hex')}`;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = await mkdtemp(join(tmpdir(), 'howdah-apply-'));
});
beforeEach(async () => {
  slug = unique('shop');
  await makeTenant(database.pool, slug);
});
afterAll(async () => {
  await database.pool.query(`delete from howdah_private.login_tenants where login = '${login}'`);
  await database.pool.query(`drop role if exists ${login}`);
  await database.drop();
  await rm(folder, { recursive: true });
});

const cli = (...argv: string[]) => runCli(database.url, ...argv, '--tenant', slug);
const put = async (text: string, name = 'shop.yaml') => {
  const path = join(folder, `${slug}-${name}`);
  await writeFile(path, text);
  return path;
};

describe('howdah apply', () => {
  test('prints each changed object, and reports nothing to do the second time', async () => {
    const file = await put(HELPDESK);
    const first = await cli('apply', file);
    expect(first).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('shop-helpdesk has version 1.'),
    });
    expect(first.stdout.split('\n').map((line) => line.split(/\s+/).join(' '))).toEqual([
      'create system shop-helpdesk',
      'create model fast',
      'create agent analyst',
      'create agent desk',
      'create workflow nightly',
      '',
    ]);
    const second = await cli('apply', file);
    expect(second.stdout.match(/^unchanged /gm)).toHaveLength(5);
    expect(second.stdout.split('\n')).toHaveLength(6);
  });

  test('with --json prints one object', async () => {
    const { stdout } = await cli('apply', await put(HELPDESK), '--dry-run', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      systems: [
        {
          name: 'shop-helpdesk',
          version: 1,
          dry_run: true,
          objects: expect.arrayContaining([{ kind: 'agent', name: 'desk', action: 'create' }]),
        },
      ],
    });
  });

  test('applies all files or none, and reports the faults in all of them', async () => {
    const [good, bad, other] = [
      await put(HELPDESK),
      await put('version: v1\nname: b\nagents:\n  a: { mision: x }\n', 'b.yaml'),
      await put('version: v1\nname: c\nagents:\n  a: { model: fats }\n', 'c.yaml'),
    ];
    const { status, stdout, stderr } = await cli('apply', good, bad, other);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(`\n${bad}:4:8: unknown key "mision", did you mean "mission"?\n`);
    expect(stderr).toContain(`\n${other}:4:15: unknown model "fats", did you mean "fast"?\n`);
    expect((await cli('export', '--json')).stdout).not.toContain('desk');
  });

  test('rejects two files of the same system', async () => {
    const { status, stderr } = await cli(
      'apply',
      await put(HELPDESK),
      await put(HELPDESK, 'too.yaml'),
    );
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /too\.yaml:2:7: another of these files already describes "shop-helpdesk"/,
    );
  });

  test('has an exit status for each kind of failure', async () => {
    expect((await cli('apply', join(folder, 'nowhere.yaml'))).status).toBe(3);
    expect((await cli('apply')).status).toBe(2);
    await cli('apply', await put(HELPDESK));
    const taken = await cli(
      'apply',
      await put('version: v1\nname: b\nagents: { desk: {} }\n', 'b.yaml'),
    );
    expect(taken).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(
        /b\.yaml:3:11: agent "desk" belongs to the agent system "shop-helpdesk"/,
      ),
    });
  });

  test('reads standard input for -, only once', async () => {
    const applying = startCli(database.url, 'apply', '-', '--tenant', slug);
    applying.type('version: v1\nname: piped\nagents: { writer: { mision: x } }');
    expect(await applying.end()).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('stdin:3:21: unknown key "mision", did you mean "mission"?'),
    });
    const again = startCli(database.url, 'apply', '-', '--tenant', slug);
    again.type('version: v1\nname: piped');
    expect(await again.end()).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('piped has version 1.'),
    });
    expect((await cli('apply', '-', '-')).stderr).toMatch(/standard input can be read only once/);
    expect((await cli('apply', '-', '--watch')).stderr).toMatch(
      /--watch cannot be used with standard input/,
    );
  });

  test('suggests applying files for a folder without pack.yaml, and rejects invalid JSON', async () => {
    expect(await cli('apply', folder)).toMatchObject({
      status: 2,
      stderr: `error: the folder ${folder} has no pack.yaml\n hint: A pack is a folder with a pack.yaml. For other folders, name the files: ${folder}/*.yaml\n`,
    });
    const file = await put('{"version": "v1", "name": "t", "agents": {"a": {},}}', 'a.json');
    expect(await cli('apply', file)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`${file}:1:50: remove the comma before }`),
    });
  });

  test('requires an admin', async () => {
    await database.pool.query(
      `create role ${login} login password 'secret'; grant howdah_app to ${login}`,
    );
    await database.pool.query(
      `insert into howdah_private.login_tenants (login, tenant_id, role) select '${login}', id, 'member' from howdah.tenants where slug = '${slug}'`,
    );
    const url = new URL(database.url);
    Object.assign(url, { username: login, password: 'secret' });
    const file = await put(HELPDESK);
    const { status, stderr } = await runCli(url.href, 'apply', file);
    expect({ status, stderr }).toEqual({
      status: 4,
      stderr: expect.stringMatching(/may not manage agent_systems/),
    });
    await database.pool.query(
      `update howdah_private.login_tenants set role = 'admin' where login = '${login}'`,
    );
    expect((await runCli(url.href, 'apply', file)).status).toBe(0);
    expect((await runCli(url.href, 'diff', file)).status).toBe(0);
    expect((await runCli(url.href, 'export')).stdout).toContain('name: shop-helpdesk');
  });

  test('with --watch applies at each save, and continues after an invalid file', async () => {
    const file = await put(HELPDESK);
    const watching = startCli(database.url, 'apply', file, '--watch', '--tenant', slug);
    await vi.waitFor(() => expect(watching.stderr()).toContain('has version 1.'), 60_000);
    await writeFile(file, HELPDESK.replace('mission: "Answer with SQL."', 'mision: "Answer."'));
    await vi.waitFor(() => expect(watching.stderr()).toContain('did you mean "mission"?'), 60_000);
    await writeFile(file, HELPDESK.replace('Answer with SQL.', 'Answer with figures.'));
    await vi.waitFor(() => expect(watching.stderr()).toContain('has version 2.'), 60_000);
    expect(watching.stdout()).toMatch(/change +agent +analyst/);
    watching.interrupt();
    expect((await watching.end()).status).toBe(130);
  });
});

describe('howdah diff', () => {
  test('shows the changes of an apply, and exits 1', async () => {
    const file = await put(HELPDESK);
    expect((await cli('diff', file)).status).toBe(1);
    await cli('apply', file);
    expect(await cli('diff', file)).toMatchObject({ status: 0, stdout: '' });
    const changed = await cli(
      'diff',
      await put(HELPDESK.replace('Answer with SQL.', 'Answer with figures.')),
    );
    expect(changed.status).toBe(1);
    expect(changed.stdout).toContain('--- agent analyst');
    expect(changed.stdout).toContain(
      '-    mission: Answer with SQL.\n+    mission: Answer with figures.\n',
    );
    const less = await put('version: v1\nname: shop-helpdesk\n');
    expect((await cli('diff', less, '--prune')).stdout).toMatch(
      /--- workflow nightly.*\n\+\+\+ \/dev\/null/,
    );
    const { stdout } = await cli('diff', less, '--json');
    expect(JSON.parse(stdout).changes).toMatchObject([{ kind: 'system', action: 'change' }]);
    expect(
      await one(
        database.pool,
        `select version from howdah.agent_systems as s join howdah.tenants as t on t.id = s.tenant_id where t.slug = $1`,
        [slug],
      ),
    ).toEqual({ version: 1 });
  });
});

describe('howdah diff --prune', () => {
  const OWN = `version: v1
name: team
models: { fast: { provider: openai, model: gpt-5-mini }, used: { provider: openai, model: gpt-5 } }
agents:
  development: { mission: Help., model: used }
  analyst: { mission: Count., model: fast }
  desk: { mission: Answer., agents: [analyst] }
workflows: { nightly: { type: chain, members: [analyst, desk] } }
`;
  const LESS = 'version: v1\nname: team\nagents: { desk: { mission: Answer. } }\n';
  const matchLines = (text: string, pattern: RegExp) =>
    text.split('\n').flatMap((line) => pattern.exec(line)?.slice(1).join(' ') ?? []);

  test('predicts the changes of apply --prune, and lists leftover objects without the option', async () => {
    await database.pool.query(
      `insert into howdah.agents (name, tenant_id) select 'desk', id from howdah.tenants where slug = $1`,
      [slug],
    );
    expect((await cli('diff', await put(OWN))).stdout).toMatch(
      /^change agent desk \(had no owner, is taken over\)\n--- agent desk/m,
    );
    await cli('apply', await put(OWN));
    const file = await put(LESS);
    const warning =
      'team still owns objects that its file no longer contains. Use --prune to delete them: model fast, model used, agent analyst, agent development, workflow nightly\n';
    const plain = await cli('diff', file);
    expect(plain).toMatchObject({ status: 1, stderr: warning });
    expect(plain.stdout).not.toContain('delete');
    expect((await cli('apply', file, '--dry-run')).stderr).toContain(warning);
    const diff = await cli('diff', file, '--prune');
    const words = matchLines(diff.stdout, /^(create|change|delete) (.*)$/);
    expect(words).toEqual([
      'delete model fast',
      'change model used (is no longer owned)',
      'delete agent analyst',
      'change agent desk',
      'change agent development (is no longer owned)',
      'delete workflow nightly',
    ]);
    expect(diff.stderr).toBe('');
    expect(JSON.parse((await cli('diff', file, '--prune', '--json')).stdout)).toMatchObject({
      changes: expect.arrayContaining([
        expect.objectContaining({ kind: 'model', name: 'used', ownership: 'released' }),
      ]),
      kept: [],
    });
    const applied = await cli('apply', file, '--prune', '--yes');
    expect(matchLines(applied.stdout, /^(create|change|delete) +(\S+) +(.*)$/)).toEqual(words);
    expect((await cli('diff', file, '--prune')).stdout).toBe('');
  });
});

test('a model provider that no process can use is rejected with its position', async () => {
  const file = await put(
    'version: v1\nname: x\nmodels:\n  m: { provider: opnai, model: x }\n  g: { provider: groq, model: x }\n' +
      '  ok: { provider: groq, model: x, base_url: https://example.com/v1 }\n',
  );
  for (const args of [
    ['apply', file, '--dry-run'],
    ['diff', file],
    ['apply', file],
  ]) {
    const { status, stderr } = await cli(...args);
    expect(status).not.toBe(0);
    expect(stderr).toContain(`${file}:4:18: there is no model provider 'opnai'`);
    expect(stderr).toContain(`${file}:5:18: there is no API key for Groq`);
    expect(stderr).not.toContain(`${file}:6`);
  }
});

test('a model provider by another name applies again without changes', async () => {
  const file = await put(
    'version: v1\nname: hosts\nmodels:\n  g: { provider: groq.com, model: x, base_url: https://example.com/v1 }\n' +
      '  h: { provider: llm.example.com, model: x }\n' +
      '  i: { provider: openai.com, model: x, base_url: https://api.openai.com/ }\n' +
      '  j: { provider: vllm, model: x, base_url: https://api.deepseek.com }\n',
  );
  expect((await cli('apply', file)).status).toBe(0);
  const { status, stdout } = await cli('diff', file);
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
});

describe('howdah export', () => {
  test('prints a file that applies without changes', async () => {
    await cli('apply', await put(HELPDESK));
    const out = join(folder, `${slug}-out.yaml`);
    const { stdout } = await cli('export', 'shop-helpdesk');
    expect(await cli('export', '--out', out)).toMatchObject({ status: 0, stdout: '' });
    expect(await readFile(out, 'utf8')).toBe(stdout);
    expect((await cli('apply', out, '--prune')).stdout).not.toMatch(/create|change |delete/);
    expect((await cli('diff', out, '--prune')).status).toBe(0);
  });

  test('omits deleted agents, and lists the places that refer to them', async () => {
    await cli('apply', await put(HELPDESK));
    await database.pool.query(
      `update howdah.agents as a set deleted_at = now(), is_active = false from howdah.tenants as t
       where t.id = a.tenant_id and a.name = 'analyst' and t.slug = $1`,
      [slug],
    );
    const out = join(folder, `${slug}-less.yaml`);
    expect(await cli('export', '--out', out)).toMatchObject({
      status: 0,
      stderr:
        'warning: /workflows/nightly/members/0: agent or workflow "analyst" was deleted and is left out\n' +
        `warning: /agents/desk/agents/0: agent "analyst" was deleted and is left out\nwrote ${out}\n`,
    });
    expect((await cli('apply', out)).status).toBe(0);
    expect((await cli('export')).stderr).toBe('');
  });

  test('omits a model that never existed, with a warning', async () => {
    await database.pool.query(
      `insert into howdah.workflows (tenant_id, name, type, configuration)
       select id, 'lost', 'router', '{"model": "never"}' from howdah.tenants where slug = $1`,
      [slug],
    );
    const { stdout, stderr } = await cli('export', '--unowned');
    expect(stderr).toBe(
      'warning: /workflows/lost/model: there is no model "never"; the reference is left out\n',
    );
    expect(stdout).toContain('lost:');
    expect(stdout).not.toContain('never');
  });

  test('without a name exports the only system, otherwise the objects created by hand', async () => {
    expect((await cli('export')).stdout).toBe(`version: v1\nname: ${slug}\n`);
    await cli('apply', await put(HELPDESK));
    expect((await cli('export')).stdout).toContain('name: shop-helpdesk');
    expect((await cli('export', '--unowned')).stdout).toContain(`name: ${slug}\n`);
    await cli('apply', await put('version: v1\nname: b\n', 'b.yaml'));
    expect(await cli('export')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('There are: b, shop-helpdesk.'),
    });
    expect(await cli('export', 'c')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('there is no agent system "c"'),
    });
  });
});
