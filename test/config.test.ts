import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { type Environment, loadConfig, readConfig } from '../src/config.ts';
import { KEY_VARIABLES, modelVariables } from '../src/providers/environment/variables.ts';

const folder = mkdtempSync(join(tmpdir(), 'howdah-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('an empty environment yields frozen defaults', () => {
  const config = readConfig({});
  expect(config).toEqual({
    hasDisplay: ['darwin', 'win32'].includes(process.platform),
    databaseUrl: undefined,
    poolerUrl: undefined,
    replicaUrl: undefined,
    port: 8000,
    host: '127.0.0.1',
    publicUrl: undefined,
    home: resolve('.howdah'),
    isHomeOfUser: false,
    resourceFolder: resolve('.howdah', 'resources'),
    auth: 'none',
    jwtSecret: undefined,
    secretKeys: [],
    secretKeyFile: resolve('.howdah', 'secret.key'),
    jwksUrl: undefined,
    oidc: undefined,
    corsOrigins: [],
    graphqlIntrospection: true,
    graphqlOperations: undefined,
    graphqlSchemas: [],
    egressAllow: [],
    mcp: { commands: undefined, environment: {} },
    providerPackages: [],
    toolKeys: [],
    defaultModel: {
      provider: 'local',
      model: 'extractive',
      baseUrl: undefined,
      apiKey: undefined,
    },
    models: {
      defaultModel: {
        provider: 'local',
        model: 'extractive',
        baseUrl: undefined,
        apiKey: undefined,
      },
      defaultVariables: [],
      others: [],
      warnings: [],
      keys: {},
      openai: { baseUrl: undefined, apiKey: undefined },
    },
    keyedVendors: [],
    apiUrl: undefined,
    apiKey: undefined,
    logLevel: 'info',
    logFormat: undefined,
    metricsPort: undefined,
    metricsToken: undefined,
    tracing: undefined,
    tenantStreams: 1_000,
    userStreams: 100,
    workerConcurrency: 100,
    tesseractData: undefined,
    pgBin: undefined,
    path: [],
    isStartedByNpm: false,
  });
  expect(Object.isFrozen(config)).toBe(true);
  expect(Object.isFrozen(config.defaultModel)).toBe(true);
  expect(Object.isFrozen(config.corsOrigins)).toBe(true);
  expect(Object.isFrozen(config.egressAllow)).toBe(true);
});

test('removes the trailing slash of the public URL', () => {
  const publicUrl = 'https://example.com/howdah';
  expect(readConfig({ HOWDAH_PUBLIC_URL: `${publicUrl}/` })).toMatchObject({ publicUrl });
});

test('treats an empty value as unset', () => {
  expect(readConfig({ PORT: '', DATABASE_URL: ' ', OPENAI_API_KEY: '' })).toEqual(readConfig({}));
});

describe('authentication', () => {
  test.each([
    ['127.0.0.1', 'none'],
    ['localhost', 'none'],
    ['::1', 'none'],
    ['127.0.0.53', 'none'],
    ['0.0.0.0', 'required'],
    ['::', 'required'],
    ['::ffff:127.0.0.1', 'required'],
    ['192.168.1.7', 'required'],
    ['127.1', 'required'],
    ['howdah.example.com', 'required'],
    ['localhost.example.com', 'required'],
    ['127.0.0.1.example.com', 'required'],
  ])('on HOST %s is %s by default', (HOST, auth) => {
    expect(readConfig({ HOST }).auth).toBe(auth);
  });

  test.each([
    { DATABASE_URL: 'postgres://db.internal/agents' },
    { DATABASE_URL: 'postgres://127.0.0.1/agents', DATABASE_DIRECT_URL: 'postgres://127.0.0.1/a' },
    { HOWDAH_PUBLIC_URL: 'https://agents.example.com' },
    { HOWDAH_PUBLIC_URL: 'http://192.168.1.7:8000' },
  ])('with %o is required by default, and may be switched off', (env) => {
    expect(readConfig(env).auth).toBe('required');
    expect(readConfig({ ...env, HOWDAH_AUTH: 'none' }).auth).toBe('none');
  });

  test.each(['http://localhost:9000', 'http://[::1]:9000/x'])(
    'on the own address %s is none by default',
    (HOWDAH_PUBLIC_URL) => {
      expect(readConfig({ HOWDAH_PUBLIC_URL }).auth).toBe('none');
    },
  );

  test('may be required on loopback', () => {
    expect(readConfig({ HOWDAH_AUTH: 'required' }).auth).toBe('required');
  });

  test.each(['0.0.0.0', '::', 'howdah.example.com', '10.0.0.5'])(
    'cannot be switched off on HOST %s',
    (HOST) => {
      expect(failure({ HOST, HOWDAH_AUTH: 'none' })).toMatchObject({
        code: 'HWINV',
        detail: { variable: 'HOWDAH_AUTH' },
      });
    },
  );
});

