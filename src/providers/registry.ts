import type { ModelProvider, ModelRef } from '../contracts/agents/model.ts';
import type { Outcome } from '../contracts/errors.ts';
import { createFailure } from './failure.ts';
import type { Fetch } from './http/guarded-fetch.ts';
import { localProvider } from './local.ts';
import { openaiProvider } from './openai.ts';
import { scriptedProvider } from './scripted.ts';

/** The model providers of this process by name, as in the column `provider` of a model. */
export type Providers = ReadonlyMap<string, ModelProvider>;

/**
 * The environment variables of the providers. An absent variable and an empty variable are equal.
 */
export type ProviderEnv = {
  OPENAI_API_KEY?: string | undefined;
  OPENAI_BASE_URL?: string | undefined;
};

/**
 * Common names of servers with OpenAI's format. They need a `base_url`, because the name alone has
 * no address.
 */
export const OPENAI_COMPATIBLE: ReadonlySet<string> = new Set([
  'azure',
  'deepseek',
  'groq',
  'llamacpp',
  'lmstudio',
  'mistral',
  'ollama',
  'openai-compatible',
  'openrouter',
  'together',
  'vllm',
]);

/** Creates all providers by name. A new vendor needs one file in this folder and one line here. */
export function createProviders(
  env: ProviderEnv,
  options: { fetch?: Fetch | undefined } = {},
): Providers {
  const { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseUrl } = env;
  const providers = [
    openaiProvider({ env: { apiKey, baseUrl }, fetch: options.fetch }),
    localProvider(),
    scriptedProvider(),
  ];
  return new Map(providers.map((provider) => [provider.name, provider]));
}

/**
 * Finds the provider of a model row. Rejects an unknown name with `invalid_request` and lists the
 * known names.
 */
export function findProvider(
  providers: Providers,
  model: Pick<ModelRef, 'provider' | 'base_url'>,
): Outcome<ModelProvider> {
  const name = model.provider.trim().toLowerCase();
  const compatible = OPENAI_COMPATIBLE.has(name) && !providers.has(name);
  const provider = providers.get(compatible && model.base_url ? 'openai' : name);
  if (provider !== undefined) return { ok: true, value: provider };
  if (compatible) {
    const message = `Provider ${name} is any OpenAI-compatible server: give the model its base_url (it usually ends in /v1).`;
    return createFailure('invalid_request', message);
  }
  const known = [...providers.keys(), ...OPENAI_COMPATIBLE];
  const near = nearest(name, known);
  const hint = near === null ? '' : ` Did you mean "${near}"?`;
  return createFailure(
    'invalid_request',
    `The model provider "${model.provider}" does not exist.${hint} Known: ${[...providers.keys()].join(', ')}; ` +
      `with a base_url also ${[...OPENAI_COMPATIBLE].join(', ')}.`,
  );
}

/**
 * Returns the closest known name within a third of its letters, or a name with the same beginning.
 */
function nearest(name: string, known: string[]): string | null {
  const ranked = known
    .map((one) => ({ one, far: distance(name, one) }))
    .sort((a, b) => a.far - b.far);
  const best = ranked[0];
  if (best !== undefined && best.far <= Math.ceil(best.one.length / 3)) return best.one;
  const same =
    name.length >= 3
      ? known.find((one) => one.startsWith(name) || name.startsWith(one))
      : undefined;
  return same ?? null;
}

/** Computes the Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const swap = (row[j] ?? 0) + (letter === b[j] ? 0 : 1);
      next.push(Math.min(swap, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
