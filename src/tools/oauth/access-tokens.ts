import type {
  AccessRequest,
  AccessTokens,
  AccountAccess,
  AccountUpkeep,
  AccountWork,
  NoAccount,
  StoredAccount,
} from '../../contracts/connected-account.ts';
import type { RunError } from '../../contracts/errors.ts';
import { type ClientServices, forgetUnknownClient } from './client.ts';
import { isFinal, oauthError } from './failures.ts';
import {
  fetchClientTokens,
  refreshTokens,
  revokeTokens,
  storeTokens,
  type TokenDocument,
} from './tokens.ts';

/** A token that expires within this time is refreshed before it is used. */
const MARGIN_MS = 10_000;
/** The longest wait for another process that refreshes the same account, and the pause of looks. */
const WAIT_MS = 20_000;
const POLL_MS = 100;

export type AccessOptions = ClientServices & {
  /** Receives every token that is used, so that logs redact it. */
  onSecret?: ((value: string) => void) | undefined;
};

/**
 * Gives access tokens to requests, and refreshes them. Tokens are read for each request, so that a
 * disconnected account is at an end at once. Two processes never use the same refresh token: the
 * database lets one refresh (`begin_refresh`), and the others wait for its result.
 */
export function createAccessTokens(options: AccessOptions): AccessTokens & AccountUpkeep {
  const accounts = new Accounts(options);
  const { rows } = options;
  return {
    forRun: async (executionId, integration, request) =>
      accounts.access(await rows.ofRun(executionId, integration), integration, request),
    forDiscovery: async (tenantId, integration, request) =>
      accounts.access(await rows.forDiscovery(tenantId, integration), integration, request),
    async ofAccount(accountId, request) {
      const account = await rows.find(accountId);
      const known = account ?? { fault: 'it was deleted' };
      return accounts.access(known, account?.integration.name ?? accountId, request);
    },
    refresh: (accountId) => accounts.refresh(accountId),
    revoke: (revocationId) => accounts.revoke(revocationId),
  };
}

class Accounts {
  readonly #options: AccessOptions;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** Returns the token of an account for a URL. */
  async access(
    account: StoredAccount | NoAccount,
    name: string,
    request: AccessRequest,
  ): Promise<AccountAccess> {
    if ('fault' in account) {
      const message = `integration ${name} cannot be used: ${account.fault}`;
      return { ok: false, error: { code: 'tool_failed', message, retryable: false } };
    }
    const { id, integration } = account;
    if (!isSameOrigin(request.url, integration.resource_url)) {
      return { ok: true, account_id: id, token: null };
    }
    try {
      const document = await this.#document(account, request.rejected);
      if (!('access_token' in document)) return document;
      this.#options.onSecret?.(document.access_token);
      return { ok: true, account_id: id, token: document.access_token };
    } catch (error) {
      return { ok: false, error: oauthError(error, integration.name) };
    }
  }

  /** Returns the refresh of an account whose job is due. */
  async refresh(accountId: string): Promise<AccountWork | undefined> {
    const account = await this.#options.rows.find(accountId);
    if (account?.status !== 'connected' || !account.tokens) return undefined;
    const { version } = account.tokens;
    return async () => {
      const document = await this.#open(account);
      if (document?.refresh_token === undefined) return;
      const result = await this.#replace(account, version, document);
      if ('ok' in result && !result.consent) throw new Error(result.error.message);
    };
  }

  /** Returns the revocation of the tokens of an account that came to an end. */
  async revoke(revocationId: string): Promise<AccountWork | undefined> {
    const { rows, sealer } = this.#options;
    const revocation = await rows.findRevocation(revocationId);
    if (!revocation) return undefined;
    const { integration, tokens } = revocation;
    return async (isLast) => {
      try {
        const document = (await sealer.open(tokens)) as unknown as TokenDocument;
        await revokeTokens(document, integration, this.#options);
      } catch (error) {
        if (!isLast) throw new Error(oauthError(error, integration.name).message);
      }
      await rows.endRevocation(revocationId);
    };
  }

  /** Returns the current tokens of an account, or why there are none. */
  async #document(
    account: StoredAccount,
    rejected: string | undefined,
  ): Promise<TokenDocument | Extract<AccountAccess, { ok: false }>> {
    const { tokens, integration } = account;
    const document =
      account.status === 'connected' && tokens ? await this.#open(account) : undefined;
    if (document && tokens && document.access_token !== rejected && !isEnding(document)) {
      return document;
    }
    if (integration.grant_type === 'client_credentials') return this.#clientTokens(account);
    return document && tokens
      ? this.#replace(account, tokens.version, document)
      : this.#consent(account, account.error);
  }

