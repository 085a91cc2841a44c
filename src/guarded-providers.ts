import type { Config } from './config.ts';
import type { ModelRef } from './contracts/agents/model.ts';
import { environmentKeys } from './providers/environment/environment-models.ts';
import type { Fetch } from './providers/http/restricted-fetch.ts';
import { createProviders, type ProviderEnv, type Providers } from './providers/registry.ts';
import { guardedFetch } from './tools/egress/guarded-fetch.ts';
import type { Egress } from './tools/egress.ts';

// A model has an address that a person wrote. Who owns the machine may write any address. Others
// may write public host names, and a name says nothing about the addresses that it resolves to. The
// database marks their models (`is_guarded`), and requests of marked models go through the guard of
// outgoing requests, like those of tools.

const MAX_BYTES = 64 * 1024 * 1024;

/** Returns the providers for a model: those that reach every address, or those of the guard. */
export type FindProviders = (model: Pick<ModelRef, 'is_guarded'>) => Providers;

/** Returns the model servers, keys and packages that the environment names. */
export function providerEnv(config: Pick<Config, 'models' | 'providerPackages'>): ProviderEnv {
  const { apiKey, baseUrl } = config.models.openai;
  return {
    OPENAI_API_KEY: apiKey,
    OPENAI_BASE_URL: baseUrl,
    keys: environmentKeys(config.models),
    packages: config.providerPackages,
  };
}

/** Creates the providers of a process, with and without the guard of outgoing requests. */
export function createGuardedProviders(env: ProviderEnv, egress: Egress): FindProviders {
  const open = createProviders(env);
  const guarded = createProviders(env, { fetch: fetchThrough(egress) });
  return ({ is_guarded }) => (is_guarded ? guarded : open);
}

function fetchThrough(egress: Egress): Fetch {
  const never = new AbortController().signal; // the providers pass a signal of their own
  const fetch = guardedFetch(egress, { signal: never, maxBytes: MAX_BYTES });
  return (input, init) => fetch(input, init);
}
