import type { ReadSecret } from '../contracts/secret.ts';

/** The same reader, and somebody who hears every value it reads. */
export function tapSecrets(read: ReadSecret, hear?: (value: string) => void): ReadSecret {
  if (!hear) return read;
  return async (tenantId, name) => {
    const secret = await read(tenantId, name);
    if (secret.ok) hear(secret.value);
    return secret;
  };
}
