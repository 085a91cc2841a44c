import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contracts/json.ts';
import type { BuiltinContext, ToolOutcome } from '../../src/contracts/tool.ts';
import { cameOf, ESCAPES, escapeJob } from '../../src/tools/run-code/escapes.ts';
import { seccompFilter } from '../../src/tools/run-code/seccomp.ts';
import { Threads } from '../../src/tools/run-code/threads.ts';
import { codeLanguages, runCodeTool } from '../../src/tools/run-code.ts';

// What code can do in its sandbox, what it cannot, and what stops it: research of attacks, each with what comes of it.

/** Where bubblewrap stands that is not installed. */
const { HOWDAH_TEST_BWRAP } = process.env;
const options = HOWDAH_TEST_BWRAP === undefined ? {} : { bwrap: HOWDAH_TEST_BWRAP };

const tool = runCodeTool(options);
const languages = codeLanguages(options);
const never = new AbortController().signal;
const context = (signal: AbortSignal = never) => ({ signal }) as BuiltinContext;

const works = await languages.python?.(
  {
    ...escapeJob({ code: '1 + 1', expected: '2' }),
    memory_mb: 64,
  },
  never,
);
const noPython = works && 'message' in works ? works.message : undefined;
if (noPython !== undefined) console.log(`Tests of Python are skipped. ${noPython}`);

function runCode(
  language: string,
  code: string,
  {
    data = null,
    configuration = {},
    signal = never,
  }: {
    data?: JsonObject | null;
    configuration?: JsonObject;
    signal?: AbortSignal;
  } = {},
): Promise<ToolOutcome> {
  return tool.run({ language, code, data }, context(signal), configuration);
}

const javascript = (code: string, more?: Parameters<typeof runCode>[2]) =>
  runCode('javascript', code, more);
const python = (code: string, more?: Parameters<typeof runCode>[2]) =>
  runCode('python', code, more);

/** How long it took, with what it gave. */
async function timed<T>(work: () => Promise<T>): Promise<{ value: T; ms: number }> {
  const began = performance.now();
  return { value: await work(), ms: performance.now() - began };
}

describe('JavaScript', () => {
  test.each([
    ['the last expression', 'const a = 20;\na * 2 + 2', 42],
    ['what is returned at the top', 'if (data.n > 1) { return [data.n] }\nreturn 0', [7]],
    ['what is awaited', 'const a = await Promise.resolve(5);\na + 1', 6],
    ['a promise at the end', 'async function main() { return { n: data.n } }\nmain()', { n: 7 }],
    ['nothing', 'let a = 1;', null],
    [
      'what JSON has no form for',
      '[new Map([[1, 2n]]), new Set([3]), NaN]',
      [[[1, '2']], [3], null],
    ],
    ['a text of any characters', '"\u{1f600}\\u0000é"', '\u{1f600}\u0000é'],
  ])('gives %s', async (_, code, result) => {
    expect(await javascript(code, { data: { n: 7 } })).toEqual({
      ok: true,
      value: { result, stdout: '' },
    });
  });

  test('gives what was printed, in the order it was', async () => {
    expect(
      await javascript('console.log("a", 1, { b: [2] });\nconsole.error(undefined);\n3'),
    ).toEqual({
      ok: true,
      value: { result: 3, stdout: 'a 1 {"b":[2]}\nundefined' },
    });
  });

  test.each([
    ['an unknown name', 'let x = 1;\n  foo.bar', /^ReferenceError: 'foo' is not defined/, 2, 3],
    ['a fault of grammar', 'let a = 1;\nlet x = ;', /^SyntaxError: /, 2, 9],
    [
      'a throw in a function',
      'function f() {\n  throw new TypeError("bad")\n}\nf()',
      /^TypeError: bad/,
      2,
      22,
    ],
    ['beside a return at the top', 'return foo', /^ReferenceError: /, 1, 8],
  ])('says what is wrong and where: %s', async (_, code, message, line, column) => {
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
    ['something thrown that is no error', 'throw { a: 1 }', /^thrown: \{"a":1\}$/],
    ['a result that is a circle', 'const a = {}; a.a = a; a', /circular/],
    [
      'a promise that never comes',
      'await new Promise(() => {})',
      /awaits something that never comes/,
    ],
  ])('says so of %s', async (_, code, message) => {
    expect(await javascript(code)).toMatchObject({
      error: { code: 'tool_failed', message: expect.stringMatching(message) },
    });
  });

  test('keeps the beginning of what was printed, whatever came of the code', async () => {
    const outcome = await javascript('console.log("début".repeat(10000)); throw new Error("no")');
    const { stdout } = (outcome.ok ? {} : outcome.error.cause) as { stdout: string };
    expect(stdout).toMatch(/^débutdé/);
    expect(stdout).toMatch(/\[cut off after 16384 bytes\]$/);
    expect(Buffer.byteLength(stdout)).toBeLessThan(17_000);
  });

  test('what has replaced all that is built in can break itself only', async () => {
    const code = `JSON.stringify = () => 'no'; JSON.parse = null; Array.prototype.map = () => [];
      String.prototype.slice = () => 'x'.repeat(1e5); Object.prototype.fault = 'lost'; globalThis.console = 1;
      Promise.prototype.then = null; 5`;
    await javascript(code);
    expect(await javascript('console.log([1].map(String)); ({}).fault ?? 5')).toEqual({
      ok: true,
      value: { result: 5, stdout: '["1"]' },
    });
  });

  test('nothing of a job is there for the next one in its thread', async () => {
    const threads = new Threads(1);
    const job = escapeJob({ code: 'globalThis.left = 1; Array.prototype.left = 1', expected: '1' });
    await threads.run(job, never);
    const [first] = threads.idle;
    const report = await threads.run({ ...job, code: '[typeof left, typeof [].left]' }, never);
    expect(cameOf(report)).toBe('["undefined","undefined"]');
    expect([...threads.idle]).toEqual([first]);
    await first?.terminate();
  });
});

