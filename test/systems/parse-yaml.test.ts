import { expect, test, vi } from 'vitest';
import { ThreadPool } from '../../src/concurrency/thread-pool.ts';
import { functionsIn } from '../../src/db/function-text.ts';
import { readSystems } from '../../src/systems/apply.ts';
import { localReader, threadReader } from '../../src/systems/file-reader.ts';
import { parseYaml } from '../../src/systems/parse-yaml.ts';
import { readFile } from '../../src/systems/read-file.ts';
import { shapeFaults } from '../../src/systems/shape.ts';
import { hostileYaml, plainYaml } from '../support/hostile-bodies.ts';

const SIZE = 50_000;
/**
 * A hostile text may take this many times as long as a plain one. Quadratic time takes a hundred
 * times.
 */
const MARGIN = 20;

/** Returns the least processor time of three runs, in milliseconds. */
function cost(work: () => void): number {
  const times = [0, 1, 2].map(() => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

function readAndCheck(text: string): void {
  const { document, faults } = readFile(text);
  if (faults.length > 0) return;
  const found = shapeFaults(document);
  expect(found.length).toBeLessThanOrEqual(100);
}

let plainMs: number | undefined;
const plain = () => {
  plainMs ??= cost(() => readAndCheck(plainYaml(SIZE)));
  return plainMs;
};

test.each(Object.entries(hostileYaml(SIZE)))(
  '%s: is read at the price of a plain file',
  (_, text) => {
    expect(cost(() => readAndCheck(text))).toBeLessThan(MARGIN * Math.max(plain(), 20));
  },
);

test('what has too many tokens or aliases, or is nested too deep, is refused before it is parsed', () => {
  const bounds = { bytes: 1024 * 1024, tokens: 1_000, isJson: false };
  const messageOf = (text: string) => parseYaml(text, bounds).faults.map(({ message }) => message);
  expect(messageOf('- a\n'.repeat(1_000))).toEqual([
    'the file has over 1000 keys, values and marks: make several systems of it',
  ]);
  const aliases = (count: number) => `a: &a 1\nb: [${'*a,'.repeat(count)}]`;
  expect(messageOf(aliases(301))).toEqual([
    'it has over 300 aliases: write out what they stand for',
  ]);
  expect(messageOf(aliases(300))).toEqual([]);
  for (const text of ['['.repeat(101), '{a: '.repeat(101), '- '.repeat(102), '? '.repeat(102)]) {
    expect(messageOf(text)).toEqual(['it is nested too deep']);
  }
  expect(messageOf(`a: |\n${'  [[[[ - - - - {{{{\n'.repeat(50)}`)).toEqual([]);
  expect(
    messageOf(`a: '${'['.repeat(500)}'\nb: "${'{'.repeat(500)}"\n# ${'['.repeat(500)}`),
  ).toEqual([]);
});

test('all there is of a file is plain data, which can be sent to a thread and back', () => {
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

test('a place is that of the nearest there is', () => {
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
])('a key that stands twice is told with both places: %j', (text, first, line) => {
  const [fault, ...more] = readFile(text, { name: 'x.yaml' }).faults;
  expect(fault).toMatchObject({
    line,
    message: expect.stringContaining(`at ${first}: rename one`),
  });
  expect(more).toEqual([]);
});

test('functions of a text are found in one pass', async () => {
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

/** Texts below all limits that take longest to read, to check or to parse as SQL. */
const LARGEST: Record<string, string> = {
  'a list': `version: v1\nname: x\na: [${'a,'.repeat(24_000)}]`,
  'aliases of a large anchor': `a: &a [${'x,'.repeat(16_000)}]\nb: [*a,*a,*a]`,
  'agents that are none': `version: v1\nname: x\nagents: {${Array.from({ length: 15_000 }, (_, i) => `a${i}: 1`)}}`,
  'statements in a function': `version: v1\nname: x\nfunctions: {f: {definition: "${'select 1;'.repeat(40_000)}"}}`,
};

test.each(Object.entries(LARGEST))('%s: a large file is read in a thread', async (_, text) => {
  const files = [{ name: 'x.yaml', text }];
  const threads = new ThreadPool({ size: 1 });
  const run = vi.spyOn(threads, 'run');
  const here = await readSystems(files, localReader);
  expect(run).not.toHaveBeenCalled();
  const there = await readSystems(files, threadReader('a tenant', { threads }));
  expect(run).toHaveBeenCalled();
  const plain = (all: typeof here) =>
    all.map(({ read, checked }) => [read.document, read.faults, checked]);
  expect(plain(there)).toEqual(plain(here));
});

test('many small files of one request are read in a thread, too', async () => {
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

test('a file that takes too long is refused by its name', async () => {
  const file = { name: 'slow.yaml', text: String(LARGEST['a list']) };
  const reading = readSystems([file], threadReader('a tenant', { deadline_ms: 1 }));
  await expect(reading).rejects.toMatchObject({
    code: 'HWINV',
    message: expect.stringContaining('slow.yaml takes more than'),
  });
});
