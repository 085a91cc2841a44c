import type { Config } from './config.ts';
import { HowdahError } from './contracts/errors.ts';
import { createPool } from './db/connection/pool.ts';
import { syncDefaultModel } from './db/worker/maintenance.ts';
import { createProviders, findProvider } from './providers/registry.ts';

/** Updates the models named `default` from this environment. Commands that only read do not. */
export async function updateDefaultModels(url: string, config: Config): Promise<void> {
  refuseUnknownProvider(config);
  const pool = createPool({ url, applicationName: 'howdah-start', role: 'howdah_worker', max: 1 });
  try {
    await syncDefaultModel(pool, defaultModelRow(config));
  } finally {
    await pool.end();
  }
}

function refuseUnknownProvider(config: Config): void {
  const found = findProvider(createProviders({}), {
    provider: defaultModelRow(config).provider,
    base_url: config.defaultModel.baseUrl ?? null,
  });
  if (!found.ok) {
    throw new HowdahError('HWINV', `LLM_PROVIDER: ${found.error.message}`, {
      hint: 'Set LLM_PROVIDER to one of those, or set LLM_URL to the address of an OpenAI-compatible server.',
      detail: { variable: 'LLM_PROVIDER' },
    });
  }
}

/**
 * Returns the default model as a row. A model whose URL is in the environment is reached like any
 * OpenAI-compatible server.
 */
export function defaultModelRow(config: Config): { provider: string; model: string } {
  const { provider, model, baseUrl } = config.defaultModel;
  return { provider: baseUrl === undefined ? provider : 'openai', model };
}
