import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Figure, percentile } from '../../bench/figures.ts';
import type { BenchDatabase } from '../../bench/server.ts';
import { type HostileBody, hostileBodies, hostileYaml } from './support/hostile/bodies.ts';
import type { Endpoint } from './support/hostile/endpoint.ts';
import { allEndpoints } from './support/hostile/endpoints.ts';
import {
  createFixtures,
  createTokens,
  findPostmaster,
  type Tokens,
} from './support/hostile/fixtures.ts';
import { type Probe, probeClock, startProbe } from './support/hostile/probe.ts';
import { startServer } from './support/hostile/server.ts';
import { barsLine, effectFigures, healthFigures, summaryLines } from './support/hostile/summary.ts';
import {
  describeEffect,
  type Effect,
  isFault,
  type Laboratory,
  meetsBars,
  runTrial,
  type UsualTimes,
} from './support/hostile/trial.ts';
import { type RehearsalOptions, UsageError } from './support/rehearsal.ts';

export const title =
  'sends hostile bodies to each endpoint, and measures what they cost another tenant and /healthz';

export const usage = `  --roles LIST  roles that send bodies: owner, admin, member, viewer (viewer,owner)
  --only TEXT   endpoints whose name has this text (all)
  --every N     each N-th body of an endpoint (1)
  --graphql N   fields of GraphQL that get all bodies; the others get their filters alone (40)
  --bytes N     length of the longest body (1000000)`;

const ROLES = ['owner', 'admin', 'member', 'viewer'];
/** Bodies of one trial. More would save little time and make a search for one of them longer. */
const TRIAL_BODIES = 16;
/** Requests of the probe that give the usual times. */
const USUAL_REQUESTS = 50;

/** Sends bodies to all endpoints of a server, and measures their effects. */
export async function* run({ argv, log, server }: RehearsalOptions): AsyncGenerator<Figure> {
  const options = readOptions(argv);
  const database = await (await server()).createDatabase();
  const home = mkdtempSync(join(tmpdir(), 'howdah-hostile-'));
  const started = await startServer(database.url, home);
  try {
    const tokens = await createTokens(database, options.roles);
    const fixtures = await createFixtures(started.url, tokens.owner);
    const endpoints = await allEndpoints(started.url, tokens.owner, fixtures);
    const selected = endpoints.filter(({ name }) => name.includes(options.only));
    const probe = startProbe({
      url: started.url,
      token: tokens.neighbour,
      postmaster: await findPostmaster(database),
    });
    try {
      const laboratory = { server: started, probe, usual: await measureUsualTimes(probe) };
      const effects = await walk({ laboratory, endpoints: selected, tokens, options, log });
      const figures = [
        ...effectFigures(selected.length, effects),
        ...healthFigures(started.countLines('declared dead'), await countViolations(database, log)),
      ];
      for (const line of summaryLines(selected.length, effects)) log(line);
      yield* figures;
      log(barsLine(figures));
    } finally {
      await probe.stop();
    }
  } finally {
    await started.stop();
    await database.drop();
    rmSync(home, { recursive: true, force: true });
  }
}

type Log = RehearsalOptions['log'];
type Options = ReturnType<typeof readOptions>;
type Walk = {
  laboratory: Laboratory;
  endpoints: readonly Endpoint[];
  tokens: Tokens;
  options: Options;
  log: Log;
};

/** Sends the bodies of each endpoint by each role, and says at once which of them break a bar. */
async function walk({ laboratory, endpoints, tokens, options, log }: Walk): Promise<Effect[]> {
  const { healthz, neighbour, run } = laboratory.usual;
  log(
    `${endpoints.length} endpoints; usual times: ` +
      `/healthz ${healthz.toFixed(1)} ms, neighbour ${neighbour.toFixed(1)} ms, its run ${run.toFixed(1)} ms`,
  );
  const effects: Effect[] = [];
  for (const [index, endpoint] of endpoints.entries()) {
    const isWhole =
      !endpoint.name.startsWith('GraphQL') ||
      index % Math.ceil(endpoints.length / options.graphql) === 0;
    for (const bodies of batches(
      bodiesOf(endpoint, isWhole, options.bytes, index),
      options.every,
    )) {
      // the roles take turns, so that each body is made once
      for (const role of options.roles) {
        const token = tokens.roles.get(role) ?? '';
        const measured = await runTrial(laboratory, { endpoint, role, token, bodies });
        effects.push(...measured);
        for (const effect of measured) {
          if (isFault(effect) || !meetsBars(effect)) log(`BROKEN ${describeEffect(effect)}`);
        }
      }
    }
    const done = index + 1;
    if (done % 50 === 0) log(`${done} endpoints, ${effects.length} bodies`);
  }
  return effects;
}

function* bodiesOf(
  endpoint: Endpoint,
  isWhole: boolean,
  bytes: number,
  seed: number,
): Generator<HostileBody> {
  yield* endpoint.ownBodies ?? [];
  if (!isWhole) return;
  if (endpoint.isYaml) yield* hostileYaml(bytes);
  for (const [index, template] of endpoint.templates.entries()) {
    yield* hostileBodies(template, bytes, seed + index);
  }
}

/** Splits each N-th body into lists for one trial. Bodies are made when their list is. */
function* batches(bodies: Iterable<HostileBody>, every: number): Generator<HostileBody[]> {
  let batch: HostileBody[] = [];
  let index = 0;
  for (const body of bodies) {
    if (index % every === 0) batch.push(body);
    index += 1;
    if (batch.length < TRIAL_BODIES) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

async function measureUsualTimes(probe: Probe): Promise<UsualTimes> {
  const since = probeClock();
  for (let n = 0; n < USUAL_REQUESTS; n += 1) await probe.waitForSamples();
  return {
    healthz: percentile(probe.values('healthz', since), 50),
    neighbour: percentile(probe.values('neighbour', since), 50),
    run: percentile(probe.values('run', since), 50),
  };
}

async function countViolations({ pool }: BenchDatabase, log: Log): Promise<number> {
  const { rows } = await pool.query('select * from howdah.check_all()');
  for (const row of rows.slice(0, 5)) log(JSON.stringify(row));
  return rows.length;
}

function readOptions(argv: readonly string[]) {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      bytes: { type: 'string', default: '1000000' },
      roles: { type: 'string', default: 'viewer,owner' },
      only: { type: 'string', default: '' },
      graphql: { type: 'string', default: '40' },
      every: { type: 'string', default: '1' },
    },
  });
  const number = (name: 'bytes' | 'graphql' | 'every'): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value > 0) return value;
    throw new UsageError(`--${name} takes a whole number above 0, not ${values[name]}`);
  };
  const roles = values.roles.split(',');
  const unknown = roles.find((role) => !ROLES.includes(role));
  if (unknown !== undefined) {
    throw new UsageError(`--roles has the unknown role "${unknown}": take ${ROLES.join(', ')}`);
  }
  return {
    bytes: number('bytes'),
    graphql: number('graphql'),
    every: number('every'),
    only: values.only,
    roles,
  };
}
