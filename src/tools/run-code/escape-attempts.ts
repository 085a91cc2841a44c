import type { CodeFault, CodeJob, CodeReport } from './job.ts';

/**
 * Code that tries to escape the sandbox or to exceed its limits. `expected` is the fault, or the
 * result as JSON.
 */
export type Escape = {
  language: 'javascript' | 'python';
  name: string;
  code: string;
  expected: CodeFault['fault'] | (string & {});
};

const javascript = (
  name: string,
  code: string,
  expected: Escape['expected'] = 'threw',
): Escape => ({
  ...{ language: 'javascript', name, code, expected },
});
const python = (name: string, code: string, expected: Escape['expected'] = 'threw'): Escape => ({
  ...{ language: 'python', name, code, expected },
});

const SYSTEM_CALL = `import ctypes
c = ctypes.CDLL(None, use_errno=True)
(CALL, ctypes.get_errno())[0] >= 0`;

/**
 * The attempts of `howdah doctor` and of the tests. Each ends within its limits, which are short.
 */
export const ESCAPES: readonly Escape[] = [
  javascript(
    'objects of the host',
    'typeof process + typeof require + typeof fetch',
    '"undefinedundefinedundefined"',
  ),
  javascript(
    'the Function constructor',
    'this.constructor.constructor("return typeof process")()',
    '"undefined"',
  ),
  javascript(
    'the constructor behind console',
    'console.log.constructor("return typeof globalThis.process")()',
    '"undefined"',
  ),
  javascript('a module of the host', 'await import("node:fs")'),
  javascript('an endless loop', 'for (;;) {}', 'time'),
  javascript('an endless loop that catches', 'for (;;) try { for (;;) {} } catch {}', 'time'),
  javascript('endless promises', 'for (;;) await null', 'time'),
  javascript('a regular expression that backtracks', '/(a+)+$/.test("a".repeat(40) + "b")', 'time'),
  javascript(
    'a search that the interpreter does not interrupt',
    '"a".repeat(1e7).indexOf("a".repeat(5e6) + "b")',
    'time',
  ),
  javascript('ever more memory', 'const a = []; for (;;) a.push(new Uint8Array(1e6))', 'memory'),
  javascript('a text of a gigabyte', '"x".repeat(1e9).length', 'memory'),
  javascript('endless recursion', '(function f() { f() })()', 'stack'),
  javascript('a result of a megabyte', '"x".repeat(1e6)', 'result'),
  javascript('a file of the host', 'files.read("/etc/passwd")'),
  javascript('a file outside of the scratch folder', 'files.write("../x", "x")'),
  javascript(
    'files larger than may come back',
    'for (let n = 0; n < 9; n += 1) files.write("x" + n, new Uint8Array(1e6))',
  ),
  javascript('ever more files', 'for (let n = 0; ; n += 1) files.write("x" + n, "")'),
  python('a file of the host', 'open("/etc/passwd").read()'),
  python('the environment of a process', 'open("/proc/self/environ").read()'),
  python('a file in the temporary folder', 'open("/tmp/x", "w")'),
  python('a file at the root', 'open("/x", "w")'),
  python('a file beside the scratch folder', 'open("../x", "w")'),
  python(
    'a link to a file of the host',
    'import os\nos.symlink("/etc/passwd", "x")\nopen("x").read()',
  ),
  python('a link that comes back', 'import os\nos.symlink("/usr/bin/python3", "x")', 'files'),
  python('a device', 'import os\nos.mknod("x", 0o60666, os.makedev(8, 0))'),
  python(
    'a full scratch folder',
    'for n in range(20):\n  with open(f"x{n}", "wb") as file: file.write(bytes(1000000))',
  ),
  python(
    'a file larger than may come back',
    'with open("x", "wb") as file:\n  for n in range(9): file.write(bytes(1000000))',
  ),
  python(
    'ever more files',
    'for n in range(100):\n  with open(f"x{n}", "w") as file: file.write("x")',
    'files',
  ),
  python('a connection', 'import socket\nsocket.create_connection(("127.0.0.1", 5432), 1)'),
  python('a name looked up', 'import socket\nsocket.getaddrinfo("example.com", 80)'),
  python('another process', 'import os\nos.fork()'),
  python('another user', 'import os\nos.setuid(0)'),
  python('a namespace', SYSTEM_CALL.replace('CALL', 'c.unshare(0x10000000)'), 'false'),
  python('a process traced', SYSTEM_CALL.replace('CALL', 'c.ptrace(0, 0, 0, 0)'), 'false'),
  python(
    'memory beside the limit',
    SYSTEM_CALL.replace('CALL', 'c.memfd_create(b"m", 0)'),
    'false',
  ),
  python('ever more memory', 'a = []\nwhile True: a.append(bytes(1000000))', 'memory'),
  python('an endless loop', 'while True: pass', 'time'),
  python(
    'signals ignored',
    'import signal, time\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\ntime.sleep(60)',
    'time',
  ),
  python('a gigabyte written', 'import os\nwhile True: os.write(1, b"x" * 100000)', 'result'),
];

/**
 * Returns the job that tries an escape. The time of JavaScript begins when its interpreter runs, so
 * a short time suffices. Python starts within its time.
 */
export function escapeJob({
  code,
  expected,
  language,
}: Pick<Escape, 'code' | 'expected'> & Partial<Escape>): CodeJob {
  const endless_ms = language === 'python' ? 300 : 100;
  const timeout_ms = expected === 'time' ? endless_ms : 10_000;
  return { code, data: null, files: [], timeout_ms, memory_mb: 32 };
}

/** Returns the fault or the result of a job, in the form of `expected`. */
export function outcomeText(report: CodeReport): string {
  return 'result' in report ? report.result : report.fault;
}