describe('limits', () => {
  test('of time hold, and leave the thread what it was', async () => {
    await javascript('1');
    const { value, ms } = await timed(() =>
      javascript('console.log("begun"); for (;;) {}', { configuration: { timeout_ms: 200 } }),
    );
    expect(value).toMatchObject({
      error: {
        code: 'timeout',
        message: 'the code was stopped: it took more than 200 ms',
        retryable: false,
        cause: { stdout: 'begun' },
      },
    });
    expect(ms).toBeGreaterThan(190);
    expect(await javascript('1')).toMatchObject({ ok: true });
  });

  test('of time end the thread of what the interpreter does not interrupt', async () => {
    const threads = new Threads(1);
    const job = escapeJob({ code: '1', expected: '1' });
    await threads.run(job, never);
    const code = '"a".repeat(1e7).indexOf("a".repeat(5e6) + "b")'; // minutes, in one step
    const { value, ms } = await timed(() => threads.run({ ...job, code, timeout_ms: 200 }, never));
    expect(cameOf(value)).toBe('time');
    expect(ms).toBeLessThan(10_000);
    expect(threads.idle.size).toBe(0);
    expect(cameOf(await threads.run(job, never))).toBe('1');
    await Promise.all([...threads.idle].map((worker) => worker.terminate()));
  });

  test('of memory are those of the configuration', async () => {
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
    ['timeout_ms', 99],
    ['timeout_ms', 60_001],
    ['timeout_ms', '1000'],
    ['memory_mb', 31],
    ['memory_mb', 513],
    ['memory_mb', 64.5],
  ])('%s of %j is refused', async (name, value) => {
    expect(await javascript('1', { configuration: { [name]: value } })).toMatchObject({
      error: { code: 'tool_failed', message: expect.stringContaining(`configuration.${name}`) },
    });
  });

  test('a language there is not is refused with those there are', async () => {
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

describe('many at once', () => {
  test('fifty calls have each their own answer', async () => {
    const calls = Array.from({ length: 50 }, (_, n) =>
      javascript(`let s = 0; for (let i = 0; i <= data.n; i += 1) s += i; s`, { data: { n } }),
    );
    const results = (await Promise.all(calls)).map(
      (one) => one.ok && (one.value as JsonObject).result,
    );
    expect(results).toEqual(Array.from({ length: 50 }, (_, n) => (n * (n + 1)) / 2));
  });

  test('no more threads than there is room for, and those that are idle stay', async () => {
    const threads = new Threads(2);
    const job = escapeJob({ code: '1', expected: '1' });
    await Promise.all(Array.from({ length: 9 }, () => threads.run(job, never)));
    expect(threads.idle.size).toBe(2);
    await Promise.all([...threads.idle].map((worker) => worker.terminate()));
    expect(threads.idle.size).toBe(0);
  });

  test('a call that is cancelled ends its thread, and one that waits leaves the line', async () => {
    const threads = new Threads(1);
    const endless = { ...escapeJob({ code: 'for (;;) {}', expected: 'time' }), timeout_ms: 60_000 };
    const [running, waiting] = [new AbortController(), new AbortController()];
    const calls = [threads.run(endless, running.signal), threads.run(endless, waiting.signal)];
    const ends = Promise.allSettled(calls);
    waiting.abort(new Error('not wanted'));
    await expect(calls[1]).rejects.toThrow('not wanted');
    running.abort(new Error('cancelled'));
    expect(await ends).toMatchObject([{ reason: { message: 'cancelled' } }, {}]);
    expect(threads.idle.size).toBe(0);
    expect(cameOf(await threads.run({ ...endless, code: '2' }, never))).toBe('2');
    await Promise.all([...threads.idle].map((worker) => worker.terminate()));
  });

  test('a thread that dies under its job is told of, and is replaced', async () => {
    const threads = new Threads(1);
    const job = { ...escapeJob({ code: '1', expected: '1' }), timeout_ms: 60_000 };
    await threads.run(job, never);
    const [worker] = threads.idle;
    const dying = threads.run({ ...job, code: 'for (;;) {}' }, never);
    await worker?.terminate();
    expect(cameOf(await dying)).toBe('lost');
    expect(cameOf(await threads.run(job, never))).toBe('1');
    await Promise.all([...threads.idle].map((one) => one.terminate()));
  });

  test('the end of the run and of its time are told apart', async () => {
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
    const report = await languages.javascript?.(escapeJob(one), never);
    expect(report && cameOf(report)).toBe(one.expected);
  });

  test.skipIf(noPython !== undefined).each(of('python'))('Python: $name', async (one) => {
    const report = await languages.python?.(escapeJob(one), never);
    expect(report && cameOf(report)).toBe(one.expected);
  });
});

describe('Python', () => {
  test('says in one sentence that a host has it not', async () => {
    const bare = runCodeTool({ bwrap: '/nowhere/bwrap' });
    expect(await bare.run({ language: 'python', code: '1' }, context(), {})).toEqual({
      ok: false,
      error: {
        code: 'tool_failed',
        message:
          'Python does not run on this worker, which has no bubblewrap (bwrap): write it in JavaScript',
        retryable: false,
        cause: { stdout: '' },
      },
    });
  });

  test('says in one sentence that bubblewrap does not work', async () => {
    const broken = runCodeTool({ bwrap: '/bin/false' });
    expect(await broken.run({ language: 'python', code: '1' }, context(), {})).toMatchObject({
      error: { message: expect.stringMatching(/could not make its sandbox \(status 1\)/) },
    });
  });

  test('the filter of system calls refuses by EPERM at its end, wherever it is asked', () => {
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

  describe.skipIf(noPython !== undefined)('where the host has it', () => {
    test.each([
      ['the last expression', 'import math\nmath.sqrt(data["n"] + 2)', 3],
      ['nothing', 'x = 1', null],
      ['after sys.exit', 'import sys\nsys.exit(1)', null],
      [
        'what JSON has no form for',
        'import decimal\n[{1}, decimal.Decimal("1.5"), (2,)]',
        [[1], '1.5', [2]],
      ],
      [
        'of no variable of ours',
        'import os\nsorted(os.environ)',
        ['LANG', 'OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'PATH', 'PWD'],
      ],
      [
        'of no folder of ours',
        'import os\nsorted(os.listdir("/usr"))',
        expect.arrayContaining(['bin', 'lib']),
      ],
      ['of no user of ours', 'import os\nos.getuid() > 0 and os.getpid() < 10', true],
    ])('gives the result: %s', async (_, code, result) => {
      expect(await python(code, { data: { n: 7 } })).toEqual({
        ok: true,
        value: { result, stdout: '' },
      });
    });

    test.each([
      ['an unknown name', 'print("x")\ny = foo', "NameError: name 'foo' is not defined", 2, 5],
      ['a fault of grammar', 'x = 1\ndef f(:\n', 'SyntaxError: invalid syntax', 2, 7],
    ])('says what is wrong and where: %s', async (_, code, message, line, column) => {
      expect(await python(code)).toMatchObject({
        error: {
          code: 'tool_failed',
          message: `${message} (line ${line}, column ${column})`,
          cause: { line, column },
        },
      });
    });

    test('is stopped at its time, and keeps what was printed', async () => {
      expect(
        await python('print("begun")\nwhile True: pass', { configuration: { timeout_ms: 1_000 } }),
      ).toMatchObject({ error: { code: 'timeout', cause: { stdout: 'begun\n' } } });
    });

    test('ends with a run that is cancelled, and leaves no process', async () => {
      const isOver = new AbortController();
      const call = python('while True: pass', { signal: isOver.signal });
      const inside = await vi.waitFor(
        () => {
          const found = descendantsOf(process.pid).filter(({ name }) => name === 'python3');
          expect(found).toHaveLength(1);
          return found;
        },
        { timeout: 5_000 },
      );
      isOver.abort(new Error('cancelled'));
      expect(await call).toMatchObject({ error: { code: 'cancelled' } });
      await vi.waitFor(() => expect(inside.filter(({ pid }) => isThere(pid))).toEqual([]));
    });

    test('no more at once than there are processors, and each has its own answer', async () => {
      const count = 3 * availableParallelism();
      const calls = Array.from({ length: count }, (_, n) => python(`${n} * 2`));
      const results = (await Promise.all(calls)).map(
        (one) => one.ok && (one.value as JsonObject).result,
      );
      expect(results).toEqual(Array.from({ length: count }, (_, n) => n * 2));
    });

    test('a report it forged itself is only a wrong report', async () => {
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
