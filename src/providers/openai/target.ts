import type { ModelRef } from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { createFailure } from '../failure.ts';

/** The model server of the environment. */
export type OpenAiEnv = { apiKey?: string | undefined; baseUrl?: string | undefined };

/** The server and the key of a call. The key null means that no key is sent. */
export type Target = { baseUrl: string; host: string; key: string | null };

const OPENAI_URL = 'https://api.openai.com/v1';

/**
 * Resolves the server and the key of a call, as section 2 of the contract requires. A model with a
 * known secret sends that secret and nothing else. Without a secret, a model without `base_url`
 * uses the URL and the key of the environment. A model with its own `base_url` gets no key of the
 * environment, so that a row can never send that key to another server.
 */
export function resolveTarget(env: OpenAiEnv, model: ModelRef, secret?: string): Outcome<Target> {
  const own = model.base_url?.trim() || null;
  const url = own ?? (env.baseUrl?.trim() || OPENAI_URL);
  const host = hostOf(url);
  if (host === null) {
    const where = own === null ? 'OPENAI_BASE_URL' : `The base_url of model ${model.name}`;
    return createFailure(
      'invalid_request',
      `${where} is not an http(s) URL such as ${OPENAI_URL}.`,
    );
  }
  const ofEnvironment = own === null ? env.apiKey?.trim() || null : null;
  const key = secret === undefined ? ofEnvironment : secret.trim();
  if (key !== null && !/^[\x21-\x7e]+$/.test(key)) {
    const holder = secret === undefined ? 'OPENAI_API_KEY' : `The secret ${model.secret_name}`;
    return createFailure(
      'unauthorized',
      `${holder} contains characters that are not allowed in a key; copy the key again.`,
    );
  }
  if (key === null && url === OPENAI_URL) {
    return createFailure(
      'unauthorized',
      own === null
        ? 'No key for OpenAI is set: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server that needs no key.'
        : 'A model with its own base_url is called without a key; leave base_url empty to use OPENAI_API_KEY, or name a secret (secret_name).',
    );
  }
  return { ok: true, value: { baseUrl: url, host, key } };
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
