import { isJsonObject, type Json } from '../../json/json.ts';
import { createProviders, findProvider } from '../../providers/registry.ts';
import type { Found } from '../read-file.ts';
import { toPointer } from './fault.ts';

/**
 * Returns the models of a document whose provider is unknown to the workers of this release. The
 * database knows no providers, and other workers may support more. The result is therefore reported
 * and does not reject the file. The calls of such a model fail with the same message.
 */
export function unknownProviders(document: unknown): Found[] {
  const models = isJsonObject(document as Json) ? (document as { models?: Json }).models : null;
  if (!isJsonObject(models)) return [];
  const known = createProviders({});
  return Object.entries(models).flatMap(([name, model]) => {
    if (!isJsonObject(model) || typeof model.provider !== 'string') return [];
    const base_url = typeof model.base_url === 'string' ? model.base_url : null;
    const found = findProvider(known, { provider: model.provider, base_url });
    const path = toPointer(['models', name, 'provider']);
    return found.ok ? [] : [{ path, message: found.error.message }];
  });
}
