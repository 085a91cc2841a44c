import type { HostileBody } from './bodies.ts';
import type { Endpoint } from './endpoint.ts';
import { type Probe, probeClock } from './probe.ts';
import type { Server } from './server.ts';

// A trial sends some bodies to one endpoint, one after the other, and measures meanwhile what they
// cost others. When a bar breaks, the bodies are sent again in halves, down to the single body that
// breaks it alone. That body is sent three times and its least effect counts: a busy machine is no
// fault of the body.

/** Milliseconds that a request of somebody else may take longer than usual. */
export const MAX_DELAY_MS = 100;
/** Megabytes by which the memory of Postgres may grow. */
export const MAX_GROWTH_MB = 200;
/** Times that a body which breaks a bar alone is sent. */
const ATTEMPTS = 3;
/** Statuses for a connection that the server closed, and for no answer in time. */
const CLOSED_EARLY = 413;
export const NO_ANSWER = 599;
const BYTES_PER_MB = 2 ** 20;

/** Median times of the probe's requests while no body is sent. */
export type UsualTimes = { healthz: number; neighbour: number; run: number };

/** Bodies that one role sends to one endpoint. */
export type Trial = {
  endpoint: Endpoint;
  role: string;
  token: string;
  bodies: readonly HostileBody[];
};

/** Server under test and what is measured of it. */
export type Laboratory = { server: Server; probe: Probe; usual: UsualTimes };

/** Cost of one body: milliseconds beyond the usual, and megabytes beyond the start of the trial. */
export type Effect = {
  endpoint: string;
  role: string;
  shape: string;
  bytes: number;
  status: number;
  ms: number;
  healthz: number;
  neighbour: number;
  run: number;
  growth: number;
};

export const isFault = ({ status }: Effect): boolean => status >= 500 && status < 600;

export const meetsBars = ({ healthz, neighbour, run, growth }: Effect): boolean =>
  Math.max(healthz, neighbour, run) <= MAX_DELAY_MS && growth <= MAX_GROWTH_MB;

/** Sends the bodies of a trial, and again the ones that break a bar. */
export async function runTrial(laboratory: Laboratory, trial: Trial): Promise<Effect[]> {
  const effects = await sendBodies(laboratory, trial);
  if (effects.every(meetsBars)) return effects;
  if (trial.bodies.length === 1) return await leastEffect(laboratory, trial, effects);
  const middle = Math.ceil(trial.bodies.length / 2);
  const again = [
    ...(await runTrial(laboratory, { ...trial, bodies: trial.bodies.slice(0, middle) })),
    ...(await runTrial(laboratory, { ...trial, bodies: trial.bodies.slice(middle) })),
  ];
  return again.map((effect, n) => withFault(effect, effects[n]));
}

async function leastEffect(
  laboratory: Laboratory,
  trial: Trial,
  first: readonly Effect[],
): Promise<Effect[]> {
  let least = first;
  for (let n = 1; n < ATTEMPTS && !least.every(meetsBars); n += 1) {
    const next = await sendBodies(laboratory, trial);
    least = least.map((effect, index) => {
      const { healthz, neighbour, run, growth } = next[index] ?? effect;
      return {
        ...withFault(effect, next[index]),
        healthz: Math.min(effect.healthz, healthz),
        neighbour: Math.min(effect.neighbour, neighbour),
        run: Math.min(effect.run, run),
        growth: Math.min(effect.growth, growth),
      };
    });
  }
  return [...least];
}

/** Keeps a fault of another attempt, which may not happen twice. */
function withFault(effect: Effect, other: Effect | undefined): Effect {
  return other && isFault(other) ? { ...effect, status: other.status } : effect;
}

async function sendBodies(
  { server, probe, usual }: Laboratory,
  { endpoint, role, token, bodies }: Trial,
): Promise<Effect[]> {
  await probe.waitForSamples();
  const memory = probe.latest('postgres');
  const sent: { body: HostileBody; start: number; status: number; ms: number }[] = [];
  for (const body of bodies) {
    const start = probeClock();
    const status = await sendBody(endpoint, body.text, token);
    sent.push({ body, start, status, ms: probeClock() - start });
    if (server.hasEnded()) {
      const name = `${endpoint.name}, ${role}, ${body.shape}`;
      throw new Error(`the server ended after ${name}: ${server.lastLines()}`);
    }
  }
  await probe.waitForSamples();
  return sent.map(({ body, start, status, ms }, n) => {
    const until = sent[n + 1]?.start ?? Number.POSITIVE_INFINITY;
    return {
      ...{ endpoint: endpoint.name, role, shape: body.shape, bytes: body.text.length, status, ms },
      healthz: probe.largest('healthz', start, until) - usual.healthz,
      neighbour: probe.largest('neighbour', start, until) - usual.neighbour,
      run: probe.largest('run', start, until) - usual.run,
      growth: Math.max(0, probe.largest('postgres', start, until) - memory) / BYTES_PER_MB,
    };
  });
}

/** Sends one body and returns the status of its answer. */
async function sendBody({ send }: Endpoint, text: string, token: string): Promise<number> {
  try {
    return (await send(text, token)).status;
  } catch (error) {
    const reason = `${error} ${error instanceof Error ? error.cause : ''}`;
    // a server may close a connection before all of a body that it refuses has arrived
    const isClosed = /other side closed|EPIPE|ECONNRESET|fetch failed/.test(reason);
    return isClosed ? CLOSED_EARLY : NO_ANSWER;
  }
}

/** One line about the effect of a body. */
export function describeEffect(effect: Effect): string {
  const { endpoint, role, shape, bytes, status, ms, healthz, neighbour, run, growth } = effect;
  const delays =
    `/healthz +${healthz.toFixed(0)} ms, neighbour +${neighbour.toFixed(0)} ms, ` +
    `run of the neighbour +${run.toFixed(0)} ms`;
  return (
    `${endpoint}, ${role}, ${shape}, ${bytes} bytes: ${status} after ${ms.toFixed(0)} ms; ` +
    `${delays}, Postgres +${growth.toFixed(0)} MB`
  );
}
