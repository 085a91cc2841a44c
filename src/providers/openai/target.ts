import type { ModelRef } from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { failed } from '../failure.ts';

/** The environment's model server. */
export type OpenAiEnv = { apiKey?: string | undefined; baseUrl?: string | undefined };

/** Where a call goes and with which key (null: none at all). */
export type Target = { baseUrl: string; host: string; key: string | null };

const OPENAI_URL = 'https://api.openai.com/v1';

/**
 * Contract, section 2: a model whose secret is known is sent that and nothing else. Without one, a model without
 * `base_url` uses the environment's URL and key; one with its own `base_url` gets no key, so that a row can never send
 * the environment's key elsewhere.
 */
export function resolveTarget(env: OpenAiEnv, model: ModelRef, secret?: string): Outcome<Target> {
  const own = model.base_url?.trim() || null;
  const url = own ?? (env.baseUrl?.trim() || OPENAI_URL);
  const host = hostOf(url);
  if (host === null) {
    const where = own === null ? 'OPENAI_BASE_URL' : `The base_url of model ${model.name}`;
    return failed('invalid_request', `${where} is not an http(s) URL such as ${OPENAI_URL}.`);
  }
  const ofEnvironment = own === null ? env.apiKey?.trim() || null : null;
  const key = secret === undefined ? ofEnvironment : secret.trim();
  if (key !== null && !/^[\x21-\x7e]+$/.test(key)) {
    const holder = secret === undefined ? 'OPENAI_API_KEY' : `The secret ${model.secret_name}`;
    return failed('unauthorized', `${holder} holds characters no key has; copy it again.`);
  }
  if (key === null && url === OPENAI_URL) {
    return failed(
      'unauthorized',
      own === null
        ? 'There is no key for OpenAI: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server without one.'
        : 'A model with its own base_url is called without a key; leave base_url empty to use OPENAI_API_KEY, or name a secret (secret_name).',
    );
  }
  return { ok: true, value: { baseUrl: url, host, key } };
}

/** Host and port for messages; null for what `fetch` would not take (a URL with a password is one). */
function hostOf(url: string): string | null {
  if (!URL.canParse(url)) return null;
  const { protocol, host, username, password } = new URL(url);
  const plain = (protocol === 'https:' || protocol === 'http:') && !username && !password;
  return plain ? host : null;
}
