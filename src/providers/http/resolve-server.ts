import type { ModelRef } from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { createFailure } from '../failure.ts';
import { OPENAI_URL, type Vendor, variablesOfKey } from '../vendors.ts';

/** The model server of the environment. */
export type OpenAiEnv = { apiKey?: string | undefined; baseUrl?: string | undefined };

/** A vendor as the environment of this process knows it. */
export type VendorAccount = Pick<Vendor, 'title' | 'keyVariables' | 'keyPair'> & {
  /** The address of a model without its own `base_url`. */
  url: string;
  /** The address of the vendor, which never answers without a key. */
  vendorUrl?: string | undefined;
  /** The key of the environment. */
  key?: string | undefined;
  /** The name of the variable with the address, for messages. */
  urlVariable?: string;
};

/** The server and the key of a call. The key null means that no key is sent. */
export type ModelServer = {
  baseUrl: string;
  host: string;
  key: string | null;
  /** The name of the variable with the key, for messages. */
  keyVariable?: string | undefined;
};

/** Returns the account of OpenAI, or of the server that takes its place in the environment. */
export function openAiAccount(env: OpenAiEnv): VendorAccount {
  return {
    title: 'OpenAI',
    url: env.baseUrl?.trim() || OPENAI_URL,
    vendorUrl: OPENAI_URL,
    key: env.apiKey,
    urlVariable: 'OPENAI_BASE_URL',
    keyVariables: ['OPENAI_API_KEY'],
  };
}

/**
 * Resolves the server and the key of a call. A model with a known secret sends that secret and
 * nothing else. Without a secret, a model without `base_url` uses the URL and the key of the
 * environment. A model with its own `base_url` gets no key of the environment, so that a row can
 * never send that key to another server.
 */
export function resolveServer(
  account: VendorAccount,
  model: ModelRef,
  secret?: string,
): Outcome<ModelServer> {
  const own = model.base_url?.trim() || null;
  const url = own ?? account.url;
  const host = hostOf(url);
  if (host === null) {
    const where =
      own === null && account.urlVariable
        ? account.urlVariable
        : `The base_url of model ${model.name}`;
    return createFailure(
      'invalid_request',
      `${where} is not an http(s) URL such as ${OPENAI_URL}.`,
    );
  }
  const ofEnvironment = own === null ? account.key?.trim() || null : null;
  const key = secret === undefined ? ofEnvironment : secret.trim();
  const keyVariable = account.keyVariables[0];
  if (key !== null && !/^[\x21-\x7e]+$/.test(key)) {
    const holder = secret === undefined ? keyVariable : `The secret ${model.secret_name}`;
    return createFailure(
      'unauthorized',
      `${holder} contains characters that are not allowed in a key; copy the key again.`,
    );
  }
  if (key === null && url === account.vendorUrl) return missingKey(account, own !== null);
  return { ok: true, value: { baseUrl: url, host, key, keyVariable } };
}

function missingKey(account: VendorAccount, hasOwnUrl: boolean) {
  const { title, urlVariable } = account;
  const variables = variablesOfKey(account);
  const server = urlVariable ? `, or ${urlVariable} for a server that needs no key` : '';
  return createFailure(
    'unauthorized',
    hasOwnUrl
      ? `A model with its own base_url is called without a key; leave base_url empty to use ${variables}, or name a secret (secret_name).`
      : `No key for ${title} is set: set ${variables}${server}.`,
  );
}

/**
 * Returns host and port for messages, or null for a URL that `fetch` rejects, such as a URL with a
 * password.
 */
function hostOf(url: string): string | null {
  if (!URL.canParse(url)) return null;
  const { protocol, host, username, password } = new URL(url);
  const plain = (protocol === 'https:' || protocol === 'http:') && !username && !password;
  return plain ? host : null;
}
