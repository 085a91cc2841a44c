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
import { syncDefaultModel } from './db/worker/sync-environment.ts';
import { providerEnv } from './guarded-providers.ts';
import { isInstalled } from './providers/ai-sdk/packages.ts';
import {
  type EnvironmentModel,
  usesKeyOfProcess,
} from './providers/environment/environment-models.ts';
import { createProviders, findProvider } from './providers/registry.ts';
import { findVendor, MISSING_PURPOSES, VENDORS, variablesOfKey } from './providers/vendors.ts';
import { createSecretReader } from './secrets/reader.ts';
import { createSecretWriter } from './secrets/writer.ts';
import { masterKeysOf } from './serve-api.ts';

/**
 * Writes the models of this environment: the models named `default` of all tenants, and in the
 * tenant `default` one model for each other vendor and purpose. Their keys, and those of tools,
 * become secrets where no request needs a login; `isApi` says whether this process serves the API.
 * Commands that only read do not write models. `talk` receives a line about keys that do not become
 * secrets.
 */
export async function updateModels(
  url: string,
  config: Config,
  isApi: boolean,
  talk: (line: string) => void,
): Promise<void> {
  refuseUnknownProvider(config);
  warnMissingKey(config, talk);
  for (const warning of config.models.warnings) talk(warning);
  const worker = createPool({
    ...{ url, applicationName: 'howdah-start', role: 'howdah_worker', max: 1 },
  });
  await syncDefaultModel(worker, defaultModelRow(config)).finally(() => worker.end());
  const pool = createPool({ url, applicationName: 'howdah-start', max: 2 });
  try {
    await updateOthers(pool, config, isApi, talk);
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
      hint: `Set LLM_PROVIDER to ${namesOfCallable().join(', ')} or local, or set LLM_URL to the address of an OpenAI-compatible server.`,
      detail: { variable: 'LLM_PROVIDER' },
    });
  }
}

/** Returns the vendors of language models that this process can call without another package. */
function namesOfCallable(): string[] {
  return VENDORS.filter(({ name, sdk, openAiUrl }) => {
    const isText = !MISSING_PURPOSES.get(name)?.includes('llm');
    return isText && (openAiUrl !== undefined || (sdk !== undefined && isInstalled(sdk.package)));
  }).map(({ name }) => name);
}

