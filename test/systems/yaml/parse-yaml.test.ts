import { expect, test, vi } from 'vitest';
import { ThreadPool } from '../../../src/concurrency/thread-pool.ts';
import { functionsIn } from '../../../src/db/schema/parse-create-function.ts';
import { readSystems } from '../../../src/systems/apply.ts';
import { threadReader } from '../../../src/systems/file-reader.ts';
import { readFile } from '../../../src/systems/read-file.ts';
import { parseYaml } from '../../../src/systems/yaml/parse-yaml.ts';

test('a file with too many tokens, aliases or levels is rejected before parsing', () => {
  const bounds = { bytes: 1024 * 1024, tokens: 1_000, isJson: false };
  const messageOf = (text: string) => parseYaml(text, bounds).faults.map(({ message }) => message);
  expect(messageOf('- a\n'.repeat(1_000))).toEqual([
    'the file has more than 1000 keys, values and marks: split it into several systems',
  ]);
  const aliases = (count: number) => `a: &a 1\nb: [${'*a,'.repeat(count)}]`;
  expect(messageOf(aliases(301))).toEqual(['it has more than 300 aliases: write out their values']);
  expect(messageOf(aliases(300))).toEqual([]);
  for (const text of ['['.repeat(101), '{a: '.repeat(101), '- '.repeat(102), '? '.repeat(102)]) {
    expect(messageOf(text)).toEqual(['it is nested too deep']);
  }
  expect(messageOf(`a: |\n${'  [[[[ - - - - {{{{\n'.repeat(50)}`)).toEqual([]);
  expect(
    messageOf(`a: '${'['.repeat(500)}'\nb: "${'{'.repeat(500)}"\n# ${'['.repeat(500)}`),
  ).toEqual([]);
});

test('a parsed file is plain data that can be sent to a thread and back', () => {
  const bounds = { bytes: 1_000, tokens: 1_000, isJson: false };
  const parsed = parseYaml('a: [1, {b: two}]\n"c/d": {e: }\n', bounds);
  expect(structuredClone(parsed)).toEqual(parsed);
  expect(parsed.document).toEqual({ a: [1, { b: 'two' }], 'c/d': { e: null } });
  expect([...parsed.places.keys()]).toEqual([
    '',
    '/a',
    '/a/0',
    '/a/1',
    '/a/1/b',
    '/c~1d',
    '/c~1d/e',
  ]);
});

test('locate() returns the position of the nearest existing node', () => {
  const { locate } = readFile('a:\n  - b: 1\n    c: [x, y]\n');
  const at = (pointer: string, key?: boolean) => Object.values(locate(pointer, key));
  expect(at('/a/0/c/1')).toEqual([3, 12]);
  expect(at('/a/0/c/7')).toEqual([3, 5]);
  expect(at('/a/0/b')).toEqual([2, 8]);
  expect(at('/a/0/b', true)).toEqual([2, 5]);
  expect(at('/d')).toEqual([1, 1]);
});

test.each([
  ['a: 1\nb: 2\na: 3', 'x.yaml:1:1', 3],
  ['{a: 1,\n "a": 2}', 'x.yaml:1:2', 2],
  ['1: x\n"1": y', 'x.yaml:1:1', 2],
])('a duplicate key is reported with both positions: %j', (text, first, line) => {
  const [fault, ...more] = readFile(text, { name: 'x.yaml' }).faults;
  expect(fault).toMatchObject({
    line,
    message: expect.stringContaining(`at ${first}: rename one`),
  });
  expect(more).toEqual([]);
});

test('the functions in a text are found in one pass', async () => {
  const text = (count: number) =>
    Array.from(
      { length: count },
      (_, i) => `-- é\n create function f${i}() returns int return ${i};`,
    ).join('\n');
  const { functions, faults } = await functionsIn(text(3));
  expect(faults).toEqual([]);
  expect(functions.map(({ name, line, column }) => [name, line, column])).toEqual([
    ['f0', 2, 2],
    ['f1', 4, 2],
    ['f2', 6, 2],
  ]);
  const wrong = await functionsIn('select 1;'.repeat(20_000));
  expect(wrong.faults).toHaveLength(20);
  expect(wrong.faults[1]).toMatchObject({ line: 1, column: 10 });
});

test('many small files of one request are read in a thread as well', async () => {
  const threads = new ThreadPool({ size: 1 });
  const run = vi.spyOn(threads, 'run');
  const reader = threadReader('a tenant', { threads });
  const text = `version: v1\nname: x\ndescription: ${'x'.repeat(4_000)}`;
  const calls: number[] = [];
  for (let count = 0; count < 4; count += 1) {
    await readSystems([{ name: 'x.yaml', text }], reader);
    calls.push(run.mock.calls.length);
  }
  expect(calls).toEqual([0, 0, 2, 4]);
});
