import { readFileSync } from 'node:fs';
import { getCompileCacheDir } from 'node:module';
import { homedir } from 'node:os';
import { delimiter, dirname, resolve } from 'node:path';
import { parseEnv } from 'node:util';
import { z } from 'zod';
import type { HowdahError } from './contracts/errors.ts';
import { type ArmedFailpoint, FAILPOINTS, parseFailpoint } from './contracts/failpoint.ts';
import { isHost, isLoopback } from './network/addresses.ts';
import {
  type DefaultModel,
  type EnvironmentModels,
  environmentKeys,
  environmentModels,
} from './providers/environment/environment-models.ts';
import { otherPurposeOf } from './providers/environment/faulty-variables.ts';
import { modelVariables } from './providers/environment/variables.ts';
import { type ApiSettings, apiSettings, apiVariables } from './settings/api-settings.ts';
import { type CliSettings, cliSettings, cliVariables } from './settings/cli-settings.ts';
import {
  type FolderSettings,
  folderSettings,
  folderVariables,
} from './settings/folder-settings.ts';
import { findHome, type HomeFolder } from './settings/home-folder.ts';
import { type McpCommands, mcpCommands } from './settings/mcp-commands.ts';
import {
  commaList,
  invalidVariable,
  wholeNumber,
  withoutUndefined,
} from './settings/parse-variables.ts';
import { secretKeyList } from './settings/secret-key.ts';
import {
  type TelemetrySettings,
  telemetrySettings,
  telemetryVariables,
} from './settings/telemetry-settings.ts';
import { type ToolKey, toolKeys } from './settings/tool-keys.ts';
import { decodePercent } from './text/decode-percent.ts';

/** Environment variables of the process or of a test. An empty string counts as unset. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The configuration from the environment, validated and completed with defaults. */
export type Config = Readonly<{
  /**
   * The database server. Undefined: Howdah runs its own PostgreSQL in `home`. Each connection is a
   * session of its own.
   */
  databaseUrl: string | undefined;
  /** A pooler that assigns a connection to each transaction, for the requests of the API. */
  poolerUrl: string | undefined;
  /** A hot standby, for data that the API only reads. */
  replicaUrl: string | undefined;
  /** The absolute path of HOWDAH_HOME, else of `.howdah` in the folder of the project or user. */
  home: string;
  /** True if `home` is the user's, because there is neither HOWDAH_HOME nor a project. */
  isHomeOfUser: boolean;
  /** The absolute path of the files that rows of howdah.resources name by their path. */
  resourceFolder: string;
  /** The keys that encrypt secrets, the current one first. Must never be logged. */
  secretKeys: readonly Buffer[];
  /**
   * The absolute path of the key file that is used when there are no keys. Undefined where HOST is
   * not a loopback address.
   */
  secretKeyFile: string | undefined;
  /**
   * `host[:port]` on private addresses that tools, webhooks and MCP over HTTP may reach
   * nevertheless.
   */
  egressAllow: readonly string[];
  /** The commands that may be started as MCP servers, and their settings. */
  mcp: McpCommands;
  defaultModel: DefaultModel;
  /** The npm packages that a model may name as its provider, as `npm:<package>`. */
  providerPackages: readonly string[];
  /** All models that the environment describes. Contains keys, and must never be logged. */
  models: EnvironmentModels;
  /** Keys of tools. Contains keys, and must never be logged. */
  toolKeys: readonly ToolKey[];
  /** The vendors whose API key is in the environment. */
  keyedVendors: readonly string[];
  /** The point where workers of this process fail on purpose, for tests. */
  failpoint: ArmedFailpoint | undefined;
  /** Maximum number of runs in flight per worker. */
  workerConcurrency: number;
  /** The folder of pg_dump and similar programs. Undefined: the folder is searched for. */
  pgBin: string | undefined;
  /** The folders where programs are searched for. */
  path: readonly string[];
  /**
   * True if started by `npx howdah` or `npm start`: somebody at a terminal or a script ends npm to
   * end the process.
   */
  isStartedByNpm: boolean;
}> &
  ApiSettings &
  FolderSettings &
  TelemetrySettings &
  CliSettings;

