import type { ModelProvider, ModelRef } from '../contracts/agents/model.ts';
import type { Outcome } from '../contracts/errors.ts';
import type { ReadSecret } from '../contracts/secret.ts';
import { createCancellation } from './failure.ts';
import { wrapCalls } from './wrap-calls.ts';

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
  return wrapCalls(provider, async (call, request, context) => {
    const key = await read(name);
    if (context.signal.aborted) return createCancellation();
    return key.ok ? call(request, { ...context, key: key.value }) : key;
  });
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
