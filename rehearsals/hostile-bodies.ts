import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Figure, figure, percentile } from '../bench/figures.ts';
import type { BenchDatabase } from '../bench/server.ts';
import { type HostileBody, hostileBodies } from './support/hostile/bodies.ts';
import type { Endpoint, Fixtures } from './support/hostile/endpoint.ts';
import { allEndpoints } from './support/hostile/endpoints.ts';
import { type Probe, probeClock, startProbe } from './support/hostile/probe.ts';
import { hostileYaml } from './support/hostile/yaml-bodies.ts';
import { howdah } from './support/howdah.ts';
import { type RehearsalOptions, UsageError } from './support/rehearsal.ts';

export const title =
  'what bodies made to hurt, by every role over every endpoint, cost another tenant, /healthz and Postgres';

/** How much longer than usual an answer to somebody else may take. */
const DELAY_MS = 100;
/** By how much the memory of Postgres may grow. */
const GROWTH_MB = 200;
/** A machine that does something else for a moment is no finding: so often is a body sent before its best counts. */
const TRIES = 3;
const MB = 2 ** 20;
const ENTRY = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));

/** Options: --bytes N (1000000) of each body at most, --roles viewer,owner, --only TEXT in the endpoint's name, --graphql N (40) fields that get all bodies, --every N (1) takes each N-th body. */
export async function* run({ words, talk, server }: RehearsalOptions): AsyncGenerator<Figure> {
  const options = optionsIn(words);
  const database = await (await server()).createDatabase();
  const home = mkdtempSync(join(tmpdir(), 'howdah-hostile-'));
  const started = await startServer(database.url, home);
  try {
    const tokens = await makeTokens(database.url, options.roles);
    const fixtures = await makeRows(started.url, tokens.owner as string);
    const endpoints = await allEndpoints(started.url, tokens.owner as string, fixtures);
    const probe = startProbe({
      url: started.url,
      token: tokens.neighbour as string,
      postmaster: await postmasterOf(database),
      process: started.process.pid ?? 0,
    });
    try {
      yield* walk({
        endpoints: endpoints.filter(({ name }) => name.includes(options.only)),
        tokens,
        probe,
        talk,
        options,
        started,
      });
    } finally {
      await probe.stop();
    }
    const { rows } = await database.pool.query('select * from howdah.check_all()');
    for (const row of rows.slice(0, 5)) talk(JSON.stringify(row));
    yield figure('hostile-bodies', 'violations', rows.length, 'rows', { atMost: 0 });
  } finally {
    await started.stop();
    await database.drop();
    rmSync(home, { recursive: true, force: true });
  }
}

type Options = ReturnType<typeof optionsIn>;
type Started = Awaited<ReturnType<typeof startServer>>;
type Walk = {
  endpoints: readonly Endpoint[];
  tokens: Record<string, string>;
  probe: Probe;
  talk(line: string): void;
  options: Options;
  started: Started;
};
/** What one body did: milliseconds beyond the usual, megabytes beyond what was. */
type Effect = {
  endpoint: string;
  role: string;
  shape: string;
  bytes: number;
  status: number;
  ms: number;
  healthz: number;
  neighbour: number;
  growth: number;
};

async function* walk({
  endpoints,
  tokens,
  probe,
  talk,
  options,
  started,
}: Walk): AsyncGenerator<Figure> {
  const usual = await usualTimes(probe);
  talk(
    `${endpoints.length} endpoints; usual: /healthz ${usual.healthz.toFixed(1)} ms, neighbour ${usual.neighbour.toFixed(1)} ms`,
  );
  const effects: Effect[] = [];
  for (const role of options.roles) {
    for (const [index, endpoint] of endpoints.entries()) {
      const isWhole =
        !endpoint.name.startsWith('GraphQL') ||
        index % Math.ceil(endpoints.length / options.graphql) === 0;
      const bodies = [...bodiesOf(endpoint, isWhole, options.bytes, index)];
      for (const body of bodies.filter((_, n) => n % options.every === 0)) {
        const effect = await tryBody({
          endpoint,
          body,
          role,
          token: tokens[role] as string,
          probe,
          usual,
          started,
        });
        effects.push(effect);
        if (
          effect.healthz > DELAY_MS ||
          effect.neighbour > DELAY_MS ||
          effect.growth > GROWTH_MB ||
          effect.status >= 500
        ) {
          talk(`BEYOND ${inOneLine(effect)}`);
        }
      }
    }
    talk(`${role}: ${effects.filter((one) => one.role === role).length} bodies`);
  }
  for (const line of summary(effects)) talk(line);
  const most = (of: (effect: Effect) => number) => Math.max(0, ...effects.map(of));
  yield figure('hostile-bodies', 'endpoints', endpoints.length, 'endpoints', { atLeast: 1 });
  yield figure('hostile-bodies', 'bodies', effects.length, 'bodies', { atLeast: 1 });
  yield figure(
    'hostile-bodies',
    'healthz_delay_ms_max',
    most((one) => one.healthz),
    'ms',
    { atMost: DELAY_MS },
  );
  yield figure(
    'hostile-bodies',
    'neighbour_delay_ms_max',
    most((one) => one.neighbour),
    'ms',
    { atMost: DELAY_MS },
  );
  yield figure(
    'hostile-bodies',
    'postgres_growth_mb_max',
    most((one) => one.growth),
    'MB',
    { atMost: GROWTH_MB },
  );
  yield figure(
    'hostile-bodies',
    'answers_of_500_and_above',
    effects.filter((one) => one.status >= 500 && one.status < 600).length,
    'answers',
    { atMost: 0 },
  );
  yield figure(
    'hostile-bodies',
    'workers_declared_dead',
    started.linesWith('declared dead'),
    'workers',
    { atMost: 0 },
  );
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
  for (const [index, template] of endpoint.templates.entries())
    yield* hostileBodies(template, bytes, seed + index);
}

