import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Figure, figure, percentile } from '../../bench/figures.ts';
import type { ApiServer } from '../../src/api/server.ts';
import { type Standby, startStandby } from '../../test/support/database/standby.ts';
import {
  createPromptMutation,
  NEWEST_PROMPTS,
  sendGraphql,
  startApiServer,
} from './support/api-server.ts';
import { type RehearsalOptions, UsageError } from './support/rehearsal.ts';

export const title =
  'reads own writes by a hot standby while it streams, lags, is stopped, and is started again';

export const usage = `  --rounds N    writes, each followed by a read, in each state of the standby (200)`;

const READY_TIMEOUT_MS = 60_000;

/** Writes by one API and reads by another one, which both use a standby for queries. */
export async function* run({ argv, log, server }: RehearsalOptions): AsyncGenerator<Figure> {
  const rounds = readRounds(argv);
  const database = await (await server()).createDatabase();
  const standby = await startStandby(database.url);
  const replicaUrl = databaseOf(standby, database.url);
  const apis: ApiServer[] = [];
  try {
    const writer = await startApiServer(database.url, { replicaUrl });
    apis.push(writer);
    const reader = await startApiServer(database.url, { replicaUrl });
    apis.push(reader);
    await waitForReplica(apis);
    for (const state of ['streaming', 'held back', 'away'] as const) {
      log(`${rounds} writes by one API, each read by the other one; the standby is ${state}`);
      if (state === 'held back') await standby.ask('select pg_wal_replay_pause()');
      if (state === 'away') await standby.stop();
      const { times, missed, failed } = await writeAndRead({ writer, reader }, state, rounds);
      const name = state.replace(' ', '_');
      yield figure('replica', `${name}_writes_not_read`, missed, 'count', { atMost: 0 });
      yield figure('replica', `${name}_requests_failed`, failed, 'count', { atMost: 0 });
      yield figure('replica', `${name}_read_ms_p50`, percentile(times, 50), 'ms');
      yield figure('replica', `${name}_read_ms_p99`, percentile(times, 99), 'ms');
      if (state === 'held back') await standby.ask('select pg_wal_replay_resume()');
    }
    await standby.start();
    const startedAt = performance.now();
    await waitForReplica(apis);
    const seconds = (performance.now() - startedAt) / 1_000;
    yield figure('replica', 'back_in_use_s', seconds, 's', { atMost: 30 });
  } finally {
    await Promise.all(apis.map((api) => api.close()));
    await standby.remove();
    await database.drop();
  }
}

function readRounds(argv: readonly string[]): number {
  const { values } = parseArgs({
    args: [...argv],
    options: { rounds: { type: 'string', default: '200' } },
  });
  const rounds = Number(values.rounds);
  if (!(rounds > 0)) throw new UsageError('--rounds takes a number above 0');
  return rounds;
}

function databaseOf(standby: Standby, url: string): string {
  return new URL(new URL(url).pathname, standby.url).href;
}

/**
 * Writes and reads one after the other. The read has the position of the write, so it must reflect
 * the write. Returns the duration of each read, and the numbers of missed writes and failures.
 */
async function writeAndRead(
  { writer, reader }: { writer: ApiServer; reader: ApiServer },
  state: string,
  rounds: number,
): Promise<{ times: number[]; missed: number; failed: number }> {
  const times: number[] = [];
  let [missed, failed] = [0, 0];
  for (let round = 0; round < rounds; round += 1) {
    const name = `${state.replace(' ', '-')}-${round}`;
    const written = await sendGraphql(writer, createPromptMutation(name));
    const startedAt = performance.now();
    const read = await sendGraphql(reader, NEWEST_PROMPTS, written.position);
    times.push(performance.now() - startedAt);
    if (!written.ok || !read.ok) failed += 1;
    else if (!read.names.includes(name)) missed += 1;
  }
  return { times, missed, failed };
}

type Readiness = { checks: { name: string; reason?: string }[] };

/** Waits until each API reads from the standby. */
async function waitForReplica(apis: readonly ApiServer[]): Promise<void> {
  for (const end = Date.now() + READY_TIMEOUT_MS; Date.now() < end; await sleep(50)) {
    const answers = await Promise.all(
      apis.map(async ({ url }) => (await (await fetch(`${url}/readyz`)).json()) as Readiness),
    );
    const replicas = answers.flatMap(({ checks }) =>
      checks.filter(({ name }) => name === 'replica'),
    );
    if (replicas.every(({ reason }) => reason === undefined)) return;
  }
  throw new Error(`the APIs do not read from the standby after ${READY_TIMEOUT_MS / 1_000} s`);
}
