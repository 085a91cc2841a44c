import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { runCli } from '../run-cli.ts';

// Items with images and files, added from a file and exported again.

const db = testDatabase();
const cli = (...argv: string[]) => runCli(db.url, ...argv);
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'howdah-items-'));
  await cli('dataset', 'create', 'pictures');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const LINES = [
  '{"input":"What is this?","input_parts":[{"type":"image_url","image_url":{"url":"https://pictures.example.com/cat.png"}}],"expected":"a cat"}',
  '{"input":"And without a picture?","expected":"nothing"}',
  '{"input":"Where?","history":[{"role":"user","content":"My order is A-7."}],"expected":"here"}',
];

test('files of items survive a file and an export', async () => {
  const path = join(folder, 'pictures.jsonl');
  await writeFile(path, `${LINES.join('\n')}\n`);
  expect((await cli('dataset', 'add', 'pictures', path)).stdout).toBe(
    '3 items added to pictures\n',
  );
  const { stdout } = await cli('dataset', 'export', 'pictures');
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toEqual(
    expect.arrayContaining(LINES.map((line) => expect.objectContaining(JSON.parse(line)))),
  );
  await writeFile(path, stdout);
  expect((await cli('dataset', 'add', 'pictures', path)).status).toBe(0);
  expect(await readFile(path, 'utf8')).toBe(stdout);
  // items that are equal are items, unlike examples to train with
  const twice = await cli('dataset', 'export', 'pictures');
  expect(twice.stdout).toBe(stdout + stdout);
});

test('a part that no model can be sent is refused, and nothing is added', async () => {
  const path = join(folder, 'wrong.jsonl');
  await writeFile(
    path,
    '{"input": "one"}\n\n{"input": "two", "input_parts": [{"type": "film"}]}\n',
  );
  const { status, stderr } = await cli('dataset', 'add', 'pictures', path);
  expect(status).toBe(2);
  expect(stderr).toContain('wrong.jsonl, line 3: input_parts[0].type must be text, image_url');
  const { rows } = await db.pool.query(`select from howdah.dataset_items where input = 'one'`);
  expect(rows).toEqual([]);
});

test.each([
  ['{"input": 5}', 'input: expected string'],
  ['{"input": "a", "history": {}}', 'history: expected array'],
  ['{"input": ""}', 'item must have an input'],
])('the line of %s is named', async (line, message) => {
  const path = join(folder, 'types.jsonl');
  await writeFile(path, `{"input": "one"}\n\n${line}\n`);
  const { status, stderr } = await cli('dataset', 'add', 'pictures', path);
  expect(status).toBe(2);
  expect(stderr).toContain(`types.jsonl, line 3: ${message}`);
});
