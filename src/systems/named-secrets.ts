import { isJsonObject, type Json } from '../json/json.ts';

/**
 * Returns the secrets that a document names: in `secret_name`, and in `secrets` by header or
 * variable.
 */
export function namedSecrets(document: Json): string[] {
  return [...new Set(namesIn(document))];
}

function namesIn(value: Json): string[] {
  if (Array.isArray(value)) return value.flatMap(namesIn);
  if (!isJsonObject(value)) return [];
  const { secret_name, secrets } = value;
  const byKey = isJsonObject(secrets) ? Object.values(secrets) : [];
  const own = [secret_name, ...byKey].filter((one) => typeof one === 'string');
  return [...own, ...Object.values(value).flatMap((one) => namesIn(one as Json))];
}