const postgresUrl = z
  .url({ protocol: /^postgres(ql)?$/ })
  .refine((url) => decodePercent(url) !== undefined)
  .optional();

/**
 * The schema of each variable with its fix. A fix completes the sentence "Set NAME to …" and never
 * repeats the value.
 */
export const variables = {
  DATABASE_URL: [
    postgresUrl,
    'a URL such as postgres://user:password@localhost:5432/howdah, with %25 for a % in the password, or unset it to use the embedded PostgreSQL',
  ],
  DATABASE_DIRECT_URL: [
    postgresUrl,
    'the URL of the server itself, such as postgres://user:password@localhost:5432/howdah, if DATABASE_URL is the URL of a pooler',
  ],
  DATABASE_REPLICA_URL: [
    postgresUrl,
    'the URL of a hot standby, such as postgres://user:password@replica:5432/howdah',
  ],
  ...apiVariables,
  HOWDAH_HOME: [
    z
      .string()
      .regex(/^(?!\/(proc|sys|dev)(\/|$))/)
      .optional(),
    'the path of a folder',
  ],
  ...folderVariables,
  HOWDAH_SECRET_KEY: [
    secretKeyList,
    '32 bytes as base64 or hex, such as the output of: openssl rand -base64 32; the current key first, then older keys after a comma',
  ],
  HOWDAH_SECRET_KEY_OLD: [secretKeyList, `the key (or keys) that HOWDAH_SECRET_KEY was before`],
  HOWDAH_EGRESS_ALLOW: [
    commaList.pipe(z.array(z.string().refine(isHost))),
    'a comma-separated list of host or host:port, such as localhost:11434,10.0.0.5,[fd00::5]:8080',
  ],
  HOWDAH_MCP_COMMANDS: [
    commaList,
    'none, or a comma-separated list of commands, such as npx,/opt/my-server',
  ],
  HOWDAH_PROVIDER_PACKAGES: [
    commaList.pipe(z.array(z.string().regex(/^(@[\w.~-]+\/)?[\w.~-]+$/))),
    'a comma-separated list of npm packages, such as ollama-ai-provider-v2,@acme/models',
  ],
  HOWDAH_FAILPOINT: [
    z
      .string()
      .refine((text) => parseFailpoint(text) !== undefined)
      .transform((text) => parseFailpoint(text))
      .optional(),
    `name[:nth]:kill|error|hang|delay=ms with one of the names ${FAILPOINTS.join(', ')}`,
  ],
  ...telemetryVariables,
  ...cliVariables,
  HOWDAH_WORKER_CONCURRENCY: [
    wholeNumber(1, 10_000).default(100),
    'a whole number from 1 to 10000',
  ],
  HOWDAH_PG_BIN: [
    z.string().optional(),
    'the folder of pg_dump, such as /usr/lib/postgresql/18/bin',
  ],
  ...modelVariables,
} as const satisfies Record<string, readonly [z.ZodType, string]>;

type Name = keyof typeof variables;
type Values = { [N in Name]: z.infer<(typeof variables)[N][0]> };

/**
 * Returns the configuration that `env` describes for a process in `folder`. Throws `HWINV` with the
 * name of the variable and the fix, never with its value, because a mistyped line may contain a
 * secret.
 */
export function readConfig(env: Environment, folder: string = process.cwd()): Config {
  const { values, faults } = readVariables(env);
  const { home, isOfUser } = homeOf(values, env, folder);
  const models = environmentModels(values, env, faults);
  const isSet = (name: string): boolean => Boolean(env[name]?.trim());
  return Object.freeze({
    ...apiSettings(values, { isEmbedded: values.DATABASE_URL === undefined, isSet }),
    ...databaseUrls(values),
    home,
    isHomeOfUser: isOfUser,
    resourceFolder: resolve(home, 'resources'),
    ...folderSettings(values),
    secretKeys: Object.freeze([...values.HOWDAH_SECRET_KEY, ...values.HOWDAH_SECRET_KEY_OLD]),
    secretKeyFile: isLoopback(values.HOST) ? resolve(home, 'secret.key') : undefined,
    egressAllow: Object.freeze(values.HOWDAH_EGRESS_ALLOW),
    mcp: mcpCommands(values.HOWDAH_MCP_COMMANDS, env),
    providerPackages: Object.freeze(values.HOWDAH_PROVIDER_PACKAGES),
    defaultModel: models.defaultModel,
    models,
    toolKeys: Object.freeze(toolKeys(env)),
    keyedVendors: Object.freeze(Object.keys(environmentKeys(models))),
    failpoint: values.HOWDAH_FAILPOINT,
    ...telemetrySettings(values),
    ...cliSettings(values, env),
    workerConcurrency: values.HOWDAH_WORKER_CONCURRENCY,
    pgBin: values.HOWDAH_PG_BIN && resolve(values.HOWDAH_PG_BIN),
    isStartedByNpm: ['npx', 'start'].includes(env.npm_lifecycle_event ?? ''),
    path: Object.freeze((env.PATH ?? '').split(delimiter).filter((folder) => folder !== '')),
  });
}

