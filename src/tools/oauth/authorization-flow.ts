import {
  type AuthorizationServerMetadata,
  exchangeAuthorization,
  startAuthorization,
  validateAuthorizationResponseIssuer,
} from '@modelcontextprotocol/client';
import type { Integration, NewDocument, StoredAccount } from '../../contracts/connected-account.ts';
import type { SealedSecret } from '../../contracts/secret.ts';
import type { JsonObject } from '../../json/json.ts';
import { isConfidential } from '../../network/addresses.ts';
import {
  type ClientServices,
  clientFor,
  forgetUnknownClient,
  type OAuthClient,
  ownClient,
} from './client.ts';
import { errorCodeText, OAuthRefusal } from './failures.ts';
import { findServer } from './find-server.ts';
import { randomKey, sha256Of } from './keys.ts';
import { documentOf, factsOf, revokeTokens, type ServerFacts, storeTokens } from './tokens.ts';

/** The path to which authorization servers send browsers back. */
export const CALLBACK_PATH = '/oauth/callback';

/** State of an authorization, stored sealed until the browser comes back. */
type FlowDocument = {
  verifier: string;
  redirect_uri: string;
  server: ServerFacts;
  client: OAuthClient;
  scopes: string[];
  resource?: string;
  /** The integration when the authorization began. */
  integration: Integration;
};

/** The stored authorizations under way. */
export type FlowRows = {
  newId(): Promise<string>;
  begin(
    accountId: string,
    digests: { state: Buffer; browser: Buffer },
    document: NewDocument,
  ): Promise<boolean>;
};

export type AuthorizationServices = ClientServices & { flows: FlowRows };

const ATTEMPTS = 10;

/**
 * Begins an authorization: finds the server, registers a client if need be, and keeps the PKCE
 * verifier with the issuer and the client, sealed. The state is random, and only its digest is
 * kept. Returns the URL of the authorization server.
 */
export async function beginAuthorization(
  account: StoredAccount,
  address: string,
  browserKey: string,
  services: AuthorizationServices,
): Promise<string> {
  const { metadata, resource, scopes } = await findServer(account.integration, services.fetch);
  const redirectUri = address + CALLBACK_PATH;
  const client = await clientFor(account, metadata, redirectUri, services);
  const state = randomKey();
  const { authorizationUrl, codeVerifier } = await startAuthorization(metadata.issuer, {
    metadata,
    clientInformation: client,
    redirectUrl: redirectUri,
    state,
    ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    ...(resource !== undefined && { resource }),
  });
  if (!isConfidential(authorizationUrl)) {
    throw new OAuthRefusal('the authorization endpoint of the server does not use https');
  }
  const { client_secret, ...withoutSecret } = client;
  const isOwn = account.integration.secret_name !== null;
  const document: FlowDocument = {
    verifier: codeVerifier,
    redirect_uri: redirectUri,
    server: factsOf(metadata),
    client: isOwn || client_secret === undefined ? withoutSecret : client,
    scopes,
    ...(resource !== undefined && { resource }),
    integration: account.integration,
  };
  await storeFlow(
    account,
    { state: sha256Of(state), browser: sha256Of(browserKey) },
    document,
    services,
  );
  return authorizationUrl.href;
}

/** Seals and stores an authorization, again while the keys of the tenant are rotated. */
async function storeFlow(
  { id: accountId, tenant_id }: StoredAccount,
  digests: { state: Buffer; browser: Buffer },
  document: FlowDocument,
  { flows, rows, sealer }: AuthorizationServices,
): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const id = await flows.newId();
    const next = await rows.nextVersion(tenant_id, id);
    const value = document as unknown as JsonObject;
    const sealed = await sealer.seal('flow', { id, tenant_id }, next, value);
    if (await flows.begin(accountId, digests, sealed)) return;
  }
  throw new OAuthRefusal('the keys are being rotated; try again in a moment');
}

/**
 * Ends an authorization whose browser came back: checks the issuer (RFC 9207), exchanges the code
 * with the verifier, and stores the tokens. Throws the errors of the client.
 */
export async function finishAuthorization(
  account: StoredAccount & { flow: SealedSecret },
  answer: URLSearchParams,
  services: ClientServices,
): Promise<void> {
  const flow = (await services.sealer.open(account.flow)) as unknown as FlowDocument;
  const { server, resource, scopes, integration } = flow;
  const iss = answer.get('iss') ?? undefined;
  validateAuthorizationResponseIssuer({
    iss,
    expectedIssuer: server.issuer,
    issParameterSupported: server.authorization_response_iss_parameter_supported === true,
  });
  const code = answer.get('code');
  const error = answer.get('error');
  if (error !== null) {
    throw new OAuthRefusal(`the authorization server answered ${errorCodeText(error)}`);
  }
  if (code === null) throw new OAuthRefusal('the authorization server sent no code');
  const client =
    integration.secret_name === null
      ? flow.client
      : await ownClient(integration, services.readSecret);
  const tokens = await exchangeAuthorization(server.issuer, {
    metadata: server as AuthorizationServerMetadata,
    clientInformation: client,
    authorizationCode: code,
    codeVerifier: flow.verifier,
    redirectUri: flow.redirect_uri,
    ...(iss !== undefined && { iss }),
    ...(resource !== undefined && { resource }),
    fetchFn: services.fetch,
  }).catch(async (fault: unknown) => {
    throw await forgetUnknownClient(fault, account, client, services);
  });
  const request = { server, client, scopes, ...(resource !== undefined && { resource }) };
  const document = documentOf(tokens, request, integration);
  const purpose = { flow_id: account.flow.id, replaces: null, integration };
  if (await storeTokens(account, document, purpose, services)) return;
  await revokeTokens(document, integration, services).catch(() => {});
  throw new OAuthRefusal(
    'the account was disconnected, or the integration was changed, before the consent was complete',
  );
}
