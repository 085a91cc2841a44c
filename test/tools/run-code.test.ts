import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { ThreadPool } from '../../src/concurrency/thread-pool.ts';
import type { BuiltinContext, ToolOutcome } from '../../src/contracts/agents/tool.ts';
import type { MadeFile, RunFiles } from '../../src/contracts/runs/run-files.ts';
import type { Trust } from '../../src/contracts/runs/trust.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { ESCAPES, escapeJob, outcomeText } from '../../src/tools/run-code/escape-attempts.ts';
import { interpret } from '../../src/tools/run-code/javascript/interpreter.ts';
import { createJavascript } from '../../src/tools/run-code/javascript/javascript.ts';
import type { CodeJob } from '../../src/tools/run-code/job.ts';
import { seccompFilter } from '../../src/tools/run-code/python/seccomp.ts';
import { codeLanguages, runCodeTool } from '../../src/tools/run-code.ts';

// The sandbox of code: its capabilities, its limits, and known attacks with their results.

/** Path of a bubblewrap program that is not in the PATH. */
const { HOWDAH_TEST_BWRAP } = process.env;
const options = HOWDAH_TEST_BWRAP === undefined ? {} : { bwrap: HOWDAH_TEST_BWRAP };

const tool = runCodeTool(options);
const languages = codeLanguages(options);
const never = new AbortController().signal;
const context = (signal: AbortSignal = never, files?: RunFiles) =>
  ({ signal, files, tenant_id: 'tenant', idempotency_key: 'run:1:call' }) as BuiltinContext;

const works = await languages.python?.(
  {
    ...escapeJob({ code: '1 + 1', expected: '2' }),
    memory_mb: 64,
  },
  never,
  'tenant',
);
/** Creates threads, and returns them with a function that runs a job in them. */
function javascriptThreads(size: number) {
  const threads = new ThreadPool({ size });
  const javascript = createJavascript(threads);
  const run = (job: CodeJob, signal: AbortSignal) => javascript(job, signal, 'tenant');
  return { run, idle: threads.idle };
}
const noPython = works && 'message' in works ? works.message : undefined;
if (noPython !== undefined) console.log(`Tests of Python are skipped. ${noPython}`);

type TestFile = { name: string; content: string | Buffer; trust?: Trust };

/** Files of a run, in memory. Input files have the trust that they declare. */
class TestFiles implements RunFiles {
  readonly stored: MadeFile[] = [];
  readonly #inputs: readonly TestFile[];

  constructor(...inputs: TestFile[]) {
    this.#inputs = inputs;
  }

  async find(words: readonly string[]) {
    const value = words.map((word) => {
      const id = this.#inputs.findIndex(({ name }) => name === word);
      const { name, content, trust = 'internal' } = this.#inputs[id] as TestFile;
      return { id: String(id), name, bytes: Buffer.byteLength(content), trust };
    });
    return { ok: true as const, value };
  }

  async load(id: string) {
    const { name, content } = this.#inputs[Number(id)] as TestFile;
    const bytes = Buffer.from(content as Buffer);
    return { ok: true as const, value: { name, type: 'x/y', is_text: true, bytes, sha256: '' } };
  }

  async keep(files: readonly MadeFile[]) {
    this.stored.push(...files);
    const value = files.map(({ name, type, bytes }, n) => ({
      ...{ id: String(n), name, type, bytes: bytes.byteLength },
    }));
    return { ok: true as const, value };
  }

  /** Contents of the stored files, as text. */
  get texts(): Record<string, string> {
    return Object.fromEntries(this.stored.map(({ name, bytes }) => [name, bytes.toString('utf8')]));
  }
}

function runCode(
  language: string,
  code: string,
  {
    data = null,
    configuration = {},
    signal = never,
    files,
    resources = [],
  }: {
    data?: JsonObject | null;
    files?: RunFiles;
    resources?: string[];
    configuration?: JsonObject;
    signal?: AbortSignal;
  } = {},
): Promise<ToolOutcome> {
  return tool.run({ language, code, data, resources }, context(signal, files), configuration);
}

const javascript = (code: string, more?: Parameters<typeof runCode>[2]) =>
  runCode('javascript', code, more);
