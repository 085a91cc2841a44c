import { awsKeyIn } from '../ai-sdk/aws-credentials.ts';
import { VENDORS } from '../vendors.ts';
import type { ModelValues } from './variables.ts';
import { knownProviderOf, type Prefix } from './vendor-names.ts';

/** A key and the variable that it comes from. `value` is a secret: never log it. */
export type EnvironmentKey = Readonly<{ variable: string; value: string }>;

/** The keys of the environment by the name of their vendor. */
export type VendorKeys = Readonly<Record<string, EnvironmentKey>>;

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * Returns the key of each vendor. OPENAI_API_KEY is for OpenAI. Otherwise LLM_API_KEY is for the
 * vendor of LLM_PROVIDER, before the variable of that vendor. Keys of TTS_*, STT_* and EMBEDDING_*
 * come last. A key whose `*_URL` is set is used for that URL only. For Bedrock the access key of
 * AWS comes after the key of Bedrock.
 */
export function vendorKeys(values: ModelValues, env: Variables): VendorKeys {
  const keys = new Map<string, EnvironmentKey>();
  const add = (vendor: string, variable: string, value: string | undefined) => {
    if (value && !keys.has(vendor)) keys.set(vendor, Object.freeze({ variable, value }));
  };
  const addOfPurpose = (prefix: Prefix) => {
    const { provider, url } = knownProviderOf(prefix, values) ?? {};
    if (provider !== undefined && url === undefined)
      add(provider, `${prefix}_API_KEY`, values[`${prefix}_API_KEY`]);
  };
  add('openai', 'OPENAI_API_KEY', values.OPENAI_API_KEY);
  addOfPurpose('LLM');
  for (const { name, keyVariables } of VENDORS) {
    for (const variable of keyVariables) add(name, variable, env[variable]?.trim());
  }
  add('amazon-bedrock', 'AWS_ACCESS_KEY_ID', awsKeyIn(env));
  for (const prefix of ['TTS', 'STT', 'EMBEDDING'] as const) addOfPurpose(prefix);
  return Object.freeze(Object.fromEntries(keys));
}
