import { lazy } from '../../concurrency/lazy.ts';
import type { StoredAccount } from '../../contracts/connected-account.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { SealedSecret } from '../../contracts/secret.ts';
import type { Egress } from '../egress.ts';
import type { AuthorizationServices } from './authorization-flow.ts';
import { oauthFetch } from './fetch.ts';
import { randomKey, sha256Of } from './keys.ts';

/** The authorizations of people, for the pages that lead through them. Failures are outcomes. */
export type Authorizations = {
  /** Begins an authorization for a browser. Returns the URL to send the browser to. */
  begin(account: StoredAccount, address: string, browserKey: string): Promise<Outcome<string>>;
  /** Ends an authorization with the parameters that the browser brought back. */
  finish(
    account: StoredAccount & { flow: SealedSecret },
    answer: URLSearchParams,
  ): Promise<Outcome<null>>;
  /** Creates a key for a browser. */
  newKey(): string;
  /** Returns the digest under which a link, a state or the key of a browser is kept. */
  digestOf(text: string): Buffer;
};

/** Creates the authorizations. The client of the protocol is loaded with the first of them. */
export function createAuthorizations(
  options: Omit<AuthorizationServices, 'fetch'> & { egress: Egress },
): Authorizations {
  const { egress, ...rest } = options;
  const services = { ...rest, fetch: oauthFetch(egress) };
  const loaded = lazy(async () => ({
    ...(await import('./authorization-flow.ts')),
    ...(await import('./failures.ts')),
  }));
  const outcomeOf = async <T>(name: string, work: () => Promise<T>): Promise<Outcome<T>> => {
    try {
      return { ok: true, value: await work() };
    } catch (error) {
      return { ok: false, error: (await loaded.get()).oauthError(error, name) };
    }
  };
  return {
    begin: async (account, address, browserKey) => {
      const { beginAuthorization } = await loaded.get();
      return outcomeOf(account.integration.name, () =>
        beginAuthorization(account, address, browserKey, services),
      );
    },
    finish: async (account, answer) => {
      const { finishAuthorization } = await loaded.get();
      return outcomeOf(account.integration.name, async () => {
        await finishAuthorization(account, answer, services);
        return null;
      });
    },
    newKey: randomKey,
    digestOf: sha256Of,
  };
}
