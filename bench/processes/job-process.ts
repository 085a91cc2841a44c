import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from '../figures.ts';
import type { MeasuredSystem, StartSystem, StepResult, SystemSetup } from './adapter.ts';
import { callFakeModel } from './fake-model.ts';
import type { Job, JobResult } from './job.ts';
import { formatStepLine } from './step-log.ts';

// The process that runs one job with one system. It sends the measured values to its parent.

const WARM_UP_MS = 1_000;
const WARM_UP_SAMPLES = 20;
const STEP_MS = 50;

const job: Job = JSON.parse(process.argv[2] ?? '');
const texts = Array.from({ length: 256 }, () => randomBytes(330).toString('base64'));
const startTimes = new Map<string, number>();
let startedSteps = 0;

const setup: SystemSetup = {
  job,
  onStart: (id) => void startTimes.set(id, performance.now()),
  async step(run, index): Promise<StepResult> {
    startedSteps += 1;
    if (job.kind === 'waiting') {
      await callFakeModel(job.modelUrl);
    }
    if (job.kind === 'crash') {
      appendFileSync(job.log, formatStepLine('begin', run, index));
      await sleep(STEP_MS);
      appendFileSync(job.log, formatStepLine('end', run, index));
    }
    return { index, text: texts[startedSteps % texts.length] ?? '' };
  },
};

const startSystem = await loadSystem(job.system);
const system = await startSystem(setup);
process.send?.(await measure(system));
await Promise.race([system.stop(), sleep(5_000)]);
process.exit();

/** Loads a system. The npm package contains the limits; peers are only in a checkout. */
async function loadSystem(name: string): Promise<StartSystem> {
  switch (name) {
    case 'promises':
      return (await import('../limits/promises.ts')).start;
    case 'raw_node':
      return (await import('../limits/raw_node.ts')).start;
    default:
      return ((await import(`../peers/${name}.ts`)) as { start: StartSystem }).start;
  }
}

function measure(system: MeasuredSystem): Promise<JobResult> {
  switch (job.kind) {
    case 'steps':
      return measureSteps(system, job.seconds);
    case 'latency':
      return measureLatency(system, job.samples);
    case 'waiting':
      return measureWaiting(system);
    case 'crash':
      return job.resume ? resumeRuns(system) : runAll(system).then(() => ({}));
  }
}

function runNames(): string[] {
  return Array.from({ length: job.runsAtOnce }, (_, index) => `${job.tag}-${index}`);
}

async function runAll(system: MeasuredSystem): Promise<void> {
  await Promise.all(runNames().map((name) => system.run?.(name)));
}

async function measureSteps(system: MeasuredSystem, seconds: number): Promise<JobResult> {
  const end = performance.now() + WARM_UP_MS + seconds * 1_000;
  const loops = runNames().map(async (name) => {
    for (let count = 0; performance.now() < end; count += 1) {
      await system.run?.(`${name}-${count}`);
    }
  });
  await sleep(WARM_UP_MS);
  const before = { steps: startedSteps, at: performance.now() };
  await sleep(end - performance.now());
  const inWindow = startedSteps - before.steps;
  const windowMs = performance.now() - before.at;
  await Promise.all(loops);
  return { steps_per_second: (inWindow / windowMs) * 1_000, steps: startedSteps };
}

async function measureLatency(system: MeasuredSystem, samples: number): Promise<JobResult> {
  const waits: number[] = [];
  for (let sample = 0; sample < samples + WARM_UP_SAMPLES; sample += 1) {
    const id = `${job.tag}-${sample}`;
    const enqueuedAt = performance.now();
    await system.enqueue?.(id);
    while (!startTimes.has(id)) {
      await sleep(1);
    }
    waits.push((startTimes.get(id) ?? Number.NaN) - enqueuedAt);
    await sleep(5);
  }
  const warm = waits.slice(WARM_UP_SAMPLES);
  return { p50_ms: percentile(warm, 50), p99_ms: percentile(warm, 99) };
}

async function measureWaiting(system: MeasuredSystem): Promise<JobResult> {
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

/** Resumes the runs of a killed process. Never returns, because the parent kills this process. */
async function resumeRuns(system: MeasuredSystem): Promise<never> {
  await system.resume?.(runNames());
  return new Promise(() => setInterval(() => {}, 1_000));
}
