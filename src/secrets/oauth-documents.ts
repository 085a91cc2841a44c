import type { DocumentKind, DocumentSealer, NewDocument } from '../contracts/connected-account.ts';
import type { SecretRows } from '../contracts/secret.ts';
import type { JsonObject } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';
import { placeOfSecret, seal } from './aead.ts';
import { createDataKeys } from './data-keys.ts';
import type { MasterKeys } from './master-keys.ts';
import { openSecret } from './reader.ts';

/**
 * Names under which OAuth documents (client, tokens, unfinished flow) are sealed. No secret that
 * people create can have such a name, so a secret never opens as a document, nor the reverse.
 * `howdah_private.sealed_oauth_document` has the same names.
 */
const NAMES: Record<DocumentKind, string> = {
  client: 'oauth client',
  tokens: 'oauth tokens',
  flow: 'oauth flow',
};

/**
 * Creates a sealer of documents with the master keys of this process. The first document of a
 * tenant creates its data key, which needs the rights of the owner.
 */
export function createDocumentSealer(rows: SecretRows, masterKeys: MasterKeys): DocumentSealer {
  const dataKeys = createDataKeys(rows, masterKeys);
  return {
    open: async (document) => parseJson(await openSecret(document, dataKeys)) as JsonObject,
    async seal(kind, { id, tenant_id }, next, value): Promise<NewDocument> {
      let { key } = next;
      if (!key) {
        await dataKeys.add(tenant_id, false);
        key = await rows.currentDataKey(tenant_id);
        if (!key) throw new Error(`tenant ${tenant_id} has no data key`);
      }
      const place = { id, tenant_id, name: NAMES[kind], version: next.version };
      const plain = Buffer.from(JSON.stringify(value), 'utf8');
      const sealed = seal(await dataKeys.open(key), placeOfSecret(place), plain);
      return { ...place, ...sealed, key, replaces: next.replaces };
    },
  };
}