test('packages of model providers are a list', () => {
  const { providerPackages } = readConfig({ HOWDAH_PROVIDER_PACKAGES: 'one, @scope/two' });
  expect(providerPackages).toEqual(['one', '@scope/two']);
});

test('commands for MCP servers are a list, and get no variable that could be a secret', () => {
  expect(readConfig({ HOWDAH_MCP_COMMANDS: 'npx, uvx' }).mcp.commands).toEqual(['npx', 'uvx']);
  expect(readConfig({ HOWDAH_MCP_COMMANDS: 'none' }).mcp.commands).toEqual([]);
  const env = { PATH: '/bin', HOME: '/home/x', OPENAI_API_KEY: 'secret', DATABASE_URL: '' };
  expect(readConfig(env).mcp.environment).toEqual({ PATH: '/bin', HOME: '/home/x' });
});

test('GraphQL introspection is off by default where authentication is required', () => {
  expect(readConfig({ HOWDAH_AUTH: 'required' }).graphqlIntrospection).toBe(false);
  const on = { HOWDAH_AUTH: 'required', HOWDAH_GRAPHQL_INTROSPECTION: 'on' };
  expect(readConfig(on).graphqlIntrospection).toBe(true);
  expect(readConfig({ HOWDAH_GRAPHQL_INTROSPECTION: 'off' }).graphqlIntrospection).toBe(false);
  expect(readConfig({ HOWDAH_GRAPHQL_OPERATIONS: 'known' }).graphqlOperations).toBe(
    resolve('known'),
  );
});

test('the length of a secret counts in bytes, and a list may contain spaces', () => {
  const HOWDAH_JWT_SECRET = 'ü'.repeat(16);
  const HOWDAH_CORS_ORIGINS = 'https://app.example, http://localhost:3000,';
  const HOWDAH_JWKS_URL = 'https://login.example/jwks.json';
  expect(readConfig({ HOWDAH_JWT_SECRET, HOWDAH_CORS_ORIGINS, HOWDAH_JWKS_URL })).toMatchObject({
    jwtSecret: HOWDAH_JWT_SECRET,
    jwksUrl: HOWDAH_JWKS_URL,
    corsOrigins: ['https://app.example', 'http://localhost:3000'],
  });
});

test('secret keys list the current one first, then older ones, from either variable', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((letter) => Buffer.alloc(32, letter)) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  const config = readConfig({
    HOWDAH_SECRET_KEY: `${a.toString('base64')}, ${b.toString('hex')}`,
    HOWDAH_SECRET_KEY_OLD: c.toString('base64url'),
  });
  expect(config.secretKeys).toEqual([a, b, c]);
  expect(readConfig({ HOST: '0.0.0.0' }).secretKeyFile).toBeUndefined();
});

test('allowed private hosts are a list of host and port', () => {
  const HOWDAH_EGRESS_ALLOW = 'localhost:11434, 10.0.0.5 ,[fd00::5]:8080,';
  expect(readConfig({ HOWDAH_EGRESS_ALLOW })).toMatchObject({
    egressAllow: ['localhost:11434', '10.0.0.5', '[fd00::5]:8080'],
  });
});

