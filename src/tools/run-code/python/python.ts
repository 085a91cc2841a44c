import { type ChildProcess, spawn } from 'node:child_process';
import { delimiter, isAbsolute } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { Semaphore } from '../../../concurrency/semaphore.ts';
import {
  type CodeFault,
  type CodeJob,
  type CodeReport,
  RESULT_BYTES,
  STDOUT_BYTES,
  truncateOutput,
} from '../job.ts';
import { bubblewrapArguments, FILTER_FD, REPORT_FD, SCRATCH_BYTES } from './bubblewrap.ts';
import { reportIn } from './python-report.ts';
import { seccompFilter } from './seccomp.ts';

export type PythonOptions = {
  /** The program bubblewrap; by default the first `bwrap` in `path`. */
  bwrap?: string;
  /** The folders of PATH, searched before those of the system. */
  path?: readonly string[];
};

/** Folders of system programs, for a worker that is started without a PATH. */
const SYSTEM_PATH = ['/usr/bin', '/usr/local/bin'];
const GRACE_MS = 250;
const NOBODY = 65_534;
/**
 * The largest output of each stream: a report in which every character of the result is escaped
 * twice, with reserve.
 */
const MAX_BYTES = 16 * RESULT_BYTES;
/** The exit status of a process that has used up its processor time. */
const SPENT = ['SIGXCPU', 'status 152'];
const OUT_OF_TIME: CodeFault = { fault: 'time', message: '' };
const PROBE: CodeJob = { code: '1 + 1', data: null, files: [], timeout_ms: 5_000, memory_mb: 64 };

type Ended = {
  report: Buffer;
  stdout: string;
  stderr: string;
  status: string;
  stopped?: CodeFault;
};

/**
 * Creates the runner of Python under bubblewrap, with `size` jobs at once. The first job tests
 * whether the host supports it.
 */
export function createPython(size: number, options: PythonOptions) {
  const semaphore = new Semaphore(size);
  let missing: Promise<string | undefined> | undefined;
  return (job: CodeJob, signal: AbortSignal): Promise<CodeReport> =>
    semaphore.run({ signal }, async () => {
      missing ??= whatIsMissing(options);
      const reason = await missing;
      signal.throwIfAborted();
      return reason === undefined
        ? reportOf(await runOnce(job, signal, options), job)
        : { stdout: '', fault: 'threw', message: reason };
    });
}

/** Returns one sentence on why Python cannot run on this host, or undefined if it can. */
async function whatIsMissing(options: PythonOptions): Promise<string | undefined> {
  const instead = 'write it in JavaScript';
  if (!seccompFilter(process.arch)) {
    return `Python does not run on this worker, whose processor (${process.arch}) has no filter of system calls: ${instead}`;
  }
  try {
    const tried = await runOnce(PROBE, new AbortController().signal, options);
    const report = reportOf(tried, PROBE);
    return tried.stopped || ('result' in report && report.result === '2')
      ? undefined // a host that is too busy for the time limit still supports Python
      : `Python does not run on this worker, bubblewrap could not make its sandbox (${tried.stderr.trim().slice(0, 200) || tried.status}): ${instead}`;
  } catch {
    return `Python does not run on this worker, which finds no bubblewrap (bwrap) in its PATH: ${instead}`;
  }
}

/**
 * Returns the search path without relative folders, which would depend on the worker's current
 * folder.
 */
function searchPath({ path = [] }: PythonOptions): string {
  return [...path.filter((folder) => isAbsolute(folder)), ...SYSTEM_PATH].join(delimiter);
}

/**
 * Runs a job once. Rejects when bubblewrap cannot be started. Rejects with the signal's reason when
 * the signal fires; the sandbox has then ended.
 */
function runOnce(job: CodeJob, signal: AbortSignal, options: PythonOptions): Promise<Ended> {
  const child = spawn(options.bwrap ?? 'bwrap', bubblewrapArguments(job), {
    cwd: '/',
    env: { PATH: searchPath(options) },
    stdio: ['pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
    // root is exempt from the limit of processes
    ...(process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}),
  });
  let stopped: CodeFault | undefined;
  const stop = (fault: CodeFault): void => {
    stopped ??= fault;
    child.kill('SIGKILL'); // the kernel then kills every process in the sandbox
  };
  const outputs = [1, 2].map((fd) => collectOutput(child.stdio[fd] as Readable, MAX_BYTES, stop));
  const report = collectOutput(child.stdio[REPORT_FD] as Readable, MAX_BYTES + SCRATCH_BYTES, stop);
  feed(child, 0, jobText(job));
  feed(child, FILTER_FD, seccompFilter(process.arch) as Buffer);
  const abort = (): void => stop(OUT_OF_TIME);
  const timer = setTimeout(abort, job.timeout_ms + GRACE_MS);
  signal.addEventListener('abort', abort, { once: true });
  return new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, killedBy) => {
      const [stdout = '', stderr = ''] = outputs.map((output) => output().toString('utf8'));
      const status = killedBy ?? `status ${code}`;
      if (signal.aborted) reject(signal.reason);
      else resolve({ report: report(), stdout, stderr, status, ...(stopped ? { stopped } : {}) });
    });
  }).finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  });
}

/** Encodes a job as a line of JSON and the content of its files. */
function jobText({ code, data, files }: CodeJob): Buffer {
  const lengths = files.map(({ name, bytes }) => ({ name, bytes: bytes.byteLength }));
  const line = `${JSON.stringify({ code, data, files: lengths })}\n`;
  return Buffer.concat([Buffer.from(line), ...files.map(({ bytes }) => bytes)]);
}

function feed(child: ChildProcess, fd: number, content: string | Buffer): void {
  const input = child.stdio[fd] as Writable;
  input.on('error', () => {}); // the process has ended, and its status is the reason
  input.end(content);
}

/**
 * Collects an output and returns a function that reads it. Code that writes far more than the limit
 * bypasses `print`, so it is stopped.
 */
function collectOutput(
  stream: Readable,
  most: number,
  stop: (fault: CodeFault) => void,
): () => Buffer {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('error', () => {});
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength;
    if (bytes <= most) chunks.push(chunk);
    else stop({ fault: 'result', message: 'it wrote too much' });
  });
  return () => Buffer.concat(chunks);
}

function reportOf({ report, stopped, status, ...ended }: Ended, job: CodeJob): CodeReport {
  const stdout = truncateOutput(ended.stdout, STDOUT_BYTES);
  if (stopped) return { stdout, ...stopped };
  if (SPENT.includes(status)) return { stdout, ...OUT_OF_TIME };
  return {
    stdout,
    ...(reportIn(report, job) ?? {
      fault: 'threw',
      message: `Python ended without a result (${status})`,
    }),
  };
}
