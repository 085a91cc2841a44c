import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { type ProbeKind, type ProbeTarget, probeClock } from './probe.ts';

// The thread of startProbe: it asks and measures, and posts each sample to whoever started it.

const PAUSE_MS = 10;

const { url, token, postmaster, process: pid } = workerData as ProbeTarget;

function tell(kind: ProbeKind, value: number): void {
  parentPort?.postMessage({ kind, at: probeClock(), value });
}

async function ask(kind: ProbeKind, request: () => Promise<Response>): Promise<never> {
  for (;;) {
    const began = performance.now();
    try {
      const response = await request();
      await response.text();
      tell(kind, response.ok ? performance.now() - began : Number.POSITIVE_INFINITY);
    } catch {
      tell(kind, Number.POSITIVE_INFINITY);
    }
    await sleep(PAUSE_MS);
  }
}

async function measureMemory(): Promise<never> {
  for (;;) {
    if (postmaster !== undefined) {
      tell(
        'postgres',
        anonymousBytes((one) => one.parent === postmaster),
      );
    }
    tell(
      'process',
      anonymousBytes((one) => one.pid === pid),
    );
    await sleep(PAUSE_MS * 2);
  }
}
/** Memory that processes have for themselves: what Postgres shares is counted nowhere. Zero where there is no /proc. */
function anonymousBytes(isCounted: (one: { pid: number; parent: number }) => boolean): number {
  let sum = 0;
  for (const name of folderNames('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const status = fileText(`/proc/${name}/status`);
    const parent = Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]);
    if (isCounted({ pid: Number(name), parent })) {
      sum += Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1_024;
    }
  }
  return sum;
}

function folderNames(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // it has ended meanwhile
  }
}

void ask('healthz', () => fetch(`${url}/healthz`));
void ask('neighbour', () =>
  fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{"query":"{ agents(first: 3) { nodes { name } } }"}',
  }),
);
void measureMemory();