const python = (code: string, more?: Parameters<typeof runCode>[2]) =>
  runCode('python', code, more);

describe('JavaScript', () => {
  test.each([
    ['the value of the last expression', 'const a = 20;\na * 2 + 2', 42],
    [
      'the value of a return at the top level',
      'if (data.n > 1) { return [data.n] }\nreturn 0',
      [7],
    ],
    ['an awaited value', 'const a = await Promise.resolve(5);\na + 1', 6],
    [
      'the value of a promise at the end',
      'async function main() { return { n: data.n } }\nmain()',
      { n: 7 },
    ],
    ['null for a program without a value', 'let a = 1;', null],
    [
      'values that have no JSON form',
      '[new Map([[1, 2n]]), new Set([3]), NaN]',
      [[[1, '2']], [3], null],
    ],
    ['text with any characters', '"\u{1f600}\\u0000é"', '\u{1f600}\u0000é'],
  ])('returns %s', async (_, code, result) => {
    expect(await javascript(code, { data: { n: 7 } })).toEqual({
      ok: true,
      value: { result, stdout: '' },
    });
  });

  test('returns printed output in order', async () => {
    expect(
      await javascript('console.log("a", 1, { b: [2] });\nconsole.error(undefined);\n3'),
    ).toEqual({
      ok: true,
      value: { result: 3, stdout: 'a 1 {"b":[2]}\nundefined' },
    });
  });

  test.each([
    ['an unknown name', 'let x = 1;\n  foo.bar', /^ReferenceError: 'foo' is not defined/, 2, 3],
    ['a syntax error', 'let a = 1;\nlet x = ;', /^SyntaxError: /, 2, 9],
    [
      'an exception in a function',
      'function f() {\n  throw new TypeError("bad")\n}\nf()',
      /^TypeError: bad/,
      2,
      22,
    ],
    ['an unknown name after a return at the top level', 'return foo', /^ReferenceError: /, 1, 8],
  ])('reports what is wrong and where: %s', async (_, code, message, line, column) => {
    const outcome = await javascript(code);
    expect(outcome).toMatchObject({
      ok: false,
      error: { code: 'tool_failed', retryable: false, cause: { line, column, stdout: '' } },
    });
    const said = outcome.ok ? '' : outcome.error.message;
    expect(said).toMatch(message);
    expect(said).toContain(`(line ${line}, column ${column})`);
  });

  test.each([
    ['a thrown value that is not an error', 'throw { a: 1 }', /^thrown: \{"a":1\}$/],
    ['a circular result', 'const a = {}; a.a = a; a', /circular/],
    [
      'a promise that never settles',
      'await new Promise(() => {})',
      /awaits something that never comes/,
    ],
  ])('reports %s', async (_, code, message) => {
    expect(await javascript(code)).toMatchObject({
      error: { code: 'tool_failed', message: expect.stringMatching(message) },
    });
  });

  test('returns the beginning of long output, whatever the result of the code', async () => {
    const outcome = await javascript('console.log("début".repeat(10000)); throw new Error("no")');
    const { stdout } = (outcome.ok ? {} : outcome.error.cause) as { stdout: string };
    expect(stdout).toMatch(/^débutdé/);
    expect(stdout).toMatch(/\[cut off after 16384 bytes\]$/);
    expect(Buffer.byteLength(stdout)).toBeLessThan(17_000);
  });

  test('code that replaces all built-ins can only break itself', async () => {
    const code = `JSON.stringify = () => 'no'; JSON.parse = null; Array.prototype.map = () => [];
      String.prototype.slice = () => 'x'.repeat(1e5); Object.prototype.fault = 'lost'; globalThis.console = 1;
      Promise.prototype.then = null; 5`;
    await javascript(code);
    expect(await javascript('console.log([1].map(String)); ({}).fault ?? 5')).toEqual({
      ok: true,
      value: { result: 5, stdout: '["1"]' },
    });
  });

  test('a job leaves nothing behind for the next one in its thread', async () => {
    const { run, idle } = javascriptThreads(1);
    const job = escapeJob({ code: 'globalThis.left = 1; Array.prototype.left = 1', expected: '1' });
    await run(job, never);
    const [first] = idle;
    const report = await run({ ...job, code: '[typeof left, typeof [].left]' }, never);
    expect(outcomeText(report)).toBe('["undefined","undefined"]');
    expect([...idle]).toEqual([first]);
    await first?.terminate();
  });
});

