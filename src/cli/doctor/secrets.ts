import type { Config } from '../../config.ts';
import { HowdahError } from '../../contracts/errors.ts';
import { secretRowsOn } from '../../db/access/secrets.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { refuseWrongKeys } from '../../secrets/data-keys.ts';

/** The stored secrets: whether there are any, their master key, and why the key is unusable. */
type StoredSecrets = { isEmpty: boolean; found: string; fault?: HowdahError };

/** Checks whether this process has the master key of the stored secrets. */
export async function checkSecrets(pool: Pool, config: Config): Promise<StoredSecrets> {
  const { masterKeysOf } = await import('../../bootstrap.ts');
  const rows = secretRowsOn(pool);
  const { current } = await rows.masterKeys();
  const isEmpty = current === null;
  const found = isEmpty ? 'none stored' : `encrypted with the master key ${current}`;
  try {
    await refuseWrongKeys(rows, masterKeysOf(config));
    return { isEmpty, found };
  } catch (error) {
    if (!(error instanceof HowdahError)) throw error;
    return { isEmpty, found, fault: error };
  }
}
