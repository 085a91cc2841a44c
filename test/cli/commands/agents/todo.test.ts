import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { testDatabase } from '../../../support/database.ts';
import { runCli } from '../../run-cli.ts';

const database = testDatabase();
const folder = mkdtempSync(join(tmpdir(), 'howdah-todo-'));
let session: string;
const cli = (...argv: string[]) => runCli(database.url, 'todo', ...argv);
const titles = async () =>
  (
    await database.pool.query(
      'select title from howdah.todos where session_id = $1 order by position',
      [session],
    )
  ).rows.map(({ title }) => title);

beforeAll(async () => {
  await database.pool.query(`insert into howdah.agents (name) values ('planner')`);
});
beforeEach(async () => {
  const { rows } = await database.pool.query(
    `insert into howdah.sessions (title, agent_id) values ('Trip', howdah.agent('planner')) returning id`,
  );
  session = rows[0].id;
  await database.pool.query(
    `insert into howdah.todos (session_id, title) values ($1, 'Book'), ($1, 'Pack')`,
    [session],
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

test('prints a list, and writes it to a folder', async () => {
  expect((await cli(session)).stdout).toBe('# Trip\n\n- [ ] Book\n- [ ] Pack\n');
  const path = join(folder, `todolist_${session}.md`);
  expect(await cli(session, '--write', folder)).toMatchObject({ status: 0, stdout: `${path}\n` });
  expect(readFileSync(path, 'utf8')).toMatch(
    /^<!-- howdah todo list \S+ version \w{32} -->\n# Trip\n\n- \[ \] Book\n- \[ \] Pack\n$/,
  );
});

test('names the folder that is missing, and the file that is not writable', async () => {
  const path = join(folder, 'missing', 'list.md');
  expect(await cli(session, '--write', path)).toMatchObject({
    status: 2,
    stderr: expect.stringContaining(
      `--write ${path} cannot be written: there is no folder ${join(folder, 'missing')}`,
    ),
  });
});

test('applies the edits of a file, which then contains the list as it is', async () => {
  const path = join(folder, 'edited.md');
  await cli(session, '--write', path);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace('- [ ] Book', '- [x] Book').concat('- [ ] Go\n'));
  expect(await cli(session, '--write', path)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('has edits that were not applied'),
  });
  expect((await cli('--apply', path)).stdout).toBe('# Trip\n\n- [x] Book\n- [ ] Pack\n- [ ] Go\n');
  expect(await titles()).toEqual(['Book', 'Pack', 'Go']);
  // repeated: the file contains the new version
  expect((await cli('--apply', path)).status).toBe(0);
});

test('rejects edits of a list that has changed meanwhile', async () => {
  const path = join(folder, 'outdated.md');
  await cli(session, '--write', path);
  await database.pool.query(
    `insert into howdah.todos (session_id, title) values ($1, 'By a run')`,
    [session],
  );
  writeFileSync(path, `${readFileSync(path, 'utf8')}- [ ] Mine\n`);
  expect(await cli('--apply', path)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('has changed since it was read'),
  });
  expect(await titles()).toEqual(['Book', 'Pack', 'By a run']);
  expect(readFileSync(path, 'utf8')).toContain('Mine');
});

test('edits a list in an editor', async () => {
  vi.stubEnv('VISUAL', `sed -i 's/Pack/Pack the bag/'`);
  try {
    expect((await cli(session, '--edit')).stdout).toContain('- [ ] Pack the bag');
    expect(await titles()).toEqual(['Book', 'Pack the bag']);
    vi.stubEnv('VISUAL', 'false');
    expect((await cli(session, '--edit')).status).toBe(2);
  } finally {
    vi.unstubAllEnvs();
  }
  expect(await titles()).toEqual(['Book', 'Pack the bag']);
});

test('replaces no other file, and follows no link', async () => {
  const mine = join(folder, 'notes.md');
  writeFileSync(mine, 'my notes');
  expect((await cli(session, '--write', mine)).status).not.toBe(0);
  const link = join(folder, 'link.md');
  symlinkSync(mine, link);
  expect(await cli(session, '--write', link)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('is not a regular file'),
  });
  expect(readFileSync(mine, 'utf8')).toBe('my notes');
  expect(existsSync(join(folder, 'nowhere'))).toBe(false);
  for (const argv of [[], ['--apply', mine], [session, '--write', mine, '--edit'], ['../x']]) {
    expect((await cli(...argv)).status, argv.join(' ')).not.toBe(0);
  }
});
