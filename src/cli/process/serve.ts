import { type Command, InvalidArgumentError } from 'commander';
import type { Instance } from '../../bootstrap.ts';
import type { Config } from '../../config.ts';
import { HowdahError } from '../../contracts/errors.ts';
import { createPool } from '../../db/connection/pool.ts';
import type { ScopeTerm } from '../../db/worker/worker-scope.ts';
import { startWatchdog } from '../../isolation/watchdog.ts';
import { isLoopback } from '../../network/addresses.ts';
import { surviveToolErrors } from '../../tools/custom/uncaught-tool-errors.ts';
import { describeMissing } from '../doctor/default-model.ts';
import { commandFor, findUnusedServers } from '../doctor/local-models.ts';
import { parseDuration } from '../input/parse-duration.ts';
import { exitCodes } from '../output/exit-codes.ts';
import type { CliIo } from '../output/output.ts';
import { bannerOf } from './banner.ts';
import { refuseTooLittle, watchMemory } from './memory-limit.ts';

/**
 * The time after which a worker whose event loop stands still ends itself. The database has given
 * its runs up long before.
 */
const SILENT_MS = 60_000;

/** The parts of Howdah that a process runs. */
export type Parts = { api: boolean; worker: boolean };

/** The start options of `start`, `worker` and `api`. */
export type ServeOptions = {
  wait?: number;
  once?: boolean;
  drain?: number;
  only?: ScopeTerm[];
  memory?: number;
  port?: string;
  host?: string;
};

/** The options of `start` and `worker`, which also take options about tools. */
export type ServeToolOptions = ServeOptions & { tools?: string; watch?: boolean };

/** Adds the option that `start`, `worker`, `api` and `migrate` share. */
export function withStartOptions(command: Command): Command {
  return command.option(
    '--wait <time>',
    'maximum time to wait for the database to accept connections, such as 5m (default: 20s)',
    parseDuration(1),
  );
}

/** Adds the options of commands that serve the API. */
export function withApiOptions(command: Command): Command {
  return command
    .option(
      '--port <number>',
      'port of the API; 0 for any free port (default: PORT, else 8000)',
      portOf,
    )
    .option(
      '--host <address>',
      'address that the API listens on (default: HOST, else 127.0.0.1)',
      hostOf,
    )
    .option(
      '--drain <time>',
      'time to keep serving after SIGTERM while /readyz returns 503 to load balancers, such as 5s (default: none)',
      parseDuration(1),
    );
}

/** Checks `--port`, which takes precedence over the variable PORT. */
function portOf(text: string): string {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return text;
  throw new InvalidArgumentError('Use a port number from 0 to 65535, such as 8000.');
}

/** Checks `--host`, which takes precedence over the variable HOST. */
function hostOf(text: string): string {
  if (/^[\w.:-]+$/.test(text)) return text;
  throw new InvalidArgumentError('Use an address or a host name, such as 127.0.0.1 or 0.0.0.0.');
}

/** Adds the start options and the options about tools to a command. */
export function withToolOptions(command: Command): Command {
  return withStartOptions(command)
    .option('--tools <folder>', 'folder of files whose exported tools this worker can call')
    .option('--watch', 'with --tools: reload a file when it changes, for development');
}

/** Runs API, worker or both until the process is stopped. The banner shows the addresses. */
export async function serve(
  io: CliIo,
  parts: Parts,
  {
    tools,
    watch = false,
    wait,
    drain,
    once = false,
    only = [],
    memory,
    port,
    host,
  }: ServeToolOptions = {},
): Promise<void> {
  if (watch && tools === undefined) {
    throw new HowdahError('EUSAGE', '--watch needs --tools', {
      hint: 'Name the folder of the tools: --tools ./tools --watch',
    });
  }
  if (memory !== undefined) refuseTooLittle(memory);
  const { openHowdah } = await import('../../bootstrap.ts');
  const endWithTools = parts.worker && tools !== undefined ? surviveToolErrors(io.err) : () => {};
  // an API of its own is a server for others, also on the embedded database
  const defaults = parts.worker ? {} : { HOWDAH_AUTH: 'required' };
  const config = await io.config({ PORT: port, HOST: host }, defaults);
  const howdah = await openHowdah(config, parts, io.err, {
    ...(tools === undefined ? {} : { toolFolder: { path: tools, watch } }),
    ...(wait === undefined ? {} : { waitSeconds: wait }),
    ...(drain === undefined ? {} : { drainSeconds: drain }),
    only,
  });
  const endWatchdog = parts.worker ? startWatchdog(SILENT_MS) : () => {};
  const stop = new AbortController();
  const stopped = new Promise<void>((resolve) => {
    stop.signal.addEventListener('abort', () => resolve());
  });
  io.onInterrupt(() => stop.abort());
  const unwatchNpm = config.isStartedByNpm ? exitWithParent(() => stop.abort()) : () => {};
  let isOver = false;
  const unwatch = watchMemory(memory ?? Number.POSITIVE_INFINITY, (held) => {
    isOver = true;
    io.err(`This process uses ${held} MB, more than --memory ${memory}.`);
    stop.abort();
  });
  const model = parts.worker ? await describeModel(howdah, config) : howdah.model;
  io.err(bannerOf(config, { ...howdah, model }, parts.worker, only));
  const isLocalServer = parts.api && parts.worker && isLoopback(config.host);
  if (isLocalServer) await offerLocalServers(io, config, howdah.databaseUrl);
  await (once ? howdah.untilIdle(stop.signal) : stopped);
  if (once && !stop.signal.aborted) {
    io.err('No more runs are due.');
  } else if (parts.worker) {
    io.err(`Draining ${howdah.inFlight()} runs. Press Ctrl-C again to stop immediately.`);
  }
  unwatch();
  unwatchNpm();
  await howdah.close();
  endWatchdog();
  endWithTools();
  io.setExitCode(isOver ? exitCodes.error : exitCodes.ok);
}

/** Describes the default model, and what this process lacks to call it. */
async function describeModel(
  { databaseUrl, model }: Pick<Instance, 'databaseUrl' | 'model'>,
  config: Config,
): Promise<string> {
  const pool = createPool({ url: databaseUrl, applicationName: 'howdah-cli', max: 1 });
  try {
    const missing = await describeMissing(pool, config);
    return missing === null ? model : `${model} (${missing})`;
  } finally {
    await pool.end();
  }
}

/** Prints a line for each model server of this machine that no model names. */
async function offerLocalServers(io: CliIo, config: Config, url: string): Promise<void> {
  const pool = createPool({ url, applicationName: 'howdah-cli', max: 1 });
  try {
    for (const server of await findUnusedServers(pool, config)) {
      io.err(`  ${server.name} answers on this machine. To add its model: ${commandFor(server)}`);
    }
  } finally {
    await pool.end();
  }
}

const POLL_MS = 500;

/**
 * Calls `stop` when the parent of this process has ended. npm passes no signal on through the shell
 * between them, and `kill` of an `npx howdah start` would leave a server behind.
 */
function exitWithParent(stop: () => void): () => void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== parent) stop();
  }, POLL_MS);
  timer.unref();
  return () => clearInterval(timer);
}