/** Says that the default model has no key, since each of its calls will fail. */
function warnMissingKey(config: Config, talk: (line: string) => void): void {
  const { provider, baseUrl } = config.defaultModel;
  const vendor = findVendor(provider);
  if (!vendor || vendor.keyVariables.length === 0 || baseUrl !== undefined) return;
  if (config.keyedVendors.includes(vendor.name)) return;
  talk(`There is no API key for ${vendor.title}: set LLM_API_KEY or ${variablesOfKey(vendor)}.`);
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

/** Writes the models of the tenant `default`. Only an owner of the database may. */
async function updateOthers(
  pool: Pool,
  config: Config,
  isApi: boolean,
  talk: (line: string) => void,
): Promise<void> {
  const { others } = config.models;
  if (!(await isOwner(pool))) {
    if (others.length === 0) return;
    return talk(
      `The models ${namesOf(others)} of the environment are not written: the login is no owner of the database.`,
    );
  }
  const obstacle = await findObstacle(pool, config, isApi);
  const stored = new Map<string, string | null>();
  const keyless: EnvironmentModel[] = [];
  await withEnvironmentModels(pool, async (locked) => {
    const storeKey = keyStore(pool, config, locked);
    const rows: EnvironmentModelRow[] = [];
    for (const model of others) {
      const name = secretNameOf(model);
      const isOwn = isAdopted(model, locked); // its row is not replaced
      if (name !== null && obstacle === null && !isOwn && !stored.has(name)) {
        stored.set(name, (await storeKey(name, model)) ? name : null);
      }
      const secretName = name && (stored.get(name) ?? secretOfSameServer(model, locked));
      const isKeyless = name !== null && secretName === null && !isOwn;
      if (isKeyless) keyless.push(model);
      if (!isKeyless || usesKeyOfProcess(model, config.models)) rows.push(rowOf(model, secretName));
    }
    await locked.write(rows.length < others.length ? withoutLoneLocal(rows) : rows);
    if (obstacle === null) await storeToolKeys(pool, config, locked, talk);
  });
  await warnUncertain(pool, talk);
  if (obstacle !== null && isApi && config.toolKeys.length > 0) {
    const variables = config.toolKeys.map(({ variable }) => variable).join(', ');
    talk(`Not stored as secrets: ${variables} (${obstacle}).`);
  }
  warnUnstoredKeys(
    keyless,
    config,
    obstacle ?? 'secrets of these names exist with other values',
    talk,
  );
}

/**
 * Stores the keys of tools as secrets. A secret that somebody has stored by hand stays, and `talk`
 * tells which variables are not used for that reason.
 */
async function storeToolKeys(
  pool: Pool,
  config: Config,
  { tenantId, followsEnvironment, putToolKey }: LockedModels,
  talk: (line: string) => void,
): Promise<void> {
  const rows = secretRowsOn(pool);
  const masterKeys = masterKeysOf(config);
  const read = createSecretReader(rows, masterKeys);
  const writer = createSecretWriter(rows, masterKeys);
  const stored: string[] = [];
  for (const { variable, secretName, value } of config.toolKeys) {
    const before = await read(tenantId, secretName);
    if (before.ok && before.value === value) continue;
    const isFree = !before.ok && before.error.code === 'not_found';
    if (isFree || (await followsEnvironment(secretName))) {
      await writer.set(tenantId, secretName, value, putToolKey);
      stored.push(`${variable} as ${secretName}`);
    } else {
      talk(`${variable} is not used: the secret ${secretName} has another value.`);
    }
  }
  if (stored.length > 0) talk(`Stored as secrets of tools: ${stored.join(', ')}.`);
}

/** Says which models of the environment may fail, such as speech without an adapter. */
async function warnUncertain(pool: Pool, talk: (line: string) => void): Promise<void> {
  const { rows } = await pool.query<{ name: string; warning: string }>(
    `select m.name, w.warning from howdah.models as m
     cross join lateral unnest(howdah.models_warnings(m)) as w (warning)
     where m.from_environment and m.tenant_id = howdah.current_tenant() order by m.name`,
  );
  for (const { name, warning } of rows) talk(`The model ${name}: ${warning}`);
}

/** Leaves out `local` as the only fallback: its answers must not replace a model in silence. */
function withoutLoneLocal(rows: readonly EnvironmentModelRow[]): EnvironmentModelRow[] {
  const isAlone = !rows.some(({ purpose, provider }) => purpose === 'llm' && provider !== 'local');
  return rows.filter(({ purpose }) => !isAlone || purpose !== 'llm');
}

function namesOf(models: readonly EnvironmentModel[]): string {
  return models.map(({ name }) => name).join(', ');
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

/** Returns the secret that the row names already, if the row is for the same server. */
function secretOfSameServer(model: EnvironmentModel, { present }: LockedModels): string | null {
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
 * Returns why keys cannot become secrets, or null. Whoever may write models can send any secret to
 * any server. A login keeps such people apart from the operator, so keys become secrets only
 * without login. A worker alone on a shared database does not know whether the API needs a login.
 */
async function findObstacle(pool: Pool, config: Config, isApi: boolean): Promise<string | null> {
  if (config.auth !== 'none' || !(isApi || config.databaseUrl === undefined)) {
    return 'keys become secrets only where a process serves the API without login';
  }
  if (await canEncrypt(pool, config)) return null;
  return 'that needs HOWDAH_SECRET_KEY, with the same value in all processes';
}

/**
 * Returns whether this process may encrypt with a key that the others have. A key file is only for
 * the embedded database: with a database of their own, processes on other machines lack the file,
 * and would not start any more.
 */
async function canEncrypt(pool: Pool, config: Config): Promise<boolean> {
  const { current } = await secretRowsOn(pool).masterKeys();
  if (current === null) {
    const isEmbedded = config.databaseUrl === undefined && config.secretKeyFile !== undefined;
    return config.secretKeys.length > 0 || isEmbedded;
  }
  const known = await masterKeysOf(config).readKeys();
  return known.some(({ fingerprint }) => fingerprint === current);
}

/** Says which models use the key of each process, and which are not written for lack of a key. */
function warnUnstoredKeys(
  models: readonly EnvironmentModel[],
  { models: environment }: Config,
  reason: string,
  talk: (line: string) => void,
): void {
  const variablesOf = (some: readonly EnvironmentModel[]) =>
    [...new Set(some.map(({ key }) => key?.variable))].join(', ');
  const [written, left] = [true, false].map((is) =>
    models.filter((model) => usesKeyOfProcess(model, environment) === is),
  ) as [EnvironmentModel[], EnvironmentModel[]];
  if (written.length > 0) {
    talk(
      `Not stored as secrets: ${variablesOf(written)} (${reason}). For the models ${namesOf(written)} each process uses the keys of its own environment.`,
    );
  }
  if (left.length > 0) {
    talk(
      `Models not written: ${namesOf(left)}. They need ${variablesOf(left)} as a secret (${reason}). Store each key by howdah admin secret set NAME, then create the model by howdah models create NAME --secret NAME.`,
    );
  }
}
