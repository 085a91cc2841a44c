import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readUtf8File, readUtf8Stream } from '../../../src/cli/input/utf8-text.ts';
import { testDatabase } from '../../support/database.ts';
import { runCli } from '../run-cli.ts';

const db = testDatabase();
const LATIN1 = Buffer.from(
  'from fast_agent import FastAgent # für alle\n@fast.agent("a")\n',
  'latin1',
);

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'howdah-utf8-'));
  file = join(folder, 'agents.py');
  await writeFile(file, LATIN1);
});
afterEach(() => rm(folder, { recursive: true }));

test('a text is read from a file, or from a stream whose pieces end within a character', async () => {
  const bytes = Buffer.from('\ufeffür 1 €');
  await writeFile(file, bytes);
  expect(await readUtf8File(file)).toBe('ür 1 €');
  const pieces = [...bytes].map((byte) => Buffer.of(byte));
  expect(await readUtf8Stream(Readable.from(pieces), 'stdin')).toBe('ür 1 €');
});

test('a stream that is not UTF-8 is refused', async () => {
  await expect(readUtf8Stream(Readable.from([LATIN1]), 'stdin')).rejects.toMatchObject({
    code: 'HWINV',
    message: 'stdin:1:1: the file is not valid UTF-8 text',
    hint: expect.stringContaining('UTF-8'),
  });
});

test('each command that reads a file refuses one that is not UTF-8, and names it', async () => {
  for (const line of [
    ['apply', file],
    ['diff', file],
    ['dev', 'validate', file],
    ['dev', 'import', 'fast-agent', folder],
    ['dev', 'replay', file],
    ['dev', 'todo', '--apply', file],
    ['tools', 'import-openapi', file],
  ]) {
    const { status, stdout, stderr } = await runCli(db.url, ...line);
    expect([line, status, stdout, stderr]).toEqual([
      ...[line, 2, ''],
      expect.stringContaining(`${file}:1:1: the file is not valid UTF-8 text`),
    ]);
  }
});