describe('limits', () => {
  test('of time apply, and leave the thread intact', async () => {
    await javascript('1');
    const endless = 'console.log("begun"); for (;;) {}';
    expect(await javascript(endless, { configuration: { timeout_ms: 200 } })).toMatchObject({
      error: {
        code: 'timeout',
        message: 'the code was stopped: it took more than 200 ms',
        retryable: false,
        cause: { stdout: 'begun' },
      },
    });
    expect(await javascript('1')).toMatchObject({ ok: true });
  });

  test('of time end a thread whose code the interpreter does not interrupt', async () => {
    const { run, idle } = javascriptThreads(1);
    const job = escapeJob({ code: '1', expected: '1' });
    await run(job, never);
    // takes minutes, in a single step
    const code = '"a".repeat(1e7).indexOf("a".repeat(5e6) + "b")';
    expect(outcomeText(await run({ ...job, code, timeout_ms: 200 }, never))).toBe('time');
    expect(idle.size).toBe(0);
    expect(outcomeText(await run(job, never))).toBe('1');
    await Promise.all([...idle].map((worker) => worker.terminate()));
  });

  test('of memory are set by the configuration', async () => {
    const code =
      'const a = []; for (let i = 0; i < 60; i += 1) a.push(new Uint8Array(1e6)); a.length';
    expect(await javascript(code, { configuration: { memory_mb: 32 } })).toMatchObject({
      error: { message: 'the code was stopped: it needed more than 32 MB of memory' },
    });
    expect(await javascript(code, { configuration: { memory_mb: 128 } })).toMatchObject({
      value: { result: 60 },
    });
  });

  test.each([
    [
      'rejects with null',
      'async function f() { await null; for (;;) kept.push({ n: [1] }); } await f()',
    ],
    [
      'is one of a million',
      'Promise.all(Array.from({ length: 1e6 }, (_, n) => new Promise((r) => r(Array(100).fill(n)))))',
    ],
    [
      'never settles',
      'Promise.resolve(1).then(() => { for (;;) kept.push(new Uint8Array(1000)); }).then(() => 2)',
    ],
    [
      'is awaited with others',
      'const f = () => Promise.resolve().then(() => { for (;;) kept.push([1]); }); await Promise.all([f(), f()])',
    ],
  ])('of memory apply in a promise that %s', async (_, code) => {
    const program = `globalThis.kept = [];\n${code}`;
    expect(await javascript(program, { configuration: { memory_mb: 32 } })).toMatchObject({
      error: { message: 'the code was stopped: it needed more than 32 MB of memory' },
    });
  });

  test('of memory are not blamed for what the code itself throws or awaits', async () => {
    expect(await javascript('throw null')).toMatchObject({
      error: { message: expect.stringContaining('thrown: null') },
    });
    expect(
      await javascript('const a = Array(1e6).fill(1); await new Promise(() => {})'),
    ).toMatchObject({
      error: { message: expect.stringContaining('something that never comes') },
    });
  });

  test.each([
    ['timeout_ms', 99],
    ['timeout_ms', 60_001],
    ['timeout_ms', '1000'],
    ['memory_mb', 31],
    ['memory_mb', 513],
    ['memory_mb', 64.5],
  ])('%s of %j is rejected', async (name, value) => {
    expect(await javascript('1', { configuration: { [name]: value } })).toMatchObject({
      error: { code: 'tool_failed', message: expect.stringContaining(`configuration.${name}`) },
    });
  });

  test('an unknown language is rejected with a list of those available', async () => {
    for (const language of ['ruby', 'constructor', '']) {
      expect(await runCode(language, '1')).toMatchObject({
        error: {
          code: 'invalid_arguments',
          message: expect.stringContaining('javascript, python'),
        },
      });
    }
  });
});

const MB = 1024 * 1024;
/** A program in each language, with equal effects. */
const LANGUAGES = [
  ['JavaScript', javascript, false],
  ['Python', python, noPython !== undefined],
] as const;

