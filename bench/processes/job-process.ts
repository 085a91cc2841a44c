import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine, Setup, StartEngine, StepResult } from './adapter.ts';
import { askFakeModel } from './fake-model.ts';
import { percentile } from '../figures.ts';
import type { Job, JobResult } from './job.ts';
import { stepLine } from './step-log.ts';

// The process that measures one system by one job, and sends what it found to its parent.

const WARM_MS = 1_000;
const STEP_MS = 50;

const job: Job = JSON.parse(process.argv[2] ?? '');
const texts = Array.from({ length: 256 }, () => randomBytes(330).toString('base64'));
const startTimes = new Map<string, number>();
let startedSteps = 0;

const setup: Setup = {
  job,
  onStart: (id) => void startTimes.set(id, performance.now()),
  async step(run, index): Promise<StepResult> {
    startedSteps += 1;
    if (job.kind === 'waiting') {
      await askFakeModel(job.modelUrl);
    }
    if (job.kind === 'crash') {
      appendFileSync(job.log, stepLine('begin', run, index));
      await sleep(STEP_MS);
      appendFileSync(job.log, stepLine('end', run, index));
    }
    return { index, text: texts[startedSteps % texts.length] ?? '' };
  },
};

const engine = await (await startOf(job.system))(setup);
const found = await measure(engine);
process.send?.(found);
await Promise.race([engine.stop(), sleep(5_000)]);
process.exit();

/** Limits are in the package; peers only in the repository, where somebody has installed them. */
async function startOf(system: string): Promise<StartEngine> {
  switch (system) {
    case 'promises':
      return (await import('../limits/promises.ts')).start;
    case 'raw_node':
      return (await import('../limits/raw_node.ts')).start;
    default:
      return ((await import(`../peers/${system}.ts`)) as { start: StartEngine }).start;
  }
}

function measure(system: Engine): Promise<JobResult> {
  switch (job.kind) {
    case 'steps':
      return steps(system, job.seconds);
    case 'latency':
      return latency(system, job.samples);
    case 'waiting':
      return waiting(system);
    case 'crash':
      return job.resume ? resume(system) : runAll(system).then(() => ({}));
  }
}

function names(): string[] {
  return Array.from({ length: job.runsAtOnce }, (_, index) => `${job.tag}-${index}`);
}

async function runAll(system: Engine): Promise<void> {
  await Promise.all(names().map((name) => system.run?.(name)));
}

async function steps(system: Engine, seconds: number): Promise<JobResult> {
  const end = performance.now() + WARM_MS + seconds * 1_000;
  const loops = names().map(async (name) => {
    for (let count = 0; performance.now() < end; count += 1) {
      await system.run?.(`${name}-${count}`);
    }
  });
  await sleep(WARM_MS);
  const from = { steps: startedSteps, at: performance.now() };
  await sleep(end - performance.now());
  const inWindow = startedSteps - from.steps;
  const windowMs = performance.now() - from.at;
  await Promise.all(loops);
  return { steps_per_second: (inWindow / windowMs) * 1_000, steps: startedSteps };
}

async function latency(system: Engine, samples: number): Promise<JobResult> {
  const waits: number[] = [];
  for (let sample = 0; sample < samples + 20; sample += 1) {
    const id = `${job.tag}-${sample}`;
    const enqueuedAt = performance.now();
    await system.enqueue?.(id);
    while (!startTimes.has(id)) {
      await sleep(1);
    }
    waits.push((startTimes.get(id) ?? Number.NaN) - enqueuedAt);
    await sleep(5);
  }
  const warm = waits.slice(20);
  return { p50_ms: percentile(warm, 50), p99_ms: percentile(warm, 99) };
}

async function waiting(system: Engine): Promise<JobResult> {
  const stalls = monitorEventLoopDelay({ resolution: 20 });
  stalls.enable();
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await runAll(system);
  const wall = (performance.now() - startedAt) / 1_000;
  const { user, system: kernel } = process.cpuUsage(cpu);
  return {
    wall_s: wall,
    rss_mb: process.resourceUsage().maxRSS / 1_024,
    cpu_s: (user + kernel) / 1e6,
    stall_ms: stalls.max / 1e6,
  };
}

/** Goes on until the parent has seen enough. */
async function resume(system: Engine): Promise<JobResult> {
  await system.resume?.(names());
  return new Promise(() => setInterval(() => {}, 1_000));
}
