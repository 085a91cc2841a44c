import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { type ProbeTarget, probeClock, type Sample, type SampleKind } from './probe.ts';

// The thread of startProbe: takes samples for ever and posts each of them.

const PAUSE_MS = 10;
/** The pause after a run, whose rows stay. */
const RUN_PAUSE_MS = 250;

const { url, token, postmaster } = workerData as ProbeTarget;

function post(kind: SampleKind, start: number, value: number): void {
  const sample: Sample = { kind, start, end: probeClock(), value };
  parentPort?.postMessage(sample);
}

/** Sends a request again and again. A request that fails counts as one without an end. */
async function measureRequests(
  kind: SampleKind,
  send: () => Promise<Response>,
  pauseMs = PAUSE_MS,
): Promise<never> {
  for (;;) {
    const start = probeClock();
    try {
      const response = await send();
      await response.text();
      // 202: the run has not ended
      post(kind, start, response.status === 200 ? probeClock() - start : Number.POSITIVE_INFINITY);
    } catch {
      post(kind, start, Number.POSITIVE_INFINITY);
    }
    await sleep(pauseMs);
  }
}

async function measureMemory(parent: number): Promise<never> {
  for (;;) {
    const start = probeClock();
    const bytes = childrenOf(parent).reduce((sum, child) => sum + privateBytes(child), 0);
    post('postgres', start, bytes);
    await sleep(PAUSE_MS * 2);
  }
}

/** Lists child processes; none where there is no /proc. */
function childrenOf(parent: number): string[] {
  const pids = fileText(`/proc/${parent}/task/${parent}/children`).trim();
  return pids === '' ? [] : pids.split(' ');
}

/** Memory of a process alone: the shared memory of Postgres is left out. */
function privateBytes(pid: string): number {
  const [, kilobytes] = /^RssAnon:\s+(\d+) kB/m.exec(fileText(`/proc/${pid}/status`)) ?? [];
  return Number(kilobytes ?? 0) * 1_024;
}

/** Text of a file; none when it is gone, as that of a process which has ended. */
function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

void measureRequests('healthz', () => fetch(`${url}/healthz`));
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
const query = '{"query":"{ agents(first: 3) { nodes { name } } }"}';
void measureRequests('neighbour', () =>
  fetch(`${url}/graphql`, { method: 'POST', headers, body: query }),
);
const run = '{"agent":"development","message":"hi","wait":30}';
void measureRequests(
  'run',
  () => fetch(`${url}/api/execute`, { method: 'POST', headers, body: run }),
  RUN_PAUSE_MS,
);
if (postmaster !== undefined) void measureMemory(postmaster);
