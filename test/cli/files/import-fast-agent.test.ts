import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeTenant, unique } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { reportUsable } from '../../support/usable-providers.ts';
import { runCli } from '../run-cli.ts';

const NEWSROOM = 'test/fixtures/fast-agent/newsroom';
/** Nothing listens here. Commands that need no database do not connect. */
const NO_DATABASE = 'postgres://nobody@127.0.0.1:1/none';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'howdah-import-'));
});
afterEach(() => rm(folder, { recursive: true }));

const put = async (files: Record<string, string | Buffer>) => {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
};
const importFile = (...argv: string[]) => runCli(NO_DATABASE, 'import', 'fast-agent', ...argv);
const CARD = '---\nname: desk\n---\nAnswer.\n';

describe('howdah import fast-agent', () => {
  test('prints the file, and one line for each omitted item', async () => {
    const { status, stdout, stderr } = await importFile(NEWSROOM);
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^version: v1\nname: newsroom\nmodels:\n/),
    });
    const lines = stderr.trimEnd().split('\n');
    expect(lines).toContain(
      `${NEWSROOM}/.fast-agent/agent-cards/chief.md:17:1: unknown key "colour"`,
    );
    expect(lines.at(-1)).toBe(
      'Imported: models 5, MCP servers 1, agents 6, workflows 7. Not imported, or only in part: 19.',
    );
    expect(lines.slice(0, -1).filter((line) => !/^test\/\S+:\d+:\d+: \S/.test(line))).toEqual([]);
  });

  test('writes the file with --out, and reports on it with --json', async () => {
    const out = join(folder, 'out.yaml');
    expect(await importFile(NEWSROOM, '--out', out, '--name', 'press room')).toMatchObject({
      status: 0,
      stdout: '',
    });
    expect(await readFile(out, 'utf8')).toMatch(/^version: v1\nname: press room\n/);
    const { stdout, stderr } = await importFile(NEWSROOM, '--json');
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      system: { name: 'newsroom', orchestrator: 'chief' },
      carried: { models: 5, agents: 6, workflows: 7 },
      not_carried_over: expect.arrayContaining([
        {
          file: expect.stringMatching(/chief\.md$/),
          line: 17,
          column: 1,
          message: 'unknown key "colour"',
        },
      ]),
    });
  });

  test('finds a project from a subfolder, a folder of cards, and a single card', async () => {
    const names = async (...path: string[]) => {
      const { system } = JSON.parse((await importFile(join(folder, ...path), '--json')).stdout);
      return [system.name, ...Object.keys(system.agents)];
    };
    await put({
      'shop/fast-agent.yaml': 'default_model: gpt-5\n',
      'shop/.fast-agent/agent-cards/desk.md': CARD,
      'cards/desk.md': CARD,
      'cards/README.md': '---\ntitle: Cards\n---\nRead me.\n',
      'cards/compose.yaml': 'services: {}\n',
      'cards/night.yaml': 'instruction: Sleep.\n',
    });
    expect(await names('shop')).toEqual(['shop', 'desk']);
    expect(await names('shop', '.fast-agent')).toEqual(['shop', 'desk']);
    expect(await names('shop', '.fast-agent', 'agent-cards')).toEqual(['shop', 'desk']);
    expect(await names('cards')).toEqual(['cards', 'desk', 'night']);
    expect(await names('cards', 'desk.md')).toEqual(['desk', 'desk']);
  });

  test('includes only project files, and no file that contains keys', async () => {
    const include = [
      'style.md',
      '../secret.md',
      'link.md',
      'fastagent.secrets.yaml',
      '.env',
      '/etc/hostname',
      '.',
    ];
    await put({
      'secret.md': 'SECRET',
      'shop/style.md': 'STYLE',
      'shop/fastagent.secrets.yaml': 'x: SECRET',
      'shop/.env': 'SECRET',
      'shop/.fast-agent/agent-cards/desk.md': `${CARD}${include.map((path) => `{{file:${path}}}`).join('\n')}`,
    });
    await symlink(join(folder, 'secret.md'), join(folder, 'shop', 'link.md'));
    const { stdout, stderr } = await importFile(join(folder, 'shop'));
    expect(stdout).toContain('STYLE');
    expect(stdout).not.toContain('SECRET');
    expect(stderr.match(/the file does not exist in the project or cannot be read/g)).toHaveLength(
      6,
    );
  });

  test('has an exit status for each kind of failure', async () => {
    expect(await importFile(join(folder, 'nowhere'))).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('nowhere: there is no such file or folder'),
    });
    expect(await importFile(folder)).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(
        / contains no fast-agent files\n hint: Looked for: fastagent\.config\.yaml/,
      ),
    });
    expect((await importFile()).status).toBe(2);
    expect((await runCli(NO_DATABASE, 'import', 'slow-agent', folder)).status).toBe(2);
    expect((await importFile(NEWSROOM, '--apply')).status).toBe(8);
    await put({ 'bad/desk.md': '---\nname: desk\nagents: [nobody]\n---\nx\n' });
    expect(await importFile(join(folder, 'bad'))).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining(
        `${join(folder, 'bad', 'desk.md')}:3:10: unknown agent "nobody"`,
      ),
    });
    await put({ 'bytes/desk.md': Buffer.from([0x2d, 0x2d, 0x2d, 0x0a, 0xff]) });
    expect(await importFile(join(folder, 'bytes'))).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('desk.md:1:1: the file is not valid UTF-8 text'),
    });
    await put({ 'big/desk.md': `${CARD}${'x'.repeat(1024 * 1024)}` });
    expect(await importFile(join(folder, 'big'))).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('desk.md:1:1: the file is larger than 1 MB'),
    });
  });
});