describe('the default model', () => {
  const none = { baseUrl: undefined, apiKey: undefined };
  const url = 'http://localhost:1234/v1';
  test.each<[string, Environment, object]>([
    ['a key', { OPENAI_API_KEY: 'k' }, { ...none, model: 'gpt-5-mini', apiKey: 'k' }],
    [
      'a base URL and a model',
      { OPENAI_BASE_URL: url, OPENAI_MODEL: 'm' },
      { ...none, model: 'm', baseUrl: url },
    ],
    ['LLM_API_KEY alone', { LLM_API_KEY: 'k' }, { ...none, model: 'gpt-5-mini', apiKey: 'k' }],
    [
      'LLM_MODEL before OPENAI_MODEL',
      { OPENAI_API_KEY: 'k', OPENAI_MODEL: 'm', LLM_PROVIDER: 'openai', LLM_MODEL: 'n' },
      { ...none, model: 'n', apiKey: 'k' },
    ],
    [
      'LLM_MODEL alone beside a key',
      { OPENAI_API_KEY: 'k', LLM_MODEL: 'n' },
      { ...none, model: 'n', apiKey: 'k' },
    ],
    [
      'LLM_PROVIDER=openai beside OPENAI_BASE_URL',
      { OPENAI_BASE_URL: url, LLM_PROVIDER: 'openai', LLM_MODEL: 'n' },
      { ...none, model: 'n', baseUrl: url },
    ],
    [
      'LLM_API_KEY before OPENAI_API_KEY',
      { OPENAI_API_KEY: 'other', LLM_API_KEY: 'k' },
      { ...none, model: 'gpt-5-mini', apiKey: 'k' },
    ],
  ])('uses the provider openai: %s', (_, env, expected) => {
    expect(readConfig(env).defaultModel).toEqual({ provider: 'openai', ...expected });
  });

  test('is set by LLM_*', () => {
    const env = {
      LLM_PROVIDER: 'Anthropic',
      LLM_MODEL: 'claude',
      LLM_API_KEY: 'k',
      LLM_URL: url,
    };
    expect(readConfig(env).defaultModel).toEqual({
      provider: 'anthropic',
      model: 'claude',
      baseUrl: url,
      apiKey: 'k',
    });
  });

  test('is that of LLM_* before OPENAI_*', () => {
    const env = { OPENAI_API_KEY: 'other', OPENAI_BASE_URL: url, OPENAI_MODEL: 'm' };
    const named = { LLM_PROVIDER: 'anthropic', LLM_API_KEY: 'k', LLM_MODEL: 'n' };
    expect(readConfig({ ...env, ...named }).defaultModel).toEqual({
      ...{ provider: 'anthropic', model: 'n', baseUrl: undefined, apiKey: 'k' },
    });
  });

  test('may be the provider local', () => {
    expect(readConfig({ LLM_PROVIDER: 'local' }).defaultModel).toMatchObject({
      provider: 'local',
      model: 'extractive',
    });
  });

  test('requires LLM_MODEL for a provider without a default model', () => {
    expect(failure({ LLM_PROVIDER: 'huggingface' })).toMatchObject({
      detail: { variable: 'LLM_MODEL' },
    });
  });
});

test.each([
  ['DATABASE_URL', 'mysql://me:s3cret@host/db'],
  ['DATABASE_URL', 's3cret'],
  ['DATABASE_URL', 'postgres://me:s3cret%@host/db'],
  ['DATABASE_REPLICA_URL', 'postgres://me:50%s3cret@host/db'],
  ['PORT', '80 80 s3cret'],
  ['PORT', '65536'],
  ['HOST', 'http://s3cret'],
  ['HOWDAH_PUBLIC_URL', 's3cret'],
  ['HOWDAH_PUBLIC_URL', 'ftp://s3cret'],
  ['HOWDAH_PUBLIC_URL', 'https://me:s3cret@agents.example.com'],
  ['HOWDAH_PUBLIC_URL', 'https://agents.example.com/?s3cret'],
  ['HOWDAH_AUTH', 's3cret'],
  ['HOWDAH_SECRET_KEY', 's3cret'],
  ['HOWDAH_SECRET_KEY', `${'ab'.repeat(32)},s3cret`],
  ['HOWDAH_SECRET_KEY_OLD', 's3cret'],
  ['HOWDAH_JWT_SECRET', 's3cret'],
  ['HOWDAH_JWT_SECRET', `${'x'.repeat(25)}s3cret`],
  ['HOWDAH_JWKS_URL', 's3cret'],
  ['HOWDAH_JWKS_URL', 'file:///s3cret'],
  ['HOWDAH_OIDC_ISSUER', 's3cret'],
  ['HOWDAH_OIDC_ISSUER', 'http://login.example/s3cret'],
  ['HOWDAH_OIDC_ISSUER', 'https://me:s3cret@login.example'],
  ['HOWDAH_OIDC_ISSUER', 'https://login.microsoftonline.com/common/v2.0'],
  ['HOWDAH_OIDC_ISSUER', 'https://login.example/.well-known/openid-configuration'],
  ['HOWDAH_OIDC_CLIENT_AUTH', 's3cret'],
  ['HOWDAH_OIDC_SCOPES', 'email s3cret'],
  ['HOWDAH_OIDC_NEW_USERS', 's3cret'],
  ['HOWDAH_OIDC_SESSION_MINUTES', '4'],
  ['HOWDAH_CORS_ORIGINS', 's3cret'],
  ['HOWDAH_CORS_ORIGINS', '*,https://s3cret'],
  ['HOWDAH_CORS_ORIGINS', 'https://app.example/s3cret'],
  ['HOWDAH_EGRESS_ALLOW', 'http://s3cret'],
  ['HOWDAH_EGRESS_ALLOW', 'db:5432,s3cret/path'],
  ['HOWDAH_EGRESS_ALLOW', 's3cret:65536'],
  ['HOWDAH_EGRESS_ALLOW', '*.s3cret'],
  ['HOWDAH_LOG_LEVEL', 's3cret'],
  ['HOWDAH_WORKER_CONCURRENCY', '0'],
  ['HOWDAH_TENANT_STREAMS', '0'],
  ['HOWDAH_USER_STREAMS', 's3cret'],
  ['OPENAI_BASE_URL', 's3cret'],
  ['LLM_PROVIDER', 's3cret s3cret'],
  ['LLM_URL', 'ftp://s3cret'],
])('rejects a bad %s (%s) as HWINV with the name and the fix, without the value', (name, value) => {
  const error = failure({ [name]: value });
  expect(error).toMatchObject({ code: 'HWINV', detail: { variable: name } });
  expect(error).toHaveProperty('message', expect.stringContaining(name));
  expect(error).toHaveProperty('hint', expect.stringContaining(`Set ${name} to `));
  expect(JSON.stringify({ ...error, message: error.message })).not.toContain('s3cret');
});

