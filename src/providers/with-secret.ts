import type { ModelCallContext, ModelProvider, ModelRef } from '../contracts/agents/model.ts';
import type { Outcome } from '../contracts/errors.ts';
import type { ReadSecret } from '../contracts/secret.ts';
import { cancelled } from './failure.ts';

/**
 * The provider with the key of the secret that the model names: read at each call, so that a new value is used without
 * a restart. Nothing else is sent when it cannot be read.
 */
export function withSecret(
  provider: ModelProvider,
  model: ModelRef,
  read: (name: string) => Promise<Outcome<string>>,
): ModelProvider {
  const name = model.secret_name;
  if (name === undefined) return provider;
  const { embed } = provider;
  const withKey = async <T>(
    context: ModelCallContext,
    call: (context: ModelCallContext) => Promise<Outcome<T>>,
  ): Promise<Outcome<T>> => {
    const key = await read(name);
    if (context.signal.aborted) return cancelled();
    return key.ok ? call({ ...context, key: key.value }) : key;
  };
  return {
    name: provider.name,
    generate: (request, context) => withKey(context, (keyed) => provider.generate(request, keyed)),
    ...(embed && {
      embed: (request, context) => withKey(context, (keyed) => embed(request, keyed)),
    }),
  };
}

/** Each of them with the secret its model names, as a tenant has it. */
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