describe.each(LANGUAGES)('files of %s', (language, run, isSkipped) => {
  const write = (name: string, content: string) =>
    language === 'Python'
      ? `open(${JSON.stringify(name)}, "w", newline="").write(${content}); None`
      : `files.write(${JSON.stringify(name)}, ${content}); null`;
  const it = test.skipIf(isSkipped);

  it('are returned with types by their names, and only new ones', async () => {
    const files = new TestFiles({ name: 'in.csv', content: 'a,b\n1,2\n' });
    const code =
      language === 'Python'
        ? `text = open("in.csv").read()
open("out.md", "w").write("# " + text)
open("pixel.png", "wb").write(bytes.fromhex("89504e470d0a1a0a"))
open("no.png", "w").write("no")
open("nothing", "w").close()
len(text)`
        : `const text = files.read("in.csv");
files.write("out.md", "# " + text);
files.write("pixel.png", new Uint8Array([0, 0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]).subarray(1));
files.write("no.png", "no");
files.write("nothing", "");
text.length`;
    expect(await run(code, { files, resources: ['in.csv'] })).toEqual({
      ok: true,
      trust: 'internal',
      value: {
        result: 8,
        stdout: '',
        files: expect.arrayContaining([
          { id: expect.any(String), name: 'out.md', type: 'text/markdown', bytes: 10 },
          { id: expect.any(String), name: 'pixel.png', type: 'image/png', bytes: 8 },
          { id: expect.any(String), name: 'no.png', type: 'application/octet-stream', bytes: 2 },
          { id: expect.any(String), name: 'nothing', type: 'application/octet-stream', bytes: 0 },
        ]),
      },
    });
    expect(files.stored).toHaveLength(4);
    expect(files.texts['out.md']).toBe('# a,b\n1,2\n');
  });

  it('contain any text and any bytes', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
    const files = new TestFiles({ name: 'all', content: bytes });
    const code =
      language === 'Python'
        ? `open("copy", "wb").write(open("all", "rb").read())
open("text", "w").write("\\0é\\U0001f600")`
        : `files.write("copy", files.bytes("all")); files.write("text", "\\0é\\u{1f600}")`;
    await run(code, { files, resources: ['all'] });
    expect(files.stored.find(({ name }) => name === 'copy')?.bytes).toEqual(bytes);
    expect(files.texts.text).toBe('\0é\u{1f600}');
  });

  it('that were inputs and changed are returned with their new content', async () => {
    const files = new TestFiles({ name: 'a.txt', content: 'one' }, { name: 'b.txt', content: 'b' });
    await run(write('a.txt', '"two"'), { files, resources: ['a.txt', 'b.txt'] });
    expect(files.texts).toEqual({ 'a.txt': 'two' });
  });

  it('of a program that fails are not returned', async () => {
    const files = new TestFiles();
    expect(await run(`${write('a.txt', '"one"')}\nnope`, { files })).toMatchObject({ ok: false });
    expect(files.stored).toEqual([]);
  });

  it.each([
    ['too many files', 20, 1],
    ['files that are too large together', 2, 5 * MB],
    ['files that are too large on their own', 0, 8 * MB + 1],
  ])('%s are rejected, and none is stored', async (_, last, bytes) => {
    const files = new TestFiles();
    const [text, loop] =
      language === 'Python'
        ? [`"x" * ${bytes}`, `for n in range(${last + 1}): open(f"f{n}", "w").write(text)`]
        : [
            `"x".repeat(${bytes})`,
            `for (let n = 0; n <= ${last}; n += 1) files.write("f" + n, text)`,
          ];
    const code =
      language === 'Python' ? `text = ${text}\n${loop}` : `const text = ${text};\n${loop}`;
    const configuration = { memory_mb: 256 };
    expect(await run(code, { files, configuration })).toMatchObject({
      ok: false,
      error: {
        message: expect.stringMatching(
          last === 20 ? /at most 20 files come back/ : /8388608 (come back|bytes together)/,
        ),
      },
    });
    expect(files.stored).toEqual([]);
  });

  it('of exactly the limit are returned', async () => {
    const files = new TestFiles();
    const half = language === 'Python' ? `"x" * ${4 * MB}` : `"x".repeat(${4 * MB})`;
    const code = `${write('a', half)}\n${write('b', half)}`;
    expect(await run(code, { files })).toMatchObject({ ok: true });
    expect(files.stored.map(({ bytes }) => bytes.byteLength)).toEqual([4 * MB, 4 * MB]);
  });

  it.each(['../x', '/x', 'a/b', '..', 'a\\b', 'a\u0007', ' ', 'é'.repeat(101)])(
    'cannot be named %j',
    async (name) => {
      const files = new TestFiles();
      expect(await run(write(name, '"x"'), { files })).toMatchObject({ ok: false });
      expect(files.stored).toEqual([]);
    },
  );

  it('passed to the program lower the trust of its result to their own', async () => {
    const files = new TestFiles({ name: 'a', content: 'x', trust: 'external' });
    expect(await run('1', { files, resources: ['a'] })).toMatchObject({ trust: 'external' });
    expect(await run('nope', { files, resources: ['a'] })).toMatchObject({
      ok: false,
      trust: 'external',
    });
  });

  it('cannot be inputs when too large, or without a usable file name', async () => {
    for (const [name, size, message] of [
      ['large', 8 * MB + 1, /8388609 bytes together/],
      ['a/b', 1, /no name of a file/],
    ] as const) {
      const files = new TestFiles({ name, content: Buffer.alloc(size) });
      expect(await run('1', { files, resources: [name] })).toMatchObject({
        ok: false,
        error: { code: 'invalid_arguments', message: expect.stringMatching(message) },
      });
    }
  });
});

