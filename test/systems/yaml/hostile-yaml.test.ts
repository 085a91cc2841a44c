import { expect, test, vi } from 'vitest';
import { ThreadPool } from '../../../src/concurrency/thread-pool.ts';
import { readSystems } from '../../../src/systems/apply.ts';
import { localReader, threadReader } from '../../../src/systems/file-reader.ts';
import { readFile } from '../../../src/systems/read-file.ts';
import { shapeFaults } from '../../../src/systems/schema/schema-errors.ts';
import { hostileYaml, plainYaml } from '../../fixtures/hostile-bodies.ts';
import { countWork } from '../../support/work/count-work.ts';
import { finish } from '../../support/work/finish.ts';

const SIZE = 50_000;
function readAndCheck(text: string): void {
  const { document, faults } = readFile(text);
  if (faults.length > 0) return;
  const found = shapeFaults(document);
  expect(found.length).toBeLessThanOrEqual(100);
}

let plain: Promise<number> | undefined;

test.each(Object.entries(hostileYaml(SIZE)))(
  '%s: costs no more than a plain file',
  async (_, text) => {
    plain ??= countWork(() => readAndCheck(plainYaml(SIZE)));
    const work = await countWork(() => finish(() => readAndCheck(text)));
    expect(work).toBeLessThan(2 * (await plain)); // quadratic work would be a thousand times as much
  },
);

/** Texts within all limits that take longest to read, to check or to parse as SQL. */
const LARGEST: Record<string, string> = {
  'a list': `version: v1\nname: x\na: [${'a,'.repeat(24_000)}]`,
  'aliases of a large anchor': `a: &a [${'x,'.repeat(16_000)}]\nb: [*a,*a,*a]`,
  'agents that are not objects': `version: v1\nname: x\nagents: {${Array.from({ length: 15_000 }, (_, i) => `a${i}: 1`)}}`,
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

test('a file that takes too long is rejected by its name', async () => {
  const file = { name: 'slow.yaml', text: String(LARGEST['a list']) };
  const reading = readSystems([file], threadReader('a tenant', { deadline_ms: 1 }));
  await expect(reading).rejects.toMatchObject({
    code: 'HWINV',
    message: expect.stringContaining('slow.yaml takes more than'),
  });
});