const OIDC = {
  ...{ DATABASE_URL: 'postgres://localhost/db', HOWDAH_JWT_SECRET: 'x'.repeat(32) },
  HOWDAH_PUBLIC_URL: 'https://agents.example.com',
};
const PROVIDER = { HOWDAH_OIDC_ISSUER: 'https://login.example', HOWDAH_OIDC_CLIENT_ID: 'howdah' };

test.each([
  ['HOWDAH_OIDC_ISSUER', { HOWDAH_OIDC_CLIENT_ID: 'howdah' }],
  ['HOWDAH_OIDC_ISSUER', { HOWDAH_OIDC_NEW_USERS: 'viewer' }],
  ['HOWDAH_OIDC_ISSUER', { HOWDAH_OIDC_SCOPES: 'openid' }],
  ['HOWDAH_OIDC_CLIENT_ID', { ...PROVIDER, HOWDAH_OIDC_CLIENT_ID: ' ' }],
  [
    'HOWDAH_OIDC_TENANT',
    { ...PROVIDER, HOWDAH_OIDC_TENANT: 'default', HOWDAH_OIDC_TENANT_CLAIM: 'org' },
  ],
  ['HOWDAH_OIDC_CLIENT_AUTH', { ...PROVIDER, HOWDAH_OIDC_CLIENT_AUTH: 'client_secret_post' }],
])('rejects settings of an OpenID provider that have no effect: %s, %o', (variable, given) => {
  expect(failure({ ...OIDC, ...given })).toMatchObject({ code: 'HWINV', detail: { variable } });
});

test('overrides take precedence over the environment, which takes precedence over .env', () => {
  writeFileSync(
    join(folder, '.env'),
    'PORT=1111\nHOWDAH_LOG_LEVEL=debug\nOPENAI_MODEL="a b"\nOPENAI_API_KEY=k\nHOST=::1\n',
  );
  vi.stubEnv('PORT', '2222');
  vi.stubEnv('HOST', 'localhost');
  vi.stubEnv('OPENAI_MODEL', undefined);
  vi.stubEnv('OPENAI_API_KEY', undefined);
  vi.stubEnv('HOWDAH_LOG_LEVEL', undefined);
  const config = loadConfig({ HOST: '127.0.0.2', PORT: undefined }, folder);
  vi.unstubAllEnvs();
  expect(config).toMatchObject({ host: '127.0.0.2', port: 2222, logLevel: 'debug' });
  expect(config.defaultModel).toMatchObject({ model: 'a b', apiKey: 'k' });
});

test('the reference names each variable of models', () => {
  const page = readFileSync(new URL('../docs/reference/environment.md', import.meta.url), 'utf8');
  const names = new Set([...Object.keys(modelVariables), ...KEY_VARIABLES]);
  expect(names.size).toBeGreaterThan(40);
  expect([...names].filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

function failure(env: Environment): Error {
  try {
    readConfig(env);
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('readConfig did not throw');
}

test('with a pooler, only API requests use the pooler; everything else uses the server URL', () => {
  const [pooler, server] = ['postgres://api@pooler:6432/howdah', 'postgres://me@db:5432/howdah'];
  expect(readConfig({ DATABASE_URL: pooler, DATABASE_DIRECT_URL: server })).toMatchObject({
    databaseUrl: server,
    poolerUrl: pooler,
  });
  expect(readConfig({ DATABASE_URL: server })).toMatchObject({
    databaseUrl: server,
    poolerUrl: undefined,
  });
  expect(() => readConfig({ DATABASE_DIRECT_URL: server })).toThrow(
    'DATABASE_DIRECT_URL: it bypasses a pooler, but DATABASE_URL is not set',
  );
});