describe('files of JavaScript', () => {
  test('are created as the documentation shows', async () => {
    const page = readFileSync(new URL('../../docs/code.md', import.meta.url), 'utf8');
    const code = /```js\n(.*?)```/s.exec(page)?.[1] ?? '';
    const content = 'order,status\nA-1,late\nA-2,sent\nA-3,late\n';
    const files = new TestFiles({ name: 'orders.csv', content });
    expect(await javascript(code, { files, resources: ['orders.csv'] })).toMatchObject({
      value: { result: 3 },
    });
    expect(files.texts).toEqual({ 'late.csv': 'A-1,late\nA-3,late' });
  });

  test('can be read, listed and overwritten by the program', async () => {
    const files = new TestFiles({ name: 'a', content: 'one' });
    const code = `const before = files.list(); files.write("a", "three"); files.write("b", new ArrayBuffer(2), "x/y");
      [before, files.list(), files.read("a"), files.bytes("b").length]`;
    expect(await javascript(code, { files, resources: ['a'] })).toMatchObject({
      value: {
        result: [
          [{ name: 'a', bytes: 3 }],
          [
            { name: 'a', bytes: 5 },
            { name: 'b', bytes: 2 },
          ],
          'three',
          2,
        ],
      },
    });
    expect(files.stored.map(({ type }) => type)).toEqual(['application/octet-stream', 'x/y']);
  });

  test.each([
    ['an unknown file', 'files.read("b")', /no file "b", but a: name files/],
    [
      'binary content read as text',
      'files.read("a")',
      /"a" is no text in UTF-8: read it by files.bytes/,
    ],
    ['an invalid type', 'files.write("b", "", "csv")', /"csv" is no MIME type/],
    [
      'content that is neither text nor bytes',
      'files.write("b", [1])',
      /is no text and no Uint8Array/,
    ],
  ])('report what is wrong, and where: %s', async (_, code, message) => {
    const files = new TestFiles({ name: 'a', content: Buffer.from([0xff]) });
    const outcome = await javascript(`let n = 1;\n${code}`, { files, resources: ['a'] });
    expect(outcome).toMatchObject({ ok: false, error: { cause: { line: expect.any(Number) } } });
    expect(outcome.ok ? '' : outcome.error.message).toMatch(message);
  });

  test('the code may declare a variable named files', async () => {
    expect(await javascript('const files = [1]; files.length')).toMatchObject({
      value: { result: 1 },
    });
  });

  test('count toward the memory limit of the sandbox', async () => {
    const content = Buffer.alloc(8 * MB, 'x');
    const code = 'const all = []; for (;;) all.push(files.bytes("a"))';
    const files = () => new TestFiles({ name: 'a', content });
    const options = { configuration: { memory_mb: 32 }, resources: ['a'] };
    const stopped = { error: { message: expect.stringContaining('more than 32 MB of memory') } };
    expect(await javascript(code, { ...options, files: files() })).toMatchObject(stopped);
    const texts = code.replace('bytes', 'read');
    expect(await javascript(texts, { ...options, files: files() })).toMatchObject(stopped);
  });
});

