import { execFile } from 'node:child_process';
import {
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { CustomContext, CustomTool } from '../../../src/contracts/agents/tool.ts';
import { runCustomTool } from '../../../src/tools/custom/custom-tools.ts';
import { defineTool } from '../../../src/tools/custom/define-tool.ts';
import { openToolFolder } from '../../../src/tools/custom/tool-folder.ts';
import { type StartedCli, startCli } from '../../cli/run-cli.ts';
import { callTools, makeAgent, resultsOf, runToEnd } from '../../runtime/arrange.ts';
import { eventually, testDatabase } from '../../support/database.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const docs = readFileSync(join(ROOT, 'docs/tools.md'), 'utf8');
const EXAMPLE = /^```ts\n([\s\S]*?)^```/m.exec(docs)?.[1] ?? '';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'howdah-tools-'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
});
afterEach(() => {
  for (const name of written.splice(0)) rmSync(join(folder, name), { force: true });
});
afterAll(() => rmSync(folder, { recursive: true }));

const written: string[] = [];
/** Saves a file as editors do, by replacing it with a new file. */
function write(name: string, text: string): void {
  written.push(name);
  writeFileSync(join(folder, `.${name}`), text);
  renameSync(join(folder, `.${name}`), join(folder, name));
}

const tool = (name: string, says: string) =>
  `export const ${name} = { description: 'd', parameters: { type: 'object' }, run: () => '${says}' };\n`;

const context = { signal: new AbortController().signal } as unknown as CustomContext;

async function open(taken: string[] = [], accept = async (_tools: readonly CustomTool[]) => {}) {
  const said: string[] = [];
  const opened = await openToolFolder({
    path: folder,
    taken,
    accept,
    say: (line) => said.push(line.replaceAll(`${folder}/`, '')),
  });
  const results = () =>
    Promise.all(opened.tools.map(async (one) => `${one.name}: ${await one.run({}, context)}`));
  return { opened, said, results };
}

test('a file that failed to load is retried when it is saved unchanged', async () => {
  write('late.js', `export { late } from './_late.mjs';`);
  const { opened, said, results } = await open();
  expect(said[0]).toMatch(/^late\.js: Cannot find module /);
  write('_late.mjs', tool('late', 'here'));
  await opened.refresh();
  expect(said).toHaveLength(1);
  const later = new Date(Date.now() + 60_000);
  utimesSync(join(folder, 'late.js'), later, later);
  await opened.refresh();
  expect(said.slice(1)).toEqual(['late.js: late']);
  expect(await results()).toEqual(['late: here']);
});

