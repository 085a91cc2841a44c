import { ENGINE_PREFIX } from '../contracts/agents/engine.ts';
import type { ModelProvider } from '../contracts/agents/model.ts';
import type { RunError } from '../contracts/errors.ts';
import { openaiProvider } from '../providers/openai.ts';
import { guardedFetch } from '../tools/egress/guarded-fetch.ts';
import type { Egress } from '../tools/egress.ts';
import { sendable } from './sendable-error.ts';

const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Creates the provider of external agents with OpenAI's chat completions. Their requests pass the
 * guard of outgoing requests, and never contain Howdah's own key.
 */
export function openaiEngine(egress: Egress): ModelProvider {
  return {
    name: `${ENGINE_PREFIX}openai`,
    async generate(request, context) {
      let refusal: RunError | undefined;
      const fetch = guardedFetch(egress, {
        signal: context.signal,
        maxBytes: MAX_BYTES,
        onRejected: (error) => {
          refusal = error;
        },
      });
      const outcome = await openaiProvider({ env: {}, fetch }).generate(request, context);
      const isOurs = !outcome.ok && outcome.error.code !== 'cancelled';
      return isOurs && refusal ? { ok: false, error: sendable(refusal) } : outcome;
    },
  };
}