describe.skipIf(noPython !== undefined)('files of Python', () => {
  test.each([
    [
      'a symbolic link',
      'os.symlink("/usr/bin/python3", "a")',
      /only plain files come back.*'a' is none/,
    ],
    ['a folder', 'os.mkdir("a")', /only plain files come back.*'a' is none/],
    ['a name that is not valid text', 'open(b"\\xff", "w")', /cannot be printed/],
    ['more than 20 files', 'for n in range(1000): open(str(n), "w")', /at most 20 files/],
  ])('must be few and regular: rejects %s', async (_, code, message) => {
    const files = new TestFiles();
    const outcome = await python(`import os\n${code}`, { files });
    expect(outcome).toMatchObject({ ok: false, error: { code: 'tool_failed' } });
    expect(outcome.ok ? '' : outcome.error.message).toMatch(message);
    expect(files.stored).toEqual([]);
  });

  test('leave nothing behind for the next program', async () => {
    const files = new TestFiles();
    await python('open("a", "w").write("x")', { files });
    expect(await python('import os\nos.listdir(".")')).toMatchObject({ value: { result: [] } });
  });

  test('a report forged by the program stays within the limits or is discarded', async () => {
    for (const [files, content] of [
      ['[{"name": "a", "bytes": 5}]', 'x'],
      ['[{"name": "a", "bytes": 1}]', 'xy'],
      ['[{"name": "../a", "bytes": 1}]', 'x'],
      ['[{"name": 1, "bytes": 1}]', 'x'],
      ['[{"name": "a", "bytes": -1}]', ''],
      ['1', ''],
      ['null', ''],
    ]) {
      const testFiles = new TestFiles();
      const report = `{"result": "1", "files": ${files}}\\n${content}`;
      const code = `import os\nos.write(3, b'${report}')\nos._exit(0)`;
      expect(await python(code, { files: testFiles })).toMatchObject({ ok: false });
      expect(testFiles.stored).toEqual([]);
    }
  });
});

describe('concurrent calls', () => {
  test('each return their own answer, fifty at once', async () => {
    const calls = Array.from({ length: 50 }, (_, n) =>
      javascript(`let s = 0; for (let i = 0; i <= data.n; i += 1) s += i; s`, { data: { n } }),
    );
    const results = (await Promise.all(calls)).map(
      (one) => one.ok && (one.value as JsonObject).result,
    );
    expect(results).toEqual(Array.from({ length: 50 }, (_, n) => (n * (n + 1)) / 2));
  });

  test('use no more threads than allowed, and leave idle ones open', async () => {
    const { run, idle } = javascriptThreads(2);
    const job = escapeJob({ code: '1', expected: '1' });
    await Promise.all(Array.from({ length: 9 }, () => run(job, never)));
    expect(idle.size).toBe(2);
    await Promise.all([...idle].map((worker) => worker.terminate()));
    expect(idle.size).toBe(0);
  });

  test('a cancelled call ends its thread, and a waiting one leaves the queue', async () => {
    const { run, idle } = javascriptThreads(1);
    const endless = { ...escapeJob({ code: 'for (;;) {}', expected: 'time' }), timeout_ms: 60_000 };
    const [running, waiting] = [new AbortController(), new AbortController()];
    const calls = [run(endless, running.signal), run(endless, waiting.signal)];
    const ends = Promise.allSettled(calls);
    waiting.abort(new Error('not wanted'));
    await expect(calls[1]).rejects.toThrow('not wanted');
    running.abort(new Error('cancelled'));
    expect(await ends).toMatchObject([{ reason: { message: 'cancelled' } }, {}]);
    expect(idle.size).toBe(0);
    expect(outcomeText(await run({ ...endless, code: '2' }, never))).toBe('2');
    await Promise.all([...idle].map((worker) => worker.terminate()));
  });

  test('a thread that dies during its job is reported and replaced', async () => {
    const { run, idle } = javascriptThreads(1);
    const job = { ...escapeJob({ code: '1', expected: '1' }), timeout_ms: 60_000 };
    await run(job, never);
    const [worker] = idle;
    const dying = run({ ...job, code: 'for (;;) {}' }, never);
    await worker?.terminate();
    expect(outcomeText(await dying)).toBe('lost');
    expect(outcomeText(await run(job, never))).toBe('1');
    await Promise.all([...idle].map((one) => one.terminate()));
  });

  test('a cancelled run and a timeout have different errors', async () => {
    const cancelled = AbortSignal.abort(new Error('cancelled'));
    expect(await javascript('1', { signal: cancelled })).toMatchObject({
      error: { code: 'cancelled', retryable: false },
    });
    expect(await javascript('for (;;) {}', { signal: AbortSignal.timeout(50) })).toMatchObject({
      error: { code: 'timeout', retryable: true },
    });
  });
});

