import type { EnvironmentModel } from '../environment/environment-models.ts';
import { findVendor, OPENAI_URL } from '../vendors.ts';

/** How a model is reached: what the environment says of its server. */
type Reached = Pick<EnvironmentModel, 'provider' | 'baseUrl'> & { apiKey: string | undefined };

/** A request for the list of models, which costs nothing and needs a valid key. */
export type ListRequest = { url: string; headers: Record<string, string> };

/**
 * Returns the request that lists the models of a server, or null for a vendor whose key is not
 * checked: its settings or its format are unknown here.
 */
export function listRequest({ provider, baseUrl, apiKey }: Reached): ListRequest | null {
  const vendor = findVendor(provider);
  const sent = (name: string, value = apiKey) => (value === undefined ? {} : { [name]: value });
  if (baseUrl === undefined && vendor?.name === 'anthropic') {
    const headers = { 'anthropic-version': '2023-06-01', ...sent('x-api-key') };
    return { url: `${vendor.sdkUrl}/models`, headers };
  }
  if (baseUrl === undefined && vendor?.name === 'google') {
    return { url: `${vendor.sdkUrl}/models`, headers: sent('x-goog-api-key') };
  }
  const server = baseUrl ?? (provider === 'openai' ? OPENAI_URL : vendor?.openAiUrl);
  if (server === undefined || !/^https?:/.test(server)) return null;
  const headers = sent('authorization', apiKey && `Bearer ${apiKey}`);
  return { url: `${server.replace(/\/$/, '')}/models`, headers };
}

/** Asks a server for its models. Google answers 400 to an invalid key. */
export async function askForModels({
  url,
  headers,
}: ListRequest): Promise<'answers' | 'rejects the key' | 'does not answer'> {
  const rejections = 'x-goog-api-key' in headers ? [400, 401, 403] : [401, 403];
  try {
    const { status } = await fetch(url, { headers, signal: AbortSignal.timeout(3_000) });
    return rejections.includes(status) ? 'rejects the key' : 'answers';
  } catch {
    return 'does not answer';
  }
}
