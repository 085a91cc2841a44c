import type {
  AccountRows,
  NewDocument,
  NoAccount,
  StoredAccount,
  TokenRevocation,
} from '../../contracts/connected-account.ts';
import type { SealedSecret } from '../../contracts/secret.ts';
import { callPrivate, type Pool } from '../connection/pool.ts';

/** Returns access to the stored accounts, with the rights of howdah_worker or of the owner. */
export function accountRowsOn(pool: Pool): AccountRows {
  const call = <T>(name: string, ...values: unknown[]) => callPrivate<T>(pool, name, ...values);
  return {
    find: async (id) => (await call<StoredAccount | null>('account_by_id', id)) ?? undefined,
    ofRun: (id, integration) => call<StoredAccount | NoAccount>('account_for_run', id, integration),
    forDiscovery: (tenantId, integration) =>
      call<StoredAccount | NoAccount>('account_for_discovery', tenantId, integration),
    nextVersion: (tenantId, id) => call('document_slot', tenantId, id),
    storeClient: (document) => call('store_oauth_client', JSON.stringify(document)),
    forgetClient: (integrationId, version) => call('forget_oauth_client', integrationId, version),
    storeTokens: (document, tokens) =>
      call('store_tokens', JSON.stringify(document), JSON.stringify(tokens)),
    beginRefresh: (id, version) => call('begin_refresh', id, version),
    failRefresh: (id, version, error, isFinal) => call('fail_refresh', id, version, error, isFinal),
    findRevocation: async (id) =>
      (await call<TokenRevocation | null>('find_revocation', id)) ?? undefined,
    endRevocation: (id) => call('end_revocation', id),
    consentLink: (id) => call('consent_link', id),
  };
}

/** An account with the address of the API, as the page of a link shows it. */
export type LinkedAccount = StoredAccount & { address: string };

/** The rows of links and authorizations, which the API reads for browsers without a login. */
export type AccountFlows = {
  ofLink(digest: Buffer): Promise<LinkedAccount | undefined>;
  /** Begins an authorization. Returns false if its document must be sealed again. */
  begin(
    accountId: string,
    digests: { state: Buffer; browser: Buffer },
    document: NewDocument,
  ): Promise<boolean>;
  /** Takes an authorization. Undefined if there is none with this state in this browser. */
  take(digests: {
    state: Buffer;
    browser: Buffer;
  }): Promise<(LinkedAccount & { flow: SealedSecret }) | undefined>;
  /**
   * Records that an authorization failed, unless somebody else has ended it. `flowId` is null if it
   * has not begun.
   */
  fail(accountId: string, error: string, flowId: string | null): Promise<void>;
  /** Answers the questions of runs that wait for an account that is connected already. */
  answerQuestions(accountId: string): Promise<number>;
  newId(): Promise<string>;
};

/** Returns access to links and authorizations, with the rights of the owner. */
export function accountFlowsOn(pool: Pool): AccountFlows {
  const call = <T>(name: string, ...values: unknown[]) => callPrivate<T>(pool, name, ...values);
  return {
    ofLink: async (digest) =>
      (await call<LinkedAccount | null>('account_of_link', digest)) ?? undefined,
    begin: (accountId, { state, browser }, document) =>
      call('begin_account_flow', accountId, state, browser, JSON.stringify(document)),
    take: async ({ state, browser }) =>
      (await call<(LinkedAccount & { flow: SealedSecret }) | null>(
        'take_account_flow',
        state,
        browser,
      )) ?? undefined,
    fail: (accountId, error, flowId) => call('fail_account', accountId, error, flowId),
    answerQuestions: (accountId) => call('answer_consent', accountId),
    newId: async () => (await pool.query('select howdah.uuid_v7() as id')).rows[0].id,
  };
}

/** Stores the address at which browsers reach this API, for the links of accounts. */
export async function setPublicAddress(pool: Pool, url: string): Promise<void> {
  await pool.query('select howdah_private.set_public_address($1)', [url]);
}
