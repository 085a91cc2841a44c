import type { Outcome } from '../contracts/errors.ts';
import type { ModelProvider, ModelRef } from '../contracts/model.ts';
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
  return {
    name: provider.name,
    async generate(request, context) {
      const key = await read(name);
      if (context.signal.aborted) return cancelled();
      return key.ok ? provider.generate(request, { ...context, key: key.value }) : key;
    },
  };
}
