import type { Config } from './config.ts';
import { HowdahError } from './contracts/errors.ts';
import {
  type EnvironmentModelRow,
  isOwner,
  type LockedModels,
  withEnvironmentModels,
} from './db/access/environment-models.ts';
import { secretRowsOn } from './db/access/secrets.ts';
import { createPool, type Pool } from './db/connection/pool.ts';
import { syncDefaultModel } from './db/worker/maintenance.ts';
import {
  type EnvironmentModel,
  environmentKeys,
} from './providers/environment/environment-models.ts';
import { createProviders, findProvider, type ProviderEnv } from './providers/registry.ts';
import { createSecretReader } from './secrets/reader.ts';
import { createSecretWriter } from './secrets/writer.ts';
import { masterKeysOf } from './serve-api.ts';

/**
 * Writes the models of this environment: the models named `default` of all tenants, and in the
 * tenant `default` one model for each other vendor and purpose, with their keys as secrets.
 * Commands that only read do not. `talk` receives a line for each key that cannot be stored.
 */
export async function updateModels(
  url: string,
  config: Config,
  talk: (line: string) => void,
): Promise<void> {
  refuseUnknownProvider(config);
  const worker = createPool({
    ...{ url, applicationName: 'howdah-start', role: 'howdah_worker', max: 1 },
  });
  await syncDefaultModel(worker, defaultModelRow(config)).finally(() => worker.end());
  const pool = createPool({ url, applicationName: 'howdah-start', max: 2 });
  try {
    await updateOthers(pool, config, talk);
  } finally {
    await pool.end();
  }
}

function refuseUnknownProvider(config: Config): void {
  const { provider } = defaultModelRow(config);
  const found = findProvider(createProviders(providerEnv(config)), {
    provider,
    base_url: config.defaultModel.baseUrl ?? null,
  });
  if (!found.ok) {
    throw new HowdahError('HWINV', `LLM_PROVIDER: ${found.error.message}`, {
      hint: 'Set LLM_PROVIDER to one of those, or set LLM_URL to the address of an OpenAI-compatible server.',
      detail: { variable: 'LLM_PROVIDER' },
    });
  }
}

/**
 * Returns the default model as a row. A model whose URL is in the environment is reached like any
 * OpenAI-compatible server.
 */
export function defaultModelRow(config: Pick<Config, 'defaultModel'>): {
  provider: string;
  model: string;
} {
  const { provider, model, baseUrl } = config.defaultModel;
  return { provider: baseUrl === undefined ? provider : 'openai', model };
}

/** Returns what the environment says about model servers, keys and packages. */
export function providerEnv(
  config: Pick<Config, 'defaultModel' | 'models' | 'providerPackages'>,
): ProviderEnv {
  const { apiKey, baseUrl } = config.defaultModel;
  const isOpenAi = defaultModelRow(config).provider === 'openai';
  return {
    OPENAI_API_KEY: isOpenAi ? apiKey : undefined,
    OPENAI_BASE_URL: baseUrl,
    keys: environmentKeys(config.models),
    packages: config.providerPackages,
  };
}

/** Writes the models of the tenant `default`. Only an owner of the database may. */
async function updateOthers(
  pool: Pool,
  config: Config,
  talk: (line: string) => void,
): Promise<void> {
  const { others } = config.models;
  if (!(await isOwner(pool))) {
    if (others.length === 0) return;
    const names = others.map(({ name }) => name).join(', ');
    return talk(
      `The models ${names} of the environment are not written: the login is no owner of the database.`,
    );
  }
  const canStore = await canStoreSecrets(pool, config);
  const stored = new Map<string, string | null>();
  await withEnvironmentModels(pool, async (locked) => {
    const storeKey = keyStore(pool, config, locked);
    const rows: EnvironmentModelRow[] = [];
    for (const model of others) {
      const name = secretNameOf(model);
      const kept = keptSecret(model, locked);
      if (name !== null && canStore && !isAdopted(model, locked) && !stored.has(name)) {
        stored.set(name, (await storeKey(name, model)) ? name : null);
      }
      rows.push(rowOf(model, name && (stored.get(name) ?? kept)));
    }
    await locked.write(rows);
  });
  if (!canStore) sayUnstored(others, talk);
}

function rowOf(model: EnvironmentModel, secretName: string | null): EnvironmentModelRow {
  const { name, purpose, provider, requestParams, fallbackPosition } = model;
  return {
    ...{ name, purpose, provider, model: model.model },
    base_url: model.baseUrl ?? null,
    secret_name: secretName,
    request_params: requestParams,
    fallback_position: fallbackPosition ?? null,
  };
}

/** Returns the name of the secret for a key: that of its variable, such as `groq-api-key`. */
function secretNameOf({ key }: EnvironmentModel): string | null {
  return key ? key.variable.toLowerCase().replaceAll('_', '-') : null;
}

/** Returns whether a person has made or changed the model of this name. */
function isAdopted({ name }: EnvironmentModel, { present }: LockedModels): boolean {
  return present.some((one) => one.name === name && !one.from_environment);
}

/** Returns the secret of the row as it is, if it is for the same server. */
function keptSecret(model: EnvironmentModel, { present }: LockedModels): string | null {
  const before = present.find(({ name }) => name === model.name);
  const isSame = before?.provider === model.provider && before.base_url === (model.baseUrl ?? null);
  return isSame ? before.secret_name : null;
}

/**
 * Returns a function that stores the key of a model under a name. The function returns false if the
 * secret of this name is somebody's own: it has another value, and no model of the environment
 * names it.
 */
function keyStore(pool: Pool, config: Config, { tenantId, present, putSecret }: LockedModels) {
  const rows = secretRowsOn(pool);
  const masterKeys = masterKeysOf(config);
  const read = createSecretReader(rows, masterKeys);
  const writer = createSecretWriter(rows, masterKeys);
  return async (name: string, { key }: EnvironmentModel): Promise<boolean> => {
    if (key === undefined) return false;
    const before = await read(tenantId, name);
    if (before.ok && before.value === key.value) return true;
    const isFree = !before.ok && before.error.code === 'not_found';
    const isOurs = present.some((one) => one.from_environment && one.secret_name === name);
    if (!isFree && !isOurs) return false;
    await writer.set(tenantId, name, key.value, putSecret);
    return true;
  };
}

/**
 * Returns whether this process may encrypt with a key that the others have. A key file is only for
 * the embedded database: with a database of their own, processes on other machines lack the file,
 * and would not start any more.
 */
async function canStoreSecrets(pool: Pool, config: Config): Promise<boolean> {
  const { current } = await secretRowsOn(pool).masterKeys();
  if (current === null) {
    const isEmbedded = config.databaseUrl === undefined && config.secretKeyFile !== undefined;
    return config.secretKeys.length > 0 || isEmbedded;
  }
  const known = await masterKeysOf(config).known();
  return known.some(({ fingerprint }) => fingerprint === current);
}

function sayUnstored(models: readonly EnvironmentModel[], talk: (line: string) => void): void {
  const variables = new Set(models.flatMap(({ key }) => (key ? [key.variable] : [])));
  if (variables.size === 0) return;
  talk(
    `Not stored as secrets: ${[...variables].join(', ')}. Set HOWDAH_SECRET_KEY to the key of all processes to store them. Until then each process uses the keys of its own environment.`,
  );
}
