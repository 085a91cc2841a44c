import { variables } from '../../../src/config.ts';
import { KEY_VARIABLES } from '../../../src/providers/environment/variables.ts';
import { TOOL_KEY_VARIABLES } from '../../../src/settings/tool-keys.ts';
import { cell, code, page, type ReferencePage, table } from './markdown.ts';

type Name = keyof typeof variables;

/** The meanings of the variables, in groups. */
const GROUPS = {
  Database: {
    DATABASE_URL:
      'The URL of the database server. If it is unset, Howdah starts its own PostgreSQL in HOWDAH_HOME.',
    DATABASE_DIRECT_URL:
      'The direct URL of the server, if DATABASE_URL is that of a [pooler](../operations.md#pgbouncer).',
    DATABASE_REPLICA_URL:
      'The URL of [a hot standby](../operations.md#a-replica) from which the API reads.',
    HOWDAH_HOME:
      'The folder of the embedded database and of the secret key. Default: `.howdah` in the project, else in the home folder of the user.',
    HOWDAH_ARCHIVE_FOLDER:
      'The folder of [archived months](../operations.md#dropping-and-archiving-months).',
    HOWDAH_TESSERACT_DATA:
      'The folder of the `.traineddata` files with which workers [recognize text in images](../knowledge.md#scans-and-images).',
    HOWDAH_PG_BIN: 'The folder of pg_dump and psql, for backups. If it is unset, PATH is searched.',
  },
  'API and login': {
    PORT: 'The port of the API. `--port` takes precedence.',
    HOST: 'The address that the API listens on. Any address that is not loopback requires a login and HOWDAH_SECRET_KEY.',
    HOWDAH_PUBLIC_URL:
      'The URL at which clients reach this server, for [agent cards](../a2a.md) and links that [connect accounts](../connected-accounts.md).',
    HOWDAH_AUTH:
      '`required`, or `none` for programs of this machine alone. Default: `none` for `start` and `demo` on the embedded database with a loopback HOST, and without a HOWDAH_PUBLIC_URL of another machine; else `required`. `none` is rejected on any other HOST: [without a login](../how-to/reverse-proxy.md#without-a-login).',
    HOWDAH_JWT_SECRET: 'The secret that signs tokens (HS256): [keys](../keys.md).',
    HOWDAH_JWKS_URL:
      'The URL of the keys with which an identity provider signs tokens (RS256, ES256).',
    HOWDAH_OIDC_ISSUER:
      'The URL of the OpenID provider at which people [log in to the console](../keys.md#login-at-an-identity-provider). It needs HOWDAH_JWT_SECRET and HOWDAH_PUBLIC_URL, and makes a login required.',
    HOWDAH_OIDC_CLIENT_ID: 'The id of this server as a client of the provider.',
    HOWDAH_OIDC_CLIENT_SECRET: 'The secret of the client. Unset for a public client.',
    HOWDAH_OIDC_CLIENT_AUTH: 'How the secret is sent, as the client is registered.',
    HOWDAH_OIDC_SCOPES: 'The scopes that are requested.',
    HOWDAH_OIDC_USER_CLAIM:
      'The claim with the name of the user. With `email`, the provider must also say `email_verified`.',
    HOWDAH_OIDC_TENANT_CLAIM:
      'The claim with the slug of the tenant. If it is unset, everybody belongs to HOWDAH_OIDC_TENANT.',
    HOWDAH_OIDC_TENANT: 'The slug of the tenant, without HOWDAH_OIDC_TENANT_CLAIM.',
    HOWDAH_OIDC_ROLE_CLAIM:
      'The claim with the role or with a list of roles, of which the highest counts. Nobody gets more than the role of the user. If it is unset, the role of the user counts.',
    HOWDAH_OIDC_NEW_USERS:
      'The role of users who are created at their first login. If it is unset, unknown users are refused.',
    HOWDAH_OIDC_SESSION_MINUTES: 'The time after which a person signs in again.',
    HOWDAH_CORS_ORIGINS: 'Origins whose pages may call the API, besides the origin of the API.',
    HOWDAH_GRAPHQL_INTROSPECTION:
      'Whether introspection and GraphiQL are on. Default: on if no login is required, else off.',
    HOWDAH_GRAPHQL_OPERATIONS:
      'The only [GraphQL operations](../graphql.md#limits-of-every-endpoint) that are allowed.',
    HOWDAH_GRAPHQL_SCHEMAS:
      'Schemas of [your own tables in GraphQL](../live-lists.md#your-own-tables-in-graphql).',
    HOWDAH_TENANT_STREAMS:
      'Maximum number of streams, sockets and waits of a tenant in one process: [fair shares of an API process](../operations.md#fair-shares-of-an-api-process).',
    HOWDAH_USER_STREAMS: 'Maximum number of streams, sockets and waits of a user in one process.',
  },
  'Secrets and requests': {
    HOWDAH_SECRET_KEY:
      'The key that encrypts [secrets](../secrets.md). If it is unset on loopback, a key is created in HOWDAH_HOME.',
    HOWDAH_SECRET_KEY_OLD: 'Earlier keys, during a rotation.',
    HOWDAH_EGRESS_ALLOW:
      'Hosts on private addresses that tools, webhooks, engines, MCP over HTTP and models of tenants may reach, and that tenants may name. Public addresses need no entry.',
    HOWDAH_MCP_COMMANDS: 'Commands that may be started as [MCP servers](../mcp.md).',
    HOWDAH_PROVIDER_PACKAGES: 'npm packages that [models](../models.md) may use as `npm:PACKAGE`.',
  },
  Models: {
    OPENAI_API_KEY: 'The key of OpenAI, or of the server at OPENAI_BASE_URL.',
    OPENAI_BASE_URL: 'A server with the API of OpenAI.',
    OPENAI_MODEL: 'The model of OpenAI, or of that server.',
    LLM_PROVIDER: 'The provider of the default language model.',
    LLM_API_KEY: 'The key of the default language model.',
    LLM_MODEL: 'The name of the default language model at its provider.',
    LLM_URL:
      'The server of the default language model, if it is not that of the provider. It is called in the format of OpenAI, whatever LLM_PROVIDER says. If the URL is the usual address of a vendor, the model counts as a model of that vendor.',
    TTS_PROVIDER: 'The provider of the model `tts`, which generates speech.',
    TTS_API_KEY: 'The key of the model `tts`.',
    TTS_MODEL: 'The name of the model `tts` at its provider.',
    TTS_URL: 'The server of the model `tts`.',
    TTS_VOICE: 'The voice of the model `tts`.',
    STT_PROVIDER: 'The provider of the model `stt`, which transcribes speech.',
    STT_API_KEY: 'The key of the model `stt`.',
    STT_MODEL: 'The name of the model `stt` at its provider.',
    STT_URL:
      'The server of the model `stt`. A URL with `ws://` is stored, but no part of Howdah calls it yet.',
    EMBEDDING_PROVIDER: 'The provider of the model `embedding`.',
    EMBEDDING_API_KEY: 'The key of the model `embedding`.',
    EMBEDDING_MODEL: 'The name of the model `embedding` at its provider.',
    EMBEDDING_URL: 'The server of the model `embedding`.',
    OLLAMA_HOST: 'The address of an Ollama server, in the form that the programs of Ollama use.',
    OLLAMA_MODEL: 'The name of the model at the Ollama server. Default: `llama3.2`.',
  },
  'Workers and tests': {
    HOWDAH_WORKER_CONCURRENCY: 'Maximum number of runs in flight per worker.',
    HOWDAH_FAILPOINT: 'A point at which a worker fails on purpose, in tests.',
  },
  'Logs, metrics and traces': {
    HOWDAH_LOG_LEVEL: 'The lowest level that is logged.',
    HOWDAH_LOG_FORMAT: 'The format of the log. Default: pretty at a terminal, else JSON.',
    HOWDAH_METRICS_PORT:
      'A port that serves only [metrics](../observability.md), `/healthz` and `/readyz`, also in a process without an API. If it is unset, only the API serves them.',
    HOWDAH_METRICS_TOKEN: 'The token that a reader of metrics must send.',
    HOWDAH_TRACEPARENT:
      'Whether runs `join` the trace of a caller, or begin their own with a `link` to it.',
    OTEL_SDK_DISABLED: 'If true, no traces are sent.',
    OTEL_TRACES_EXPORTER: 'With `none`, no traces are sent.',
    OTEL_EXPORTER_OTLP_ENDPOINT:
      'The collector of traces. Without an endpoint, no traces are sent.',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'The collector of traces, as a URL with the path.',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'The protocol of the collector.',
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'The protocol of the collector, for traces only.',
    OTEL_EXPORTER_OTLP_HEADERS: 'Headers for the collector.',
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'Headers for the collector, for traces only.',
    OTEL_EXPORTER_OTLP_TIMEOUT: 'Time limit of a request to the collector.',
    OTEL_BSP_SCHEDULE_DELAY: 'Time for which spans are collected before they are sent.',
    OTEL_SERVICE_NAME: 'The name of this service in traces.',
    OTEL_RESOURCE_ATTRIBUTES: 'Further attributes of this process in traces.',
    OTEL_TRACES_SAMPLER: 'Which traces are kept.',
    OTEL_TRACES_SAMPLER_ARG: 'The share of traces that samplers with a ratio keep.',
    OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT:
      'If true, traces include the text of models and tools.',
  },
  'Command line': {
    HOWDAH_API_URL: 'A server that commands use in place of the database.',
    HOWDAH_API_KEY: 'The token or API key for that server.',
    HOWDAH_PROFILE: 'The [profile](../cli.md) that commands use; `none` for no profile.',
  },
} as const satisfies Record<string, Partial<Record<Name, string>>>;

