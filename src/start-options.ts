import { type Environment, variables } from './config.ts';
import type { CustomEngine } from './contracts/agents/engine.ts';
import type { Hooks } from './contracts/agents/hook.ts';
import type { CustomTool } from './contracts/agents/tool.ts';
import { HowdahError } from './contracts/errors.ts';
import type { Logger } from './telemetry/logger-sink.ts';
import { closestNames } from './text/closest-names.ts';

/**
 * Options of `start`. An option takes precedence over its variable of the environment. All other
 * settings come from the environment, as on the command line.
 */
export type StartOptions = {
  /** The URL of the database. Default: DATABASE_URL, else the embedded Postgres. */
  databaseUrl?: string;
  /**
   * The port of the API; 0 for any free port. Default: PORT, else 8000. False: no port, and the
   * program mounts `handler()` or calls the methods.
   */
  port?: number | false;
  /** The address that the API listens on. Default: HOST, else 127.0.0.1. */
  host?: string;
  /**
   * Whether requests need a token or an API key. Default: HOWDAH_AUTH; else `none` on the embedded
   * database with a port on a loopback address, and `required` otherwise.
   */
  auth?: 'none' | 'required';
  /** Maximum number of runs at work. Default: HOWDAH_WORKER_CONCURRENCY, else 100. */
  concurrency?: number;
  /** The folder of the key file and of the embedded Postgres. Default: HOWDAH_HOME. */
  home?: string;
  /** The destination of log lines, by default stderr. False turns the log off. */
  logger?: Logger | false;
  /** Tools written in TypeScript: each becomes a row of howdah.tools with kind `custom`. */
  tools?: readonly CustomTool[];
  /** Agents written in TypeScript, for agents with `engine = 'custom'`: see docs/engines.md. */
  engines?: readonly CustomEngine[];
  /**
   * Hooks that are called at events of runs: see docs/hooks.md. All workers of the database must be
   * started with the same hooks.
   */
  hooks?: Hooks;
  /** Aborts the start, or closes the instance. Its runs are released to other workers. */
  signal?: AbortSignal;
  /** Variables that take precedence over the environment of the process. */
  env?: Readonly<Record<string, string | undefined>>;
  /** False: no API. */
  api?: boolean;
  /** False: no worker, so other processes execute the runs. */
  worker?: boolean;
};

/** The options that have a variable, which defines their valid values. */
const VARIABLES = {
  databaseUrl: 'DATABASE_URL',
  port: 'PORT',
  host: 'HOST',
  auth: 'HOWDAH_AUTH',
  concurrency: 'HOWDAH_WORKER_CONCURRENCY',
  home: 'HOWDAH_HOME',
} as const satisfies Partial<Record<keyof StartOptions, keyof typeof variables>>;

const isList = Array.isArray;
const isBoolean = (value: unknown) => typeof value === 'boolean';
const isObject = (value: unknown) => typeof value === 'object' && value !== null;

/** Returns whether a value has the parts without which a tool cannot be stored or called. */
function isTool(value: unknown): boolean {
  const tool = value as Partial<CustomTool> | null;
  const isText = [tool?.name, tool?.description].every((text) => text && typeof text === 'string');
  return isText && isObject(tool?.parameters) && typeof tool?.run === 'function';
}

/** The checks of the other options. Each has a fix that completes the sentence "Set NAME to …". */
const CHECKS: Record<
  Exclude<keyof StartOptions, keyof typeof VARIABLES>,
  readonly [(value: unknown) => boolean, string]
> = {
  logger: [isLogger, 'a logger with debug, info, warn and error, such as pino(), or to false'],
  tools: [
    (value) => isList(value) && value.every(isTool),
    'an array of tools with name, description, parameters and run, such as [defineTool({…})]',
  ],
  engines: [isList, 'an array of engines'],
  hooks: [isObject, 'an object whose keys are events'],
  signal: [(value) => value instanceof AbortSignal, 'an AbortSignal'],
  env: [isObject, "an object of variables, such as { OPENAI_API_KEY: '…' }"],
  api: [isBoolean, 'true or false'],
  worker: [isBoolean, 'true or false'],
};

/** Returns the variables that the options stand for. Throws `HWINV` with the name of an option. */
export function variablesOf(options: StartOptions): Environment {
  if (!isObject(options)) {
    throw new HowdahError('HWINV', 'the options of start() are not an object', {
      hint: 'Pass an object such as { port: 3000 }, or nothing.',
    });
  }
  const definedOptions = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [name, value] of definedOptions) checkOption(name, value);
  const values = definedOptions.flatMap(([name, value]) =>
    isVariable(name) && value !== false ? [[VARIABLES[name], String(value)]] : [],
  );
  return {
    ...options.env,
    ...Object.fromEntries(values),
    // The pooler and the replica in the environment belong to the database of the environment.
    ...(options.databaseUrl !== undefined && {
      DATABASE_DIRECT_URL: options.env?.DATABASE_DIRECT_URL ?? '',
      DATABASE_REPLICA_URL: options.env?.DATABASE_REPLICA_URL ?? '',
    }),
  };
}

function checkOption(name: string, value: unknown): void {
  if (isVariable(name)) {
    if (name === 'port' && value === false) return;
    const [schema, fix] = variables[VARIABLES[name]];
    const isText = typeof value === 'string' && value !== '';
    const isRightType = ['port', 'concurrency'].includes(name) ? typeof value === 'number' : isText;
    if (isRightType && schema.safeParse(String(value)).success) return;
    throw invalidOption(name, name === 'port' ? `${fix}, or to false` : fix);
  }
  const check = Object.entries(CHECKS).find(([known]) => known === name)?.[1];
  if (!check) throw unknownOption(name);
  if (!check[0](value)) throw invalidOption(name, check[1]);
}

function isVariable(name: string): name is keyof typeof VARIABLES {
  return Object.hasOwn(VARIABLES, name);
}

function isLogger(value: unknown): boolean {
  const names = ['debug', 'info', 'warn', 'error'] as const;
  if (value === false) return true;
  const logger = value as Partial<Logger> | null;
  return isObject(value) && names.every((name) => typeof logger?.[name] === 'function');
}

function invalidOption(name: string, fix: string): HowdahError {
  return new HowdahError('HWINV', `the option ${name} of start() is not valid`, {
    hint: `Set ${name} to ${fix}.`,
    detail: { option: name },
  });
}

function unknownOption(name: string): HowdahError {
  const names = [...Object.keys(VARIABLES), ...Object.keys(CHECKS)];
  const [closest] = closestNames(name, names, 1);
  return new HowdahError('HWINV', `start() has no option ${name}`, {
    hint: closest ? `Did you mean ${closest}?` : `The options are ${names.join(', ')}.`,
    detail: { option: name },
  });
}
