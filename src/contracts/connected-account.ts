import type { JsonObject } from '../json/json.ts';
import type { EnumLabel } from './enum-labels.generated.ts';
import type { RunError } from './errors.ts';
import type { SealedSecret, WrappedKey } from './secret.ts';

/** A row of `howdah.integrations`. */
export type Integration = {
  id: string;
  tenant_id: string;
  name: string;
  /** The URL of the MCP server or API. Tokens are sent only to its origin. */
  resource_url: string;
  account_scope: EnumLabel<'account_scope'>;
  grant_type: EnumLabel<'oauth_grant'>;
  scopes: string[];
  issuer: string | null;
  endpoints: { [name: string]: string } | null;
  client_id: string | null;
  secret_name: string | null;
  sends_resource: boolean;
};

/**
 * An account with its integration. Its tokens and the registered client of the integration are
 * sealed.
 */
export type StoredAccount = {
  id: string;
  tenant_id: string;
  status: EnumLabel<'account_status'>;
  /** The name of its user. Null for the account of the tenant. */
  user: string | null;
  tenant: string;
  expires_at: string | null;
  error: string | null;
  integration: Integration;
  tokens: SealedSecret | null;
  client: SealedSecret | null;
};

/** The tokens of an account that came to an end, which its server has to be told to revoke. */
export type TokenRevocation = {
  id: string;
  account_id: string;
  /** The integration as it was when the account came to its end. */
  integration: Integration;
  tokens: SealedSecret;
};

/** The reason why there is no account. */
export type NoAccount = { fault: string };

/** A document of OAuth that is stored sealed. */
export type DocumentKind = 'client' | 'tokens' | 'flow';

/**
 * The version and the data key for sealing the next document of a row, and the version of the
 * document that it replaces. A version is never given twice.
 */
export type NextDocumentVersion = {
  version: number;
  replaces: number | null;
  key: WrappedKey | null;
};

/** A sealed document that replaces the one of a version, or that is the first of its row. */
export type NewDocument = SealedSecret & Pick<NextDocumentVersion, 'replaces'>;

/**
 * The reason for which tokens were asked for: the authorization of a person, or the refresh of the
 * tokens of a version. Both are null for a client that is itself the account.
 */
export type TokenPurpose = {
  flow_id: string | null;
  replaces: number | null;
  /** The integration when they were asked for. */
  integration: Integration;
};

/** The result of an authorization, or of a refresh. */
export type NewTokens = TokenPurpose & {
  scopes: string[];
  expires_at: string | null;
  /** True if the tokens can be replaced without a person. */
  is_refreshable: boolean;
};

/** The stored accounts. Everything that a token could be read from is sealed. */
export type AccountRows = {
  find(accountId: string): Promise<StoredAccount | undefined>;
  ofRun(executionId: string, integration: string): Promise<StoredAccount | NoAccount>;
  forDiscovery(tenantId: string, integration: string): Promise<StoredAccount | NoAccount>;
  nextVersion(tenantId: string, id: string): Promise<NextDocumentVersion>;
  /** Stores a registered client. Returns false if it must be sealed again. */
  storeClient(document: NewDocument): Promise<boolean>;
  /** Deletes a registered client of this version, which its server no longer knows. */
  forgetClient(integrationId: string, version: number): Promise<void>;
  /**
   * Stores tokens. `outdated` means that they must be sealed again. `ended` means that the account
   * was disconnected, connected anew or led to another server meanwhile.
   */
  storeTokens(document: NewDocument, tokens: NewTokens): Promise<'stored' | 'outdated' | 'ended'>;
  /** Claims the refresh of the tokens of this version. */
  beginRefresh(accountId: string, version: number): Promise<boolean>;
  failRefresh(accountId: string, version: number, error: string, isFinal: boolean): Promise<void>;
  findRevocation(id: string): Promise<TokenRevocation | undefined>;
  /** Deletes the tokens of a revocation. */
  endRevocation(id: string): Promise<void>;
  /** Creates the link by which a person connects the account. */
  consentLink(accountId: string): Promise<string>;
};

/** Seals and opens documents of OAuth with the data keys of their tenants. */
export type DocumentSealer = {
  /** Throws `HWINV` if the document does not open. */
  open(document: SealedSecret): Promise<JsonObject>;
  seal(
    kind: DocumentKind,
    place: { id: string; tenant_id: string },
    next: NextDocumentVersion,
    value: JsonObject,
  ): Promise<NewDocument>;
};

/** The consent of a person, without which a call cannot go on. */
export type ConsentRequest = {
  account_id: string;
  integration: string;
  /** The name of the user who has to consent. Null for an admin of the tenant. */
  user: string | null;
  /** The reason why an account is not connected any more. */
  reason: string | null;
  /**
   * Creates the link of a page that leads to the authorization server. Undefined if the address of
   * the API is not known.
   */
  link(): Promise<string | undefined>;
};

/**
 * A token for requests to the resource of its integration. `token` is null for a URL of another
 * origin, which gets no token. A failure may name the consent that would end it.
 */
export type AccountAccess =
  | { ok: true; account_id: string; token: string | null }
  | { ok: false; error: RunError; consent?: ConsentRequest };

export type AccessRequest = {
  /** The URL that the token is to be sent to. */
  url: string;
  /**
   * A token that the server has just refused with 401. A newer token is returned in its place, or
   * none.
   */
  rejected?: string | undefined;
};

/** Gives the access tokens of accounts to requests. */
export type AccessTokens = {
  /** Returns the token of a run for an integration: of its tenant, or of its user. */
  forRun(executionId: string, integration: string, request: AccessRequest): Promise<AccountAccess>;
  /** Returns the token with which the tools of an MCP server are listed. */
  forDiscovery(
    tenantId: string,
    integration: string,
    request: AccessRequest,
  ): Promise<AccountAccess>;
  /** Returns the token of an account that a run was given before. */
  ofAccount(accountId: string, request: AccessRequest): Promise<AccountAccess>;
};

/** A request to a server about an account. Throws while another attempt may help. */
export type AccountWork = (isLast: boolean) => Promise<void>;

/** The upkeep of accounts, as jobs ask for it. Undefined if there is nothing to do any more. */
export type AccountUpkeep = {
  /** Replaces the tokens of an account before they expire. */
  refresh(accountId: string): Promise<AccountWork | undefined>;
  /**
   * Carries out a revocation: revokes the tokens at their server, and deletes them. The last
   * attempt deletes them in any case.
   */
  revoke(revocationId: string): Promise<AccountWork | undefined>;
};