test('a missing package is reported with where to install it', async () => {
  write('lost.ts', `import 'no-such-package-anywhere';`);
  const { said } = await open();
  expect(said[0]).toMatch(
    /Cannot find package 'no-such-package-anywhere' .*\(npm install no-such-package-anywhere in that folder or one above it/,
  );
});

test('an error that a tool leaves behind ends no worker, and any other does', async () => {
  const program = `
    const { surviveToolErrors } = await import('${ROOT}src/tools/custom/uncaught-tool-errors.ts');
    const { runCustomTool } = await import('${ROOT}src/tools/custom/custom-tools.ts');
    surviveToolErrors(console.log);
    const run = (name, run) => runCustomTool({ name, run }, {}, { signal: new AbortController().signal });
    const results = [
      await run('careless', () => (Promise.reject(new Error('floating')), 'ok')),
      await run('later', () => (setTimeout(() => { throw new Error('ticking') }, 1), 'ok')),
    ];
    setTimeout(() => {
      console.log(JSON.stringify(results));
      Promise.reject(new Error('not a tool'));
      setTimeout(() => console.log('never'), 50);
    }, 50);`;
  const ended = await promisify(execFile)(process.execPath, [
    '--input-type=module',
    '-e',
    program,
  ]).catch((error) => error);
  expect(ended.stdout).toMatch(
    /^the tool careless caused an unhandled error: .*floating[\s\S]*the tool later caused an unhandled error: .*ticking/,
  );
  expect(ended.stdout).toContain('[{"ok":true,"value":"ok"},{"ok":true,"value":"ok"}]');
  expect(ended.stdout).not.toContain('never');
  expect(ended.code).toBeGreaterThan(0);
  expect(ended.stderr).toContain('not a tool');
});

test('the example of docs/tools.md: zod validates, fills in defaults, and is exposed as JSON Schema', async () => {
  write('parcels.ts', EXAMPLE);
  const { opened, said } = await open();
  expect(said).toEqual(['parcels.ts: parcel_label']);
  const [label] = opened.tools as [CustomTool];
  expect(label).toMatchObject({
    name: 'parcel_label',
    effect: 'pure',
    parameters: {
      type: 'object',
      required: ['order'],
      properties: {
        order: { type: 'string', description: 'The number of the order' },
        copies: { default: 1 },
      },
    },
  });
  expect(await runCustomTool(label, { order: 'A-1' }, context)).toEqual({
    ok: true,
    value: ['label of A-1'],
  });
  expect(await runCustomTool(label, { order: 'B' }, context)).toEqual({
    ok: false,
    error: {
      code: 'invalid_arguments',
      message: expect.stringContaining('the arguments were not accepted: order: '),
      retryable: false,
    },
  });
});

test('defineTool types the arguments of run by zod, and rejects what only zod can check', async () => {
  const even = defineTool({
    name: 'half',
    description: 'Halves an even number.',
    parameters: z.object({ n: z.number().refine((n) => n % 2 === 0, 'is not even') }),
    run: ({ n }) => n / 2,
  });
  expect(await runCustomTool(even, { n: 4 }, context)).toEqual({ ok: true, value: 2 });
  expect(await runCustomTool(even, { n: 3 }, context)).toMatchObject({
    error: {
      code: 'invalid_arguments',
      message: 'the arguments were not accepted: n: is not even',
    },
  });
});

describe('a folder', () => {
  test('is reloaded where it changed; a faulty file keeps its last tools, reported once', async () => {
    write('a.ts', tool('one', 'first'));
    write('b.js', tool('two', 'second'));
    const { opened, said, results } = await open();
    expect(await results()).toEqual(['one: first', 'two: second']);
    write('a.ts', tool('one', 'changed') + tool('three', 'new'));
    await opened.refresh();
    write('b.js', 'export const two = {');
    await opened.refresh();
    await opened.refresh();
    expect(await results()).toEqual(
      ['two: second', 'one: changed', 'three: new'].toSorted((x, y) => order(x) - order(y)),
    );
    expect(said).toEqual([
      'a.ts: one',
      'b.js: two',
      'a.ts: one, three',
      expect.stringMatching(/^b\.js: .*; its previous tools are kept$/),
    ]);
    rmSync(join(folder, 'a.ts'));
    await opened.refresh();
    expect(await results()).toEqual(['two: second']);
    expect(said.at(-1)).toBe('a.ts: was deleted; its tools are removed');
  });

  const order = (said: string) => ['one', 'three', 'two'].indexOf(said.split(':')[0] ?? '');

  test.each([
    ['x.ts', 'export const a = 1;', 'it does not export a tool'],
    [
      'x.ts',
      `export const a = { run: () => 1, parameters: { type: 'object' } };`,
      'a: description',
    ],
    [
      'x.ts',
      `export const a = { run: () => 1, description: 'd' };`,
      'a: parameters must be a zod object or the JSON Schema',
    ],
    [
      'x.ts',
      `export const a = { parameters: { type: 'object' }, description: 'd' };`,
      'a: run must be a function',
    ],
    ['x.ts', tool('a', 'x').replace('run', "name: 'a b', run"), 'a: name must be 1 to 64 letters'],
    ['x.ts', tool('a', 'x').replace('run', "efect: 'pure', run"), 'efect'],
    ['x.ts', tool('taken', 'x'), 'another tool is already named taken'],
    ['x.ts', `import './nowhere.ts';`, 'nowhere.ts'],
    ['x.ts', `throw new Error('not today');`, 'not today'],
    [
      'x.ts',
      `import { z } from 'zod'; export const a = { description: 'd', parameters: z.string(), run: () => 1 };`,
      'a: parameters must be a zod object',
    ],
    [
      'x.ts',
      `import { z } from 'zod'; export const a = { description: 'd', parameters: z.object({ a: z.date() }), run: () => 1 };`,
      'Date',
    ],
  ])('%s with %s reports what is wrong: %s', async (name, text, message) => {
    write(name, text);
    const { opened, said } = await open(['taken']);
    expect(said).toEqual([expect.stringContaining(message)]);
    expect(said[0]).toMatch(/^x\.ts: [^\n]*$/);
    expect(opened.tools).toEqual([]);
  });

  test('ignores files that are not tools, and keeps the old tools when new ones are rejected', async () => {
    for (const name of ['_part.ts', 'a.test.ts', 'a.d.ts', 'notes.md']) write(name, 'nonsense (');
    write('a.ts', tool('one', 'first'));
    let isRefused = false;
    const { opened, said, results } = await open([], async () => {
      if (isRefused) throw new Error('the database says no');
    });
    isRefused = true;
    write('a.ts', tool('one', 'second'));
    await opened.refresh();
    expect(said).toEqual(['a.ts: one', 'a.ts: the database says no; its previous tools are kept']);
    expect(await results()).toEqual(['one: first']);
  });

  test('that does not exist is rejected', async () => {
    await expect(
      openToolFolder({
        path: join(folder, 'nowhere'),
        taken: [],
        accept: async () => {},
        say() {},
      }),
    ).rejects.toMatchObject({ code: 'HWNTF', message: expect.stringContaining('cannot be read') });
  });
});

describe('howdah worker --tools FOLDER --watch', () => {
  const database = testDatabase();
  let cli: StartedCli | undefined;

  afterAll(async () => {
    cli?.interrupt();
    await cli?.end();
  });

  const until = async (line: string) => {
    await expect.poll(() => cli?.stderr(), { timeout: 60_000 }).toContain(line);
  };

  test('calls the current version of the files, and rejects the name of a built-in tool', {
    timeout: 300_000,
  }, async () => {
    const { pool, url } = database;
    write('greet.ts', tool('greet', 'hello'));
    write('todo.ts', tool('todo', 'x'));
    cli = startCli(url, 'worker', '--tools', folder, '--watch');
    await until('Howdah is ready');
    expect(cli.stderr()).toContain('greet.ts: greet\n');
    expect(cli.stderr()).toContain('todo.ts: todo is already the name of a tool in the database');
    const agent = await makeAgent(pool, {
      script: [callTools({ name: 'greet' }), { content: 'done' }],
      tools: ['greet'],
    });
    const readResults = async () => resultsOf(pool, (await runToEnd(pool, agent)).id);
    expect(await readResults()).toEqual(['hello']);
    write('greet.ts', tool('greet', 'good day').replace("'d'", "'Greets.'"));
    await eventually(
      pool,
      'its row is changed',
      `select from howdah.tools where name = 'greet' and description = 'Greets.'`,
    );
    await expect
      .poll(() => cli?.stderr().split('greet.ts: greet\n').length, { timeout: 60_000 })
      .toBe(3);
    expect(await readResults()).toEqual(['good day']);
    write('greet.ts', 'export const greet = (');
    await until('its previous tools are kept');
    expect(await readResults()).toEqual(['good day']);
  });

  test('--watch without a folder is rejected', async () => {
    const refused = startCli(database.url, 'worker', '--watch');
    expect(await refused.end()).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--tools'),
    });
  });
});
