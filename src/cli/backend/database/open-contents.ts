import type { Config } from '../../../config.ts';
import { secretRowsOn } from '../../../db/access/secrets.ts';
import type { DecryptRows } from '../../../db/connection/decrypt-results.ts';
import { createPool, type Pool } from '../../../db/connection/pool.ts';
import { faultOf } from '../../../db/connection/sqlstate.ts';
import { createContentDecryptor } from '../../../secrets/contents.ts';
import type { CliIo } from '../../output/output.ts';

/** The text in place of contents that cannot be decrypted. */
const ENCRYPTED = '[encrypted]';

/** The decryption of contents of runs for a command. */
export type CliContents = { decrypt: DecryptRows; close(): Promise<void> };

/**
 * Opens the decryption of contents for a command, with the master keys of its environment. Contents
 * that it cannot decrypt are shown as `[encrypted]`, and it says once how to read them. Data keys
 * have a connection of their own, which is opened when the first contents are decrypted.
 */
export async function openContents(io: CliIo, url: string, config: Config): Promise<CliContents> {
  const { masterKeysOf } = await import('../../../bootstrap.ts');
  const pool = createPool({ url, applicationName: 'howdah-cli', max: 1 });
  let isReported = false;
  const decrypt = createContentDecryptor(readableKeysOn(pool), masterKeysOf(config), {
    replaceUnreadable() {
      if (!isReported) {
        io.err(
          'Some contents are encrypted, and cannot be decrypted here. Set HOWDAH_SECRET_KEY to the key of this database, as its workers have it, and connect as an owner of the database.',
        );
      }
      isReported = true;
      return ENCRYPTED;
    },
  });
  return { decrypt, close: () => pool.end() };
}

/** Returns the rows of data keys. A guest of the database may read none. */
function readableKeysOn(pool: Pool) {
  const rows = secretRowsOn(pool);
  return {
    ...rows,
    keys: (ids: readonly string[]) =>
      rows.keys(ids).catch((error) => {
        if (faultOf(error).code === '42501') return [];
        throw error;
      }),
  };
}