/**
 * Returns the configuration of this process. `overrides` (command-line flags, options of `start`)
 * take precedence over the real environment, which takes precedence over a `.env` file in `folder`
 * and over `defaults`. Only this function and `ownEnvironment` read `process.env`.
 */
export function loadConfig(
  overrides: Environment = {},
  folder: string = process.cwd(),
  defaults: Environment = {},
): Config {
  const env = { ...readDotEnv(folder), ...process.env, ...withoutUndefined(overrides) };
  const unset = Object.entries(defaults).filter(([name]) => !env[name]?.trim());
  return readConfig({ ...env, ...Object.fromEntries(unset) }, folder);
}

/** Returns a copy of this process's environment, for a program that the process starts. */
export function ownEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env };
}

/**
 * Returns the environment of this process for another process or thread of this product, with the
 * compile cache of this one. It would otherwise compile its code anew at each start.
 */
export function programEnvironment(): NodeJS.ProcessEnv {
  const cache = getCompileCacheDir();
  return { ...ownEnvironment(), ...(cache && { NODE_COMPILE_CACHE: dirname(cache) }) };
}

function homeOf({ HOWDAH_HOME }: Values, env: Environment, folder: string): HomeFolder {
  if (HOWDAH_HOME !== undefined) return { home: resolve(HOWDAH_HOME), isOfUser: false };
  return findHome(folder, env.HOME || homedir());
}

/**
 * Parses all variables. Throws for the first invalid one, unless it describes a model that runs do
 * not need: such a variable counts as unset, and `faults` names it.
 */
function readVariables(env: Environment): { values: Values; faults: Map<string, HowdahError> } {
  const faults = new Map<string, HowdahError>();
  const values = Object.entries(variables).map(([name, [schema, fix]]) => {
    const result = schema.safeParse(env[name]?.trim() || undefined);
    if (result.success) return [name, result.data];
    const fault = invalidVariable(name, 'its value is not valid', `Set ${name} to ${fix}.`);
    if (otherPurposeOf(name) === undefined) throw fault;
    faults.set(name, fault);
    return [name, undefined];
  });
  return { values: Object.fromEntries(values) as Values, faults };
}

function readDotEnv(folder: string): Environment {
  try {
    return parseEnv(readFileSync(resolve(folder, '.env'), 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return {};
    throw invalidVariable(
      '.env',
      'the file cannot be read',
      'Make it readable, or remove it.',
      error,
    );
  }
}

/** Returns the URLs of the databases. Throws `HWINV` if they contradict each other. */
function databaseUrls({ DATABASE_URL, DATABASE_DIRECT_URL, DATABASE_REPLICA_URL }: Values) {
  if (DATABASE_DIRECT_URL !== undefined && DATABASE_URL === undefined) {
    throw invalidVariable(
      'DATABASE_DIRECT_URL',
      'it bypasses a pooler, but DATABASE_URL is not set',
      'Set DATABASE_URL to the URL of the pooler. Without a pooler, set DATABASE_URL to this URL and unset DATABASE_DIRECT_URL.',
    );
  }
  return {
    databaseUrl: DATABASE_DIRECT_URL ?? DATABASE_URL,
    poolerUrl: DATABASE_DIRECT_URL && DATABASE_URL,
    replicaUrl: DATABASE_REPLICA_URL,
  };
}
