import { lazy } from '../../concurrency/lazy.ts';
import type { AccessTokens, AccountUpkeep } from '../../contracts/connected-account.ts';
import type { Egress } from '../egress.ts';
import type { AccessOptions } from './access-tokens.ts';
import { oauthFetch } from './fetch.ts';

/**
 * Creates the access to tokens, whose client is loaded with its first use: most workers have no
 * connected account.
 */
export function createLazyAccessTokens(
  options: Omit<AccessOptions, 'fetch'> & { egress: Egress },
): AccessTokens & AccountUpkeep {
  const { egress, ...rest } = options;
  const loaded = lazy(async () => {
    const { createAccessTokens } = await import('./access-tokens.ts');
    return createAccessTokens({ ...rest, fetch: oauthFetch(egress) });
  });
  return {
    forRun: async (...request) => (await loaded.get()).forRun(...request),
    forDiscovery: async (...request) => (await loaded.get()).forDiscovery(...request),
    ofAccount: async (...request) => (await loaded.get()).ofAccount(...request),
    refresh: async (accountId) => (await loaded.get()).refresh(accountId),
    revoke: async (revocationId) => (await loaded.get()).revoke(revocationId),
  };
}
