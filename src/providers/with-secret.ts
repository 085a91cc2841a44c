import type { ModelCallContext, ModelProvider, ModelRef } from '../contracts/agents/model.ts';
import type { Outcome } from '../contracts/errors.ts';
import type { ReadSecret } from '../contracts/secret.ts';
import { createCancellation } from './failure.ts';

/**
 * Wraps a provider, so that it sends the key of the model's secret. The secret is read at each
 * call, so that a new value is used without a restart. When the secret cannot be read, the call
 * fails and no other key is sent.
 */
export function withSecret(
  provider: ModelProvider,
  model: ModelRef,
  read: (name: string) => Promise<Outcome<string>>,
): ModelProvider {
  const name = model.secret_name;
  if (name === undefined) return provider;
  const { embed, synthesizeSpeech, transcribe, generateImage, rerank } = provider;
  const withKey = async <T>(
    context: ModelCallContext,
    call: (context: ModelCallContext) => Promise<Outcome<T>>,
  ): Promise<Outcome<T>> => {
    const key = await read(name);
    if (context.signal.aborted) return createCancellation();
    return key.ok ? call({ ...context, key: key.value }) : key;
  };
  return {
    name: provider.name,
    generate: (request, context) => withKey(context, (keyed) => provider.generate(request, keyed)),
    ...(embed && {
      embed: (request, context) => withKey(context, (keyed) => embed(request, keyed)),
    }),
    ...(synthesizeSpeech && {
      synthesizeSpeech: (request, context) =>
        withKey(context, (keyed) => synthesizeSpeech(request, keyed)),
    }),
    ...(transcribe && {
      transcribe: (request, context) => withKey(context, (keyed) => transcribe(request, keyed)),
    }),
    ...(generateImage && {
      generateImage: (request, context) =>
        withKey(context, (keyed) => generateImage(request, keyed)),
    }),
    ...(rerank && {
      rerank: (request, context) => withKey(context, (keyed) => rerank(request, keyed)),
    }),
  };
}

/** Wraps all providers with the secrets that their models name, per tenant. */
export function withSecrets(
  provider: (model: ModelRef) => Outcome<ModelProvider>,
  read: ReadSecret,
): (model: ModelRef, tenantId: string) => Outcome<ModelProvider> {
  return (model, tenantId) => {
    const found = provider(model);
    if (!found.ok) return found;
    return { ok: true, value: withSecret(found.value, model, (name) => read(tenantId, name)) };
  };
}