  /** Gets a token for a client that is itself the account, unless an admin has disconnected it. */
  async #clientTokens(
    account: StoredAccount,
  ): Promise<TokenDocument | Extract<AccountAccess, { ok: false }>> {
    const { status, integration } = account;
    if (status === 'revoked') return this.#disconnectedError(account);
    const document = await fetchClientTokens(integration, this.#options);
    const purpose = { flow_id: null, replaces: null, integration };
    if (await storeTokens(account, document, purpose, this.#options)) return document;
    await revokeTokens(document, integration, this.#options).catch(() => {});
    const now = await this.#options.rows.find(account.id);
    if (now?.status === 'revoked') return this.#disconnectedError(account);
    const message = `integration ${integration.name} was changed while a token was requested`;
    return { ok: false, error: { code: 'unauthorized', message, retryable: true } };
  }

  #disconnectedError({ integration }: StoredAccount): Extract<AccountAccess, { ok: false }> {
    const message = `integration ${integration.name} was disconnected: an admin can connect it again`;
    return { ok: false, error: { code: 'unauthorized', message, retryable: false } };
  }

  /** Refreshes tokens, or waits for the process that does. */
  async #replace(
    account: StoredAccount,
    version: number,
    document: TokenDocument,
  ): Promise<TokenDocument | Extract<AccountAccess, { ok: false }>> {
    const { rows } = this.#options;
    const until = Date.now() + WAIT_MS;
    while (!(await rows.beginRefresh(account.id, version))) {
      const now = await rows.find(account.id);
      if (now?.status !== 'connected' || !now.tokens) {
        return this.#consent(account, now?.error ?? null);
      }
      if (now.tokens.version !== version) return (await this.#open(now)) ?? document;
      if (Date.now() > until) return this.#busy(account);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    try {
      const next = await refreshTokens(document, account.integration, this.#options);
      const { integration } = account;
      const purpose = { flow_id: null, replaces: version, integration };
      if (await storeTokens(account, next, purpose, this.#options)) return next;
      // disconnected meanwhile: the job that revokes knows only the tokens before these
      await revokeTokens(next, account.integration, this.#options).catch(() => {});
      return this.#consent(account, null);
    } catch (fault) {
      const error = await forgetUnknownClient(fault, account, document.client, this.#options);
      const failure = oauthError(error, account.integration.name);
      await rows.failRefresh(account.id, version, failure.message, isFinal(error));
      return isFinal(error)
        ? this.#consent(account, failure.message)
        : { ok: false, error: failure };
    }
  }

  #busy({ integration }: StoredAccount): Extract<AccountAccess, { ok: false }> {
    const message = `integration ${integration.name}: another process refreshes its token`;
    return { ok: false, error: { code: 'unreachable', message, retryable: true } };
  }

  /** Returns the failure of a call that a person can let go on. */
  #consent(account: StoredAccount, reason: string | null): Extract<AccountAccess, { ok: false }> {
    const { id, user, integration } = account;
    const message = `integration ${integration.name} has no connected account${user === null ? '' : ` of ${user}`}`;
    const error: RunError = { code: 'unauthorized', message, retryable: false };
    const link = () => this.#options.rows.consentLink(id).catch(() => undefined);
    return {
      ok: false,
      error,
      consent: { account_id: id, integration: integration.name, user, reason, link },
    };
  }

  async #open({ tokens }: StoredAccount): Promise<TokenDocument | undefined> {
    return tokens
      ? ((await this.#options.sealer.open(tokens)) as unknown as TokenDocument)
      : undefined;
  }
}

function isEnding({ expires_at }: TokenDocument): boolean {
  return expires_at !== null && Date.parse(expires_at) - Date.now() < MARGIN_MS;
}

/** Returns whether two URLs have the same scheme, host and port. */
export function isSameOrigin(one: string, other: string): boolean {
  const origin = URL.parse(one)?.origin;
  return origin !== undefined && origin !== 'null' && origin === URL.parse(other)?.origin;
}