/**
 * Renders the environment variables with their meaning, format and default. Throws if a variable
 * has no meaning here.
 */
export function environmentPage(): ReferencePage {
  const describedNames = new Set(Object.values(GROUPS).flatMap((group) => Object.keys(group)));
  const missing = Object.keys(variables).filter((name) => !describedNames.has(name));
  if (missing.length > 0) throw new Error(`${missing.join(', ')}: add the meaning to GROUPS`);
  const sections = Object.entries(GROUPS).flatMap(([title, meanings]) => [
    `## ${title}`,
    table(
      ['variable', 'meaning', 'format', 'default'],
      Object.entries(meanings).map(([name, meaning]) => rowOf(name as Name, meaning)),
    ),
  ]);
  const keys = KEY_VARIABLES.filter((name) => !(name in variables)).map(code);
  return page('environment.md', {
    title: 'Environment variables',
    source: 'src/config.ts, src/settings and test/support/reference/environment-page.ts',
    parts: [
      INTRO,
      ...sections,
      '## Keys of vendors',
      `${KEYS} ${keys.join(', ')}. ${NOT_READ}`,
      '## Keys of tools',
      TOOL_KEYS,
      table(['variables', 'secret'], Object.entries(TOOL_KEY_VARIABLES).map(toolKeyRow)),
    ],
  });
}