describe('escapes', () => {
  const of = (language: string) => ESCAPES.filter((one) => one.language === language);

  test.each(of('javascript'))('JavaScript: $name', async (one) => {
    const report = await languages.javascript?.(escapeJob(one), never, 'tenant');
    expect(report && outcomeText(report)).toBe(one.expected);
  });

  test.skipIf(noPython !== undefined).each(of('python'))('Python: $name', async (one) => {
    const report = await languages.python?.(escapeJob(one), never, 'tenant');
    expect(report && outcomeText(report)).toBe(one.expected);
  });
});

describe('Python', () => {
  test('reports in one sentence that the host does not have it', async () => {
    const bare = runCodeTool({ bwrap: '/nowhere/bwrap' });
    expect(await bare.run({ language: 'python', code: '1' }, context(), {})).toEqual({
      ok: false,
      error: {
        code: 'tool_failed',
        message:
          'Python does not run on this worker, which finds no bubblewrap (bwrap) in its PATH: write it in JavaScript',
        retryable: false,
        cause: { stdout: '' },
      },
    });
  });

  test('finds bubblewrap in the first folder of PATH that has it, ignoring relative ones', async () => {
    const [first, second] = [0, 1].map(() => mkdtempSync(join(tmpdir(), 'howdah-bwrap-')));
    for (const [folder, status] of [
      [first, 7],
      [second, 8],
    ] as const) {
      chmodSync(folder as string, 0o755); // the program runs as the user nobody
      writeFileSync(join(folder as string, 'bwrap'), `#!/bin/sh\nexit ${status}\n`, {
        mode: 0o755,
      });
    }
    const statusWith = async (path: (string | undefined)[]) => {
      const found = runCodeTool({ path: path.map((folder) => folder ?? '') });
      const outcome = await found.run({ language: 'python', code: '1' }, context(), {});
      return /status \d/.exec(JSON.stringify(outcome))?.[0];
    };
    expect(await statusWith([first, second])).toBe('status 7');
    expect(await statusWith(['/nowhere', second])).toBe('status 8');
    expect(await statusWith([relative('/', first as string), second])).toBe('status 8');
    for (const folder of [first, second]) rmSync(folder as string, { recursive: true });
  });

  test('reports in one sentence that bubblewrap does not work', async () => {
    const broken = runCodeTool({ bwrap: '/bin/false' });
    expect(await broken.run({ language: 'python', code: '1' }, context(), {})).toMatchObject({
      error: { message: expect.stringMatching(/could not make its sandbox \(status 1\)/) },
    });
  });

  test('the system call filter rejects with EPERM at its end, from every check', () => {
    for (const processor of ['x64', 'arm64']) {
      const filter = seccompFilter(processor) as Buffer;
      const last = filter.byteLength / 8 - 1;
      for (let at = 4; at < last - 1; at += 1) {
        expect(at + 1 + filter.readUInt8(at * 8 + 2)).toBe(last);
      }
      expect(filter.readUInt32LE(last * 8 + 4)).toBe(0x50001);
    }
    expect(seccompFilter('ppc64')).toBeUndefined();
  });

  describe.skipIf(noPython !== undefined)('on a host that has it', () => {
    test.each([
      ['of the last expression', 'import math\nmath.sqrt(data["n"] + 2)', 3],
      ['null for a program without a value', 'x = 1', null],
      ['null after sys.exit', 'import sys\nsys.exit(1)', null],
      [
        'for values that have no JSON form',
        'import decimal\n[{1}, decimal.Decimal("1.5"), (2,)]',
        [[1], '1.5', [2]],
      ],
      [
        'with no environment variables of the worker',
        'import os\nsorted(os.environ)',
        ['LANG', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'PATH', 'PWD'],
      ],
      [
        'with no folders of the worker',
        'import os\nsorted(os.listdir("/usr"))',
        expect.arrayContaining(['bin', 'lib']),
      ],
      ['with no user of the worker', 'import os\nos.getuid() > 0 and os.getpid() < 10', true],
    ])('returns the result %s', async (_, code, result) => {
      expect(await python(code, { data: { n: 7 } })).toEqual({
        ok: true,
        value: { result, stdout: '' },
      });
    });

    test.each([
      ['an unknown name', 'print("x")\ny = foo', "NameError: name 'foo' is not defined", 2, 5],
      ['a syntax error', 'x = 1\ndef f(:\n', 'SyntaxError: invalid syntax', 2, 7],
    ])('reports what is wrong and where: %s', async (_, code, message, line, column) => {
      expect(await python(code)).toMatchObject({
        error: {
          code: 'tool_failed',
          message: `${message} (line ${line}, column ${column})`,
          cause: { line, column },
        },
      });
    });

    test('is stopped at its time limit, and returns what was printed', async () => {
      expect(
        await python('print("begun")\nwhile True: pass', { configuration: { timeout_ms: 1_000 } }),
      ).toMatchObject({ error: { code: 'timeout', cause: { stdout: 'begun\n' } } });
    });

    test('ends when its run is cancelled, and leaves no process', async () => {
      const isOver = new AbortController();
      const call = python('while True: pass', { signal: isOver.signal });
      const inside = await vi.waitFor(
        () => {
          const found = descendantsOf(process.pid).filter(({ name }) => name === 'python3');
          expect(found).toHaveLength(1);
          return found;
        },
        { timeout: 60_000 },
      );
      isOver.abort(new Error('cancelled'));
      expect(await call).toMatchObject({ error: { code: 'cancelled' } });
      await expect.poll(() => inside.filter(({ pid }) => isThere(pid))).toEqual([]);
    });

    test('calls beyond the number of processors each return their own answer', async () => {
      const count = 3 * availableParallelism();
      const calls = Array.from({ length: count }, (_, n) => python(`${n} * 2`));
      const results = (await Promise.all(calls)).map(
        (one) => one.ok && (one.value as JsonObject).result,
      );
      expect(results).toEqual(Array.from({ length: count }, (_, n) => n * 2));
    });

    test('a report forged by the program is only a wrong report', async () => {
      for (const report of [
        'x',
        '{}',
        '[]',
        'null',
        '{"result": 5}',
        '{"result": "x"}',
        '{"fault": "lost", "message": ""}',
      ]) {
        const outcome = await python(`import os\nos.write(3, b'${report}')\nos._exit(0)`);
        expect(outcome).toMatchObject({
          error: { message: 'Python ended without a result (status 0)' },
        });
      }
    });
  });
});

type Process = { pid: number; parent: number; name: string };

function descendantsOf(ancestor: number): Process[] {
  const all = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? processOf(name) : []));
  const below = (parent: number): Process[] =>
    all.flatMap((one) => (one.parent === parent ? [one, ...below(one.pid)] : []));
  return below(ancestor);
}

function processOf(pid: string): Process[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [, name = '', parent] = /\((.*)\) \S (\d+)/.exec(stat) ?? [];
    return [{ pid: Number(pid), parent: Number(parent), name }];
  } catch {
    return []; // ended meanwhile
  }
}

function isThere(pid: number): boolean {
  return processOf(String(pid)).length > 0;
}

test('a time limit counts for the code alone, not for the start of its interpreter', async () => {
  const job = { data: null, files: [], timeout_ms: 0, memory_mb: 32 };
  for (const code of ['for (;;) {}', 'for (;;) await null']) {
    expect(await interpret({ ...job, code })).toMatchObject({ fault: 'time' });
  }
});
