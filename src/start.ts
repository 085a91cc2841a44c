import { randomBytes } from 'node:crypto';
import type { Server } from 'node:http';
import { type CallerNames, createProcessLogins, type TokenOf } from './api/login/process-logins.ts';
import {
  attachSockets,
  createHandler,
  type Handler,
  type MountOptions,
} from './api/mount/handler.ts';
import { type Instance, openHowdah } from './bootstrap.ts';
import { connect, type HowdahClient } from './client/connect.ts';
import { lazy } from './concurrency/lazy.ts';
import { type Config, type Environment, loadConfig } from './config.ts';
import { HowdahError } from './contracts/errors.ts';
import { findCaller } from './process-callers.ts';
import { type StartOptions, variablesOf } from './start-options.ts';
import { createLoggerSink, type Logger } from './telemetry/logger-sink.ts';

/**
 * A running Howdah. Its methods act as an owner of the tenant `default`, even if requests of other
 * programs need a login.
 */
export type Howdah = HowdahClient & {
  /** The URL of the API, or undefined without a port. */
  url: string | undefined;
  /** The URL of the database for its owner. Contains a password. */
  databaseUrl: string;
  isEmbedded: boolean;
  /** Describes the model that agents without a model use. */
  model: string;
  /** Returns the methods for another caller. The first call fails if the caller is unknown. */
  as(caller: CallerNames): HowdahClient;
  /** Returns the number of runs at work in this process. */
  inFlight(): number;
  /** Resolves when nothing is at work or due any more, or when the signal fires. */
  untilIdle(signal?: AbortSignal): Promise<void>;
  /**
   * Returns a handler of the whole API, for frameworks with Fetch handlers or with Node middleware.
   * Needs `port: false`.
   */
  handler(options?: MountOptions): Handler;
  /**
   * Passes WebSockets below the prefix from a Node server to the API. Needs `port: false`. Returns
   * a function that detaches the API.
   */
  attach(server: Server, options?: MountOptions): () => void;
  /** Drains the worker and the API, and closes both. An embedded Postgres continues to run. */
  close(): Promise<void>;
  /** Calls `close`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
};

/** The base URL of clients in this process, which open no connection to it. */
const IN_PROCESS = 'http://localhost';

/**
 * Starts Howdah in this process: database, API and worker. Resolves when all of them are ready.
 * Throws `HowdahError` with a hint on failure.
 */
export async function start(options: StartOptions = {}): Promise<Howdah> {
  const variables = variablesOf(options);
  options.signal?.throwIfAborted();
  const { api = true, worker = true, port, logger, signal } = options;
  const processKey = randomBytes(64);
  const talk = lineWriterOf(logger);
  const instance = await openHowdah(
    configOf(variables, options),
    { api, worker, isUnlisted: api && port === false },
    talk,
    {
      ...{ tools: options.tools ?? [], engines: options.engines ?? [], hooks: options.hooks ?? {} },
      ...{ processKey, signal, logSink: logger ? createLoggerSink(logger) : undefined },
    },
  );
  const howdah = createHowdah(instance, processKey);
  if (signal) await closeOnAbort(howdah, signal, talk);
  return howdah;
}

/**
 * Returns the settings of an instance. An API without a port serves requests of other servers, so
 * it requires a login by default, also on the embedded database.
 */
function configOf(variables: Environment, { port, logger }: StartOptions): Config {
  const silent = logger === false ? { HOWDAH_LOG_LEVEL: 'silent' } : {};
  const defaults = port === false ? { HOWDAH_AUTH: 'required' } : {};
  return loadConfig({ ...variables, ...silent }, undefined, defaults);
}

function lineWriterOf(logger: Logger | false | undefined): (line: string) => void {
  if (logger === undefined) return (line) => process.stderr.write(`${line}\n`);
  return (line) => (logger === false ? undefined : logger.info({}, line));
}

/** Closes the instance when the signal fires. Throws its reason if it has fired. */
async function closeOnAbort(
  howdah: Howdah,
  signal: AbortSignal,
  talk: (line: string) => void,
): Promise<void> {
  if (signal.aborted) {
    await howdah.close();
    signal.throwIfAborted();
  }
  const close = () => howdah.close().catch((error) => talk(`Howdah could not be closed: ${error}`));
  signal.addEventListener('abort', close, { once: true });
}

function createHowdah(instance: Instance, processKey: Uint8Array): Howdah {
  const { databaseUrl, isEmbedded, model, apiUrl: url, unlistedApi } = instance;
  const tokenOf = createProcessLogins(processKey, (caller) => findCaller(databaseUrl, caller));
  const mountable = (method: string) => unlistedApi ?? notMountable(method);
  const as = (caller: CallerNames) => createOwnClient(instance, tokenOf, caller);
  const closing = lazy(() => instance.close());
  return {
    ...as({}),
    ...{ url, databaseUrl, isEmbedded, model, as },
    inFlight: instance.inFlight,
    untilIdle: (signal = new AbortController().signal) => instance.untilIdle(signal),
    handler: (options) => createHandler(mountable('handler'), tokenOf, options),
    attach: (server, options) => attachSockets(mountable('attach'), tokenOf, server, options),
    close: closing.get,
    [Symbol.asyncDispose]: closing.get,
  };
}

/** Creates a client of the instance's own API. Needs no port if the instance has none. */
function createOwnClient(
  { apiUrl, unlistedApi }: Instance,
  tokenOf: TokenOf,
  caller: CallerNames,
): HowdahClient {
  const token = () => tokenOf(caller);
  if (apiUrl !== undefined) return connect(apiUrl, { token });
  const handle = unlistedApi ? createHandler(unlistedApi, tokenOf) : notCallable;
  return connect(IN_PROCESS, {
    token,
    fetch: async (input, init) => handle(new Request(input, init)),
  });
}

function notCallable(): never {
  throw new HowdahError('HWCNF', 'this Howdah has no API, so its methods cannot be called', {
    hint: 'Call start() without api: false.',
  });
}

function notMountable(method: string): never {
  throw new HowdahError('HWCNF', `${method}() needs an API without a port in this process`, {
    hint: 'Call start({ port: false }), without api: false.',
  });
}
