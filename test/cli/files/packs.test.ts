import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { all, makeTenant, one, unique } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { runCli, startCli } from '../run-cli.ts';

const database = testDatabase();
let slug: string;
let tenant: string;
let name: string;
let folder: string;

beforeEach(async () => {
  slug = unique('packs');
  tenant = await makeTenant(database.pool, slug);
  name = unique('pack').replaceAll('-', '_');
  folder = await mkdtemp(join(tmpdir(), 'howdah-pack-'));
  await put(
    'pack.yaml',
    `version: v1\nname: ${name}\ntools:\n  half: { kind: sql, function: "${name}.half(numeric)" }\n`,
  );
  await put(
    'functions/halves.sql',
    `-- Of a number.
create function ${name}.half(n numeric) returns numeric language sql immutable as $$ select n / 2 $$;
comment on function ${name}.half is 'Half of it.';

create function ${name}.quarter(n numeric) returns numeric language sql immutable
  as $$ select ${name}.half(${name}.half(n)) $$;
`,
  );
  await put(
    'prompts/tone.md',
    '---\nvariables: { tone: { type: string, default: kind } }\n---\n\nBe {{tone}}.\n',
  );
  await put(
    'skills/halving.md',
    '---\ndescription: Before you halve.\n---\n# Halving\n\nUse the tool.\n',
  );
  await put(
    'agents/divider.md',
    '---\ntools: { allow: [half] }\nprompt: tone\nskills: [halving]\n---\nDivide.\n',
  );
});

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
}
const cli = (...argv: string[]) => runCli(database.url, ...argv, '--tenant', slug);
const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/).join(' '));

describe('a pack', () => {
  test('is a folder that one command applies, with no changes the second time', async () => {
    const first = await cli('apply', folder);
    expect(first).toMatchObject({ status: 0 });
    expect(lines(first.stdout)).toEqual([
      `create system ${name}`,
      'create function half',
      'create function quarter',
      'create tool half',
      'create prompt tone',
      'create skill halving',
      'create agent divider',
    ]);
    const again = await cli('apply', folder);
    expect(lines(again.stdout).filter((line) => !line.startsWith('unchanged'))).toEqual([]);
    expect(await cli('diff', folder)).toMatchObject({ status: 0, stdout: '' });
    expect(
      await one(
        database.pool,
        `select a.instruction, p.template, s.content, ${name}.quarter(8)::int as two
         from howdah.agents as a join howdah.prompts as p on p.id = a.prompt_id
         join howdah.agent_skills as g on g.agent_id = a.id join howdah.skills as s on s.id = g.skill_id
         where a.tenant_id = $1 and a.name = 'divider'`,
        [tenant],
      ),
    ).toEqual({
      instruction: 'Divide.',
      template: 'Be {{tone}}.',
      content: '# Halving\n\nUse the tool.',
      two: 2,
    });
  });

  test('is exported as one file that applies without changes', async () => {
    await cli('apply', folder);
    const { stdout } = await cli('export', name);
    const file = join(folder, 'exported.yaml');
    await writeFile(file, stdout);
    expect(await cli('diff', file)).toMatchObject({ status: 0, stdout: '' });
  });

  test('reports all faults with file, line and column, and writes nothing', async () => {
    await put(
      'functions/halves.sql',
      `-- A line.\ncreate function ${name}.half(n numeric) returns;\n`,
    );
    await put('prompts/tone.md', '---\nvariables: { tone: { type: text } }\n---\nBe {{tone}}.\n');
    await put('skills/halving.md', '# Halving\n');
    await put(
      'agents/divider.md',
      '---\ntools: { allow: [half, thrid] }\nmision: x\n---\nDivide.\n',
    );
    const syntax = await cli('apply', folder);
    expect(syntax).toMatchObject({ status: 2 });
    expect(syntax.stderr).toContain(`${folder}/functions/halves.sql:2:`);
    await rm(join(folder, 'functions'), { recursive: true });
    await put('pack.yaml', `version: v1\nname: ${name}\n`);
    const { stderr } = await cli('apply', folder);
    expect(stderr).toContain(
      `${folder}/agents/divider.md:3:1: unknown key "mision", did you mean "mission"?`,
    );
    expect(stderr).toContain(`${folder}/skills/halving.md:1:1: description is missing`);
    expect(stderr).toMatch(/prompts\/tone\.md:2:\d+: type/);
    expect(
      await all(database.pool, `select name from howdah.agent_systems where tenant_id = $1`, [
        tenant,
      ]),
    ).toEqual([]);
  });

  test('reports SQL errors at their position, with the message of the database', async () => {
    await put(
      'functions/halves.sql',
      `create function ${name}.half(n numeric) returns numeric language sql as $$ select n / 2 $$;\n
create function ${name}.third(n numeric) returns numeric language sql as $$ select nowhere.third(n) $$;\n`,
    );
    const { status, stderr } = await cli('apply', folder);
    expect(status).toBe(2);
    expect(stderr).toMatch(/functions\/halves\.sql:3:1: .*nowhere/);
  });

  test.each<[string, string, RegExp]>([
    ['functions/more.sql', 'drop table howdah.steps;', /more\.sql:1:1: only create function/],
    [
      'functions/more.sql',
      'create function x() returns int language sql as $$ select 1 $$; select 1;',
      /more\.sql:1:\d+: only create function/,
    ],
    [
      'functions/more.sql',
      'create function half() returns int language sql as $$ select 1 $$;',
      /function half is already described elsewhere/,
    ],
    [
      'functions/more.sql',
      "comment on function nobody is 'x';",
      /the comment on function nobody comes before the function/,
    ],
    ['functions/more.txt', 'x', /files that end in \.sql/],
    ['skils/x.md', 'x', /did you mean skills\?/],
    ['pack.json', '{}', /contains both pack\.json and pack\.yaml/],
    [
      'skills/key.md',
      '---\ndescription: Any.\n---\nUse password: Tr0ub4dor3x\n',
      /skills\/key\.md:4:1: .*key/,
    ],
    ['skills/list.md', '---\n- a\n---\nx\n', /front matter must be keys/],
  ])('with %s is rejected: %s', async (path, text, words) => {
    await put(path, text);
    const { status, stderr } = await cli('apply', folder);
    expect(status).toBeGreaterThan(0);
    expect(stderr).toMatch(words);
    expect(await one(database.pool, 'select to_regnamespace($1) as s', [name])).toEqual({
      s: null,
    });
  });

  test('with --watch is applied again when one of its files is saved', async () => {
    const watching = startCli(database.url, 'apply', folder, '--watch', '--tenant', slug);
    await vi.waitFor(() => expect(watching.stderr()).toContain('has version 1.'), 60_000);
    await put('skills/halving.md', '---\ndescription: Before you halve.\n---\nThink first.\n');
    await vi.waitFor(() => expect(watching.stderr()).toContain('has version 2.'), 60_000);
    watching.interrupt();
    expect((await watching.end()).status).toBe(130);
  });

  test('is removed by an empty file with --prune', async () => {
    await cli('apply', folder);
    const file = join(folder, 'empty.yaml');
    await writeFile(file, `version: v1\nname: ${name}\n`);
    const { status, stdout } = await cli('apply', file, '--prune', '--yes');
    expect(status).toBe(0);
    expect(lines(stdout).filter((line) => line.startsWith('delete'))).toHaveLength(6);
    expect(await one(database.pool, 'select to_regnamespace($1) as s', [name])).toEqual({
      s: null,
    });
  });
});
