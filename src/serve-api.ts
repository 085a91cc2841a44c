import type { Logger } from 'pino';
import type { ApiOptions, ApiServer, UnlistedApi } from './api/server.ts';
import type { Config } from './config.ts';
import { secretRowsOn } from './db/access/secrets.ts';
import { createPool } from './db/connection/pool.ts';
import { refuseWrongKeys } from './secrets/data-keys.ts';
import { createMasterKeys, type MasterKeys, noKey } from './secrets/master-keys.ts';
import type { ApiMetrics } from './telemetry/metrics.ts';
import { createEgress } from './tools/egress.ts';
import { createUnsavedModelTests } from './unsaved-model-tests.ts';

/**
 * Returns the master keys of this environment. They need not exist before the first secret does.
 */
export function masterKeysOf(config: Config): MasterKeys {
  return createMasterKeys({ keys: config.secretKeys, file: config.secretKeyFile });
}

/**
 * Returns the master keys of a long-running process. Throws `HWINV` when the database's secrets are
 * encrypted with a key that this process lacks, or when there is no key and no place to keep one.
 */
export async function checkedMasterKeys(url: string, config: Config): Promise<MasterKeys> {
  if (config.secretKeys.length === 0 && config.secretKeyFile === undefined) throw noKey();
  const masterKeys = masterKeysOf(config);
  const pool = createPool({ url, applicationName: 'howdah-start', role: 'howdah_worker', max: 1 });
  await refuseWrongKeys(secretRowsOn(pool), masterKeys).finally(() => pool.end());
  return masterKeys;
}

/** The telemetry of a process for its API, and the key with which it logs in there. */
export type Serving = {
  log: Logger;
  metrics: ApiMetrics | undefined;
  processKey?: Uint8Array | undefined;
};

/** Starts the API in this thread. Its packages are loaded only when it starts. */
export async function serveApi(url: string, config: Config, serving: Serving): Promise<ApiServer> {
  const { startApi } = await import('./api/server.ts');
  return startApi(await apiOptions(url, config, serving));
}

/** Opens the API in this thread without a port. */
export async function openApiHere(
  url: string,
  config: Config,
  serving: Serving,
): Promise<UnlistedApi> {
  const { openUnlistedApi } = await import('./api/server.ts');
  return openUnlistedApi(await apiOptions(url, config, serving));
}

async function apiOptions(url: string, config: Config, serving: Serving): Promise<ApiOptions> {
  const masterKeys = await checkedMasterKeys(url, config);
  const tryUnsavedModel = createUnsavedModelTests(config);
  const egress = createEgress({ allowPrivate: config.egressAllow });
  return { ...config, ...serving, url, masterKeys, egress, tryUnsavedModel };
}