async function usualTimes(probe: Probe): Promise<{ healthz: number; neighbour: number }> {
  const since = probeClock();
  for (let n = 0; n < 50; n += 1) await probe.settled();
  return {
    healthz: percentile(probe.values('healthz', since), 50),
    neighbour: percentile(probe.values('neighbour', since), 50),
  };
}

type Trial = {
  endpoint: Endpoint;
  body: HostileBody;
  role: string;
  token: string;
  probe: Probe;
  usual: { healthz: number; neighbour: number };
  started: Started;
};

/** The least effect of several tries, where the first one was beyond a bound. */
async function tryBody(trial: Trial): Promise<Effect> {
  let best = await sendOnce(trial);
  for (
    let n = 1;
    n < TRIES && (best.healthz > DELAY_MS || best.neighbour > DELAY_MS || best.growth > GROWTH_MB);
    n += 1
  ) {
    const next = await sendOnce(trial);
    best = {
      ...best,
      healthz: Math.min(best.healthz, next.healthz),
      neighbour: Math.min(best.neighbour, next.neighbour),
      growth: Math.min(best.growth, next.growth),
    };
  }
  return best;
}

async function sendOnce({
  endpoint,
  body,
  role,
  token,
  probe,
  usual,
  started,
}: Trial): Promise<Effect> {
  if (started.process.exitCode !== null)
    throw new Error(`the server has ended: ${started.lastLines()}`);
  await probe.settled();
  const since = probeClock();
  const before = probe.values('postgres', since - 200)[0] ?? 0;
  const began = performance.now();
  const { status } = await endpoint.send(body.text, token).catch((error: Error) => {
    // a server may close a connection whose body it refuses before it has come
    return {
      status: /other side closed|EPIPE|ECONNRESET|fetch failed/.test(`${error} ${error.cause}`)
        ? 413
        : 599,
    };
  });
  const ms = performance.now() - began;
  await probe.settled();
  return {
    ...{ endpoint: endpoint.name, role, shape: body.shape, bytes: body.text.length, status, ms },
    healthz: probe.largest('healthz', since) - usual.healthz,
    neighbour: probe.largest('neighbour', since) - usual.neighbour,
    growth: Math.max(0, probe.largest('postgres', since) - before) / MB,
  };
}

function inOneLine({
  endpoint,
  role,
  shape,
  bytes,
  status,
  ms,
  healthz,
  neighbour,
  growth,
}: Effect): string {
  return `${endpoint}, ${role}, ${shape}, ${bytes} bytes: ${status} after ${ms.toFixed(0)} ms; /healthz +${healthz.toFixed(0)} ms, neighbour +${neighbour.toFixed(0)} ms, Postgres +${growth.toFixed(0)} MB`;
}

function summary(effects: readonly Effect[]): string[] {
  const top = (name: string, of: (effect: Effect) => number) => [
    `slowest by ${name}:`,
    ...effects
      .toSorted((one, other) => of(other) - of(one))
      .slice(0, 8)
      .map((one) => `  ${inOneLine(one)}`),
  ];
  const statuses = Object.entries(Object.groupBy(effects, ({ status }) => String(status)))
    .map(([status, some = []]) => `${status}: ${some.length}`)
    .join(', ');
  return [
    `answers by status: ${statuses}`,
    ...top('/healthz', (one) => one.healthz),
    ...top('neighbour', (one) => one.neighbour),
    ...top('memory of Postgres', (one) => one.growth),
    ...top('time of the answer', (one) => one.ms),
  ];
}

