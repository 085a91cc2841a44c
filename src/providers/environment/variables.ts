import { z } from 'zod';
import { VENDORS } from '../vendors.ts';

const key = [z.string().optional(), 'an API key'] as const;
const model = [z.string().optional(), 'the name of a model'] as const;
const url = [z.url({ protocol: /^https?$/ }).optional(), 'an http or https URL'] as const;
const speechUrl = [
  z.url({ protocol: /^(http|ws)s?$/ }).optional(),
  'an http, https, ws or wss URL',
] as const;
const provider = [
  z
    .string()
    .regex(/^(npm:@?[\w./-]+|[\w.-]+)$/)
    .toLowerCase()
    .optional(),
  'the name of a provider or a host of its API, such as openai or groq.com',
] as const;

/** The variables of models, as `readConfig` reads them. Keys of vendors are in `KEY_VARIABLES`. */
export const modelVariables = {
  OPENAI_API_KEY: key,
  OPENAI_BASE_URL: url,
  OPENAI_MODEL: model,
  LLM_PROVIDER: provider,
  LLM_API_KEY: key,
  LLM_MODEL: model,
  LLM_URL: url,
  TTS_PROVIDER: provider,
  TTS_API_KEY: key,
  TTS_MODEL: model,
  TTS_URL: speechUrl,
  TTS_VOICE: [z.string().optional(), 'the name or id of a voice'],
  STT_PROVIDER: provider,
  STT_API_KEY: key,
  STT_MODEL: model,
  STT_URL: speechUrl,
  EMBEDDING_PROVIDER: provider,
  EMBEDDING_API_KEY: key,
  EMBEDDING_MODEL: model,
  EMBEDDING_URL: url,
  OLLAMA_HOST: [
    z
      .string()
      .transform((text) => ollamaUrl(text))
      .pipe(z.url({ protocol: /^https?$/ }))
      .optional(),
    'host, host:port or a URL, such as 127.0.0.1:11434',
  ],
  OLLAMA_MODEL: model,
} as const;

/** The values of those variables. */
export type ModelValues = {
  [Name in keyof typeof modelVariables]: z.infer<(typeof modelVariables)[Name][0]>;
};

/** The variables in which vendors' own programs find their key. */
export const KEY_VARIABLES: readonly string[] = VENDORS.flatMap(
  ({ keyVariables, keyPair = [] }) => [...keyVariables, ...keyPair],
);

/**
 * Returns the address where Ollama speaks OpenAI's format. OLLAMA_HOST may omit the scheme, the
 * port and the host. For the server, 0.0.0.0 means all addresses; a client calls this machine.
 */
function ollamaUrl(text: string): string {
  const [, scheme = 'http:', rest = ''] = /^(https?:)?(?:\/\/)?([^/]*)/i.exec(text) ?? [];
  const full = rest === '' || rest.startsWith(':') ? `127.0.0.1${rest}` : rest;
  const host = full.replace(/^(0\.0\.0\.0|\[::\])(?=:|$)/, '127.0.0.1');
  const port = /:\d+$/.test(host) || text.includes('://') ? '' : ':11434';
  return `${scheme}//${host}${port}/v1`;
}
