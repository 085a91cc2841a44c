import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Figure, figure, percentile } from '../../bench/figures.ts';
import type { ApiServer } from '../../src/api/server.ts';
import { type Standby, startStandby } from '../../test/support/database/standby.ts';
import { askApi, READING, startApiProcess, writing } from './support/api-process.ts';
import { type RehearsalOptions, UsageError } from './support/rehearsal.ts';

export const title =
  'reads by a hot standby: what was written is read, also while it lags, goes and comes back';

/** Options: --rounds N (200) of a write and a read behind it, in each state of the replica. */
export async function* run({ words, talk, server }: RehearsalOptions): AsyncGenerator<Figure> {
  const { values } = parseArgs({
    args: [...words],
    options: { rounds: { type: 'string', default: '200' } },
  });
  const rounds = Number(values.rounds);
  if (!(rounds > 0)) throw new UsageError('--rounds is a number above 0');
  const database = await (await server()).createDatabase();
  const standby = await startStandby(database.url);
  const replicaUrl = databaseOf(standby, database.url);
  const apis: ApiServer[] = [];
  try {
    for (const _ of ['one', 'other']) {
      apis.push(await startApiProcess(database.url, { replicaUrl }));
    }
    await isUsed(apis);
    for (const state of ['streaming', 'held back', 'away'] as const) {
      talk(`${rounds} writes by one process, each read by the other one; the replica is ${state}`);
      if (state === 'held back') await standby.ask('select pg_wal_replay_pause()');
      if (state === 'away') await standby.stop();
      const { took, missed, failed } = await writeAndRead(apis, state, rounds);
      const name = state.replace(' ', '_');
      yield figure('replica', `${name}_writes_not_read`, missed, 'count', { atMost: 0 });
      yield figure('replica', `${name}_requests_failed`, failed, 'count', { atMost: 0 });
      yield figure('replica', `${name}_read_ms_p50`, percentile(took, 50), 'ms');
      yield figure('replica', `${name}_read_ms_p99`, percentile(took, 99), 'ms');
      if (state === 'held back') await standby.ask('select pg_wal_replay_resume()');
    }
    await standby.start();
    const startedAt = performance.now();
    await isUsed(apis);
    yield figure('replica', 'back_in_use_s', (performance.now() - startedAt) / 1_000, 's', {
      atMost: 30,
    });
  } finally {
    await Promise.all(apis.map((api) => api.close()));
    await standby.remove();
    await database.drop();
  }
}

function databaseOf(standby: Standby, url: string): string {
  return new URL(new URL(url).pathname, standby.url).href;
}

/** A client that sends along how far it has written. */
async function writeAndRead([one, other]: ApiServer[], state: string, rounds: number) {
  const took: number[] = [];
  let [missed, failed] = [0, 0];
  for (let round = 0; round < rounds; round += 1) {
    const name = `${state.replace(' ', '-')}-${round}`;
    const written = await askApi(one as ApiServer, writing(name));
    const startedAt = performance.now();
    const read = await askApi(other as ApiServer, READING, written.position);
    took.push(performance.now() - startedAt);
    if (!written.ok || !read.ok) failed += 1;
    else if (!read.names.includes(name)) missed += 1;
  }
  return { took, missed, failed };
}

type Readiness = { checks: { name: string; reason?: string }[] };

/** Until each process reads from the replica; a minute at most. */
async function isUsed(apis: readonly ApiServer[]): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; await sleep(50)) {
    const answers = await Promise.all(
      apis.map(async ({ url }) => (await (await fetch(`${url}/readyz`)).json()) as Readiness),
    );
    const replicas = answers.flatMap(({ checks }) =>
      checks.filter(({ name }) => name === 'replica'),
    );
    if (replicas.every(({ reason }) => reason === undefined)) return;
  }
  throw new Error('the replica is not read from');
}