const INTRO =
  'An empty value counts as unset. A `.env` file in the working folder is read, and the real environment takes ' +
  'precedence. Options of commands and of [`start()`](../embedding.md) take precedence over both. With an ' +
  'invalid value, the start fails with `HWINV`. The message names the variable and the fix, but never contains the value.';
const KEYS =
  'A key of a vendor makes its models available: [models of the environment](../operations.md#models-from-the-environment). ' +
  "The names are those that the vendors' own tools use:";

const NOT_READ =
  'Some keys make a model only if a variable names their provider: `ELEVENLABS_API_KEY`, `DEEPGRAM_API_KEY` and `ASSEMBLYAI_API_KEY` (`TTS_PROVIDER`, ' +
  '`STT_PROVIDER`); the keys of Hugging Face, Vertex, AWS and Azure (`LLM_PROVIDER`). `ANTHROPIC_BASE_URL` is not read.';
const TOOL_KEYS =
  'Where keys [become secrets](../operations.md#models-from-the-environment), each of the following keys becomes a secret that tools can name. ' +
  'If a row has several variables, the first one that is set is used.';

function toolKeyRow([secret, names]: [string, readonly string[]]): string[] {
  return [names.map(code).join(' or '), code(secret)];
}

function rowOf(name: Name, meaning: string): string[] {
  const [schema, fix] = variables[name];
  const { data } = schema.safeParse(undefined);
  const usual = typeof data === 'string' || typeof data === 'number' ? code(`${data}`) : '';
  return [code(name), meaning, cell(fix.replace(/, or unset it.*$/, '')), usual];
}
