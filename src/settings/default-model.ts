import { z } from 'zod';
import { invalidVariable } from './parse-variables.ts';

/**
 * The model of agents that name no model. `apiKey` is a secret: pass it to the provider, never to a
 * log.
 */
export type DefaultModel = Readonly<{
  provider: string;
  model: string;
  baseUrl: string | undefined;
  apiKey: string | undefined;
}>;

/** The variables of the default model, as `readConfig` reads them. */
export const modelVariables = {
  OPENAI_API_KEY: [z.string().optional(), 'an API key'],
  OPENAI_BASE_URL: [z.url({ protocol: /^https?$/ }).optional(), 'an http or https URL'],
  OPENAI_MODEL: [z.string().default('gpt-5-mini'), 'the name of a model'],
  LLM_PROVIDER: [
    z
      .string()
      .regex(/^[\w-]+$/)
      .toLowerCase()
      .optional(),
    'one word, such as openai',
  ],
  LLM_API_KEY: [z.string().optional(), 'an API key'],
  LLM_MODEL: [z.string().optional(), 'the name of a model'],
  LLM_URL: [z.url({ protocol: /^https?$/ }).optional(), 'an http or https URL'],
} as const;

type Values = {
  [Name in keyof typeof modelVariables]: z.infer<(typeof modelVariables)[Name][0]>;
};

/**
 * Returns the default model. `OPENAI_*` takes precedence over `LLM_*`. Without both, answers come
 * from the local model, which needs no key.
 */
export function defaultModel(values: Values): DefaultModel {
  if (values.OPENAI_API_KEY || values.OPENAI_BASE_URL) {
    const { OPENAI_MODEL: model, OPENAI_BASE_URL: baseUrl, OPENAI_API_KEY: apiKey } = values;
    return { provider: 'openai', model, baseUrl, apiKey };
  }
  const { LLM_MODEL: model, LLM_URL: baseUrl, LLM_API_KEY: apiKey } = values;
  const named = values.LLM_PROVIDER ?? (apiKey || baseUrl || model ? 'openai' : 'local');
  const known: Record<string, string | undefined> = {
    local: 'extractive',
    openai: values.OPENAI_MODEL,
  };
  const chosen = model ?? known[named];
  if (chosen === undefined) {
    const reason = `LLM_PROVIDER is ${named}, which has no default model`;
    throw invalidVariable('LLM_MODEL', reason, 'Set LLM_MODEL to the name of a model.');
  }
  return { provider: named, model: chosen, baseUrl, apiKey };
}