describe('fast-agent import with --apply', () => {
  const database = testDatabase();

  test('leaves out a model that cannot run, and its agents use the default model', async () => {
    const slug = unique('press');
    const tenant = await makeTenant(database.pool, slug);
    await reportUsable(database.pool, 'anthropic', 'openai');
    // the database rejects a model whose vendor has no key
    await database.pool.query(
      `create function public.refuse_opus() returns trigger language plpgsql as $$ begin
         raise exception using errcode = 'HWINV', message = 'there is no API key for Anthropic',
           detail = '{"field": "provider"}', hint = 'Set ANTHROPIC_API_KEY.';
       end $$;
       create trigger _400_refuse before insert on howdah.models
         for each row when (new.model = 'claude-opus-5') execute function public.refuse_opus()`,
    );
    await put({
      'shop/fastagent.config.yaml': 'default_model: gpt-5-mini\n',
      'shop/agent-cards/chief.md': '---\nname: chief\nmodel: opus?temperature=0.2\n---\nLead.\n',
      'shop/agent-cards/desk.md': CARD,
    });
    const out = join(folder, 'out.yaml');
    const argv = ['import', 'fast-agent', join(folder, 'shop'), '--apply', '--tenant', slug];
    try {
      const done = await runCli(database.url, ...argv, '--out', out);
      expect(done).toMatchObject({
        status: 0,
        stderr: expect.stringMatching(
          /model "claude-opus-5" is left out, and its agents use the default model:\n.*there is no API key for Anthropic/,
        ),
      });
      expect(await readFile(out, 'utf8')).not.toContain('opus');
      const { rows } = await database.pool.query(
        `select m.name from howdah.models as m where m.tenant_id = $1 and m.name <> 'default'`,
        [tenant],
      );
      expect(rows).toEqual([{ name: 'gpt-5-mini' }]);
      const again = JSON.parse((await runCli(database.url, ...argv, '--json')).stdout);
      expect(again).toMatchObject({
        left_out: [{ model: 'claude-opus-5' }],
      });
      const agents = again.systems[0].objects.filter(
        ({ kind }: { kind: string }) => kind === 'agent',
      );
      expect(agents).toMatchObject([
        { name: 'chief', action: 'unchanged' },
        { name: 'desk', action: 'unchanged' },
      ]);
    } finally {
      await database.pool.query(
        'drop trigger _400_refuse on howdah.models; drop function public.refuse_opus()',
      );
    }
  });

  test('creates the objects in the tenant, and changes nothing the second time', async () => {
    const slug = unique('press');
    await makeTenant(database.pool, slug);
    await reportUsable(database.pool, 'anthropic', 'openai');
    const cli = (...argv: string[]) => runCli(database.url, ...argv, '--tenant', slug);
    const first = await cli('import', 'fast-agent', NEWSROOM, '--apply');
    expect(first).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('newsroom has version 1.'),
    });
    expect(first.stdout).toMatch(/^create +system +newsroom\n/);
    const second = JSON.parse(
      (await cli('import', 'fast-agent', NEWSROOM, '--apply', '--json')).stdout,
    );
    expect(second).toMatchObject({
      systems: [{ name: 'newsroom', version: 1 }],
      carried: { agents: 6 },
    });
    expect(
      second.systems[0].objects.filter(({ action }: { action: string }) => action !== 'unchanged'),
    ).toEqual([]);
    const out = join(folder, 'export.yaml');
    await cli('export', 'newsroom', '--out', out);
    expect(await cli('diff', out, '--prune')).toMatchObject({ status: 0, stdout: '' });
  });

  test('rejects names owned by another system, and writes nothing', async () => {
    const slug = unique('press');
    await makeTenant(database.pool, slug);
    await reportUsable(database.pool, 'anthropic', 'openai');
    const cli = (...argv: string[]) => runCli(database.url, ...argv, '--tenant', slug);
    await put({ 'desk.md': CARD });
    await cp(join(folder, 'desk.md'), join(folder, 'two', 'desk.md'));
    expect((await cli('import', 'fast-agent', folder, '--name', 'one', '--apply')).status).toBe(0);
    expect(await cli('import', 'fast-agent', join(folder, 'two'), '--apply')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(
        /error: nothing was imported: agents desk: agent "desk" belongs to the agent system "one"\n hint: Choose another name/,
      ),
    });
    expect((await cli('export', 'two')).status).toBe(3);
    const key = ['sk', 'proj', 'a1B2c3D4e5F6g7H8i9J0k1L2'].join('-');
    await put({ 'keys/clerk.md': `---\nname: clerk\n---\nUse ${key}.\n` });
    const pasted = await cli('import', 'fast-agent', join(folder, 'keys'), '--apply');
    expect(pasted).toMatchObject({ status: 2, stdout: '' });
    expect(pasted.stderr).toMatch(/nothing was imported: .*agents clerk mission: .*key/s);
    expect(pasted.stderr).not.toContain(key);
  });

  test('refuses to overwrite objects that were not imported, and writes nothing', async () => {
    const slug = unique('press');
    const tenant = await makeTenant(database.pool, slug);
    const cli = (...argv: string[]) => runCli(database.url, ...argv, '--tenant', slug);
    await database.pool.query(
      `insert into howdah.agents (tenant_id, name, instruction) values ($1, 'desk', 'By hand.'), ($1, 'clerk', 'Answer.')`,
      [tenant],
    );
    const out = join(folder, 'out.yaml');
    await put({ 'shop/desk.md': CARD, 'shop/clerk.md': CARD.replace('desk', 'clerk') });
    const shop = join(folder, 'shop');
    const refused = await cli('import', 'fast-agent', shop, '--apply', '--out', out);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toMatch(
      /\nerror: nothing was imported: agent "desk" already exists with other contents, and belongs to no agent system\n hint: Rename or delete it, or rename the card\. /,
    );
    expect(refused.stderr).not.toContain('"clerk"');
    await expect(readFile(out)).rejects.toMatchObject({ code: 'ENOENT' });
    expect((await cli('export', 'shop')).status).toBe(3);

    const hand = join(folder, 'hand.yaml');
    await writeFile(hand, 'version: v1\nname: shop\nagents: { cook: {} }\n');
    await cli('apply', hand);
    expect(await cli('import', 'fast-agent', shop, '--apply')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(
        'the agent system "shop" already exists and does not come from an import\n hint: Use another name: --name NAME.',
      ),
    });
    await database.pool.query(
      `update howdah.agents set instruction = 'Answer.' where tenant_id = $1 and name = 'desk'`,
      [tenant],
    );
    const named = ['import', 'fast-agent', shop, '--apply', '--name', 'cards', '--out', out];
    expect((await cli(...named)).status).toBe(0);
    expect(await readFile(out, 'utf8')).toMatch(/^version: v1\nname: cards\n/);
    await put({ 'shop/desk.md': CARD.replace('Answer.', 'Answer briefly.') });
    expect((await cli(...named)).stdout).toMatch(/^change +agent +desk$/m);
  });
});
