import type { ReadSecret } from '../contracts/secret.ts';

/** Wraps a reader of secrets, so that `hear` receives every value that the reader returns. */
export function tapSecrets(read: ReadSecret, hear?: (value: string) => void): ReadSecret {
  if (!hear) return read;
  return async (tenantId, name) => {
    const secret = await read(tenantId, name);
    if (secret.ok) hear(secret.value);
    return secret;
  };
}