/** `howdah start` in a process of its own, with logins. */
async function startServer(databaseUrl: string, home: string) {
  const secret = randomBytes(24).toString('hex');
  const environment = {
    DATABASE_URL: databaseUrl,
    HOWDAH_HOME: home,
    PORT: '0',
    HOWDAH_AUTH: 'required',
    HOWDAH_JWT_SECRET: secret,
    HOWDAH_GRAPHQL_INTROSPECTION: 'on',
  };
  Object.assign(process.env, { HOWDAH_JWT_SECRET: secret, HOWDAH_HOME: home });
  const child: ChildProcess = spawn(process.execPath, [ENTRY, 'start'], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const ready = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      const url = /(http:\/\/\S+)\/graphql/.exec(line)?.[1];
      if (url) ready.resolve(url);
    });
  }
  child.once('exit', (code) =>
    ready.reject(new Error(`howdah start ended with ${code}: ${lines.slice(-10).join('\n')}`)),
  );
  return {
    url: await ready.promise,
    process: child,
    linesWith: (text: string) => lines.filter((line) => line.includes(text)).length,
    lastLines: () => lines.slice(-10).join('\n'),
    async stop(): Promise<void> {
      if (child.exitCode !== null) return;
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(kill);
    },
  };
}

/** A token for each role, an owner's whatever is asked for, and one of another tenant. */
async function makeTokens(url: string, roles: readonly string[]): Promise<Record<string, string>> {
  const tokens: Record<string, string> = {};
  for (const role of new Set([...roles, 'owner'])) {
    const made = await howdah<{ token: string }>(
      url,
      ...['token', '--user', `hostile-${role}`, '--create', '--role', role],
    );
    tokens[role] = made.token;
  }
  const { Client } = (await import('pg')).default;
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`insert into howdah.tenants (slug, name) values ('neighbour', 'Neighbour')`);
  await client.query(
    `update howdah.users set role = split_part(username, '-', 2)::howdah.user_role where username like 'hostile-%'`,
  );
  await client.end();
  const made = await howdah<{ token: string }>(
    url,
    ...['token', '--tenant', 'neighbour', '--user', 'ada', '--create'],
  );
  return { ...tokens, neighbour: made.token };
}

/** One row of each kind, so that paths name something that is there. */
async function makeRows(url: string, token: string): Promise<Fixtures> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const send = async (
    method: string,
    path: string,
    body?: object,
  ): Promise<{ id?: string; execution_id?: string; items?: { id: string }[] }> => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as { id: string }[] | { id?: string };
    return Array.isArray(answer) ? { items: answer } : answer;
  };
  const ids: Record<string, string> = {};
  const made = await send('POST', '/api/execute', {
    agent: 'development',
    message: 'hello',
    wait: 20,
  });
  ids.executions = made.execution_id ?? '';
  ids.sessions = (await send('POST', '/sessions', { agent: 'development' })).id ?? '';
  await send('POST', '/api/prompts', { name: 'hostile', template: 'x' });
  await send('POST', '/api/workflows', {
    name: 'hostile',
    type: 'chain',
    members: [{ agent: 'development' }],
  });
  for (const kind of [
    'agents',
    'models',
    'prompts',
    'tools',
    'workflows',
    'mcp-servers',
    'resources',
    'alert-rules',
    'webhooks',
  ]) {
    const { items } = await send('GET', `/api/${kind}`);
    if (items?.[0]) ids[kind] = items[0].id;
  }
  ids.settings = 'max_depth';
  return { agent: 'development', ids };
}

/** The parent of a backend, where the server runs on this machine. */
async function postmasterOf({ pool }: BenchDatabase): Promise<number | undefined> {
  const client = await pool.connect();
  try {
    const { rows } = await client.query('select pg_backend_pid() as pid');
    const status = readFileSync(`/proc/${rows[0].pid}/status`, 'utf8');
    return Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]);
  } catch {
    return undefined;
  } finally {
    client.release();
  }
}

function optionsIn(words: readonly string[]) {
  const { values } = parseArgs({
    args: [...words],
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
    throw new UsageError(`--${name} takes a whole number from 1 on, not ${values[name]}`);
  };
  return {
    bytes: number('bytes'),
    graphql: number('graphql'),
    every: number('every'),
    only: values.only,
    roles: values.roles.split(','),
  };
}
