import { Readable } from 'node:stream';
import { ENGINE_PREFIX } from '../contracts/engine.ts';
import type { RunError } from '../contracts/errors.ts';
import type { ModelProvider } from '../contracts/model.ts';
import type { Fetch } from '../providers/openai/wire.ts';
import { openaiProvider } from '../providers/openai.ts';
import type { Egress } from '../tools/egress.ts';
import { sendable } from './failures.ts';

const MAX_BYTES = 64 * 1024 * 1024;

/** An agent of somebody else's that speaks OpenAI's chat completions: reached under guard, and never with our own key. */
export function openaiEngine(egress: Egress): ModelProvider {
  return {
    name: `${ENGINE_PREFIX}openai`,
    async generate(request, context) {
      let refusal: RunError | undefined;
      const fetch = guarded(egress, context.signal, (error) => {
        refusal = error;
      });
      const outcome = await openaiProvider({ env: {}, fetch }).generate(request, context);
      const isOurs = !outcome.ok && outcome.error.code !== 'cancelled';
      return isOurs && refusal ? { ok: false, error: sendable(refusal) } : outcome;
    },
  };
}

const WITHOUT_BODY = [204, 205, 304];

/** The client wraps what a fetch throws: why a request was not sent, or broke, is told apart. */
function guarded(egress: Egress, signal: AbortSignal, refused: (error: RunError) => void): Fetch {
  return async (input, init = {}) => {
    const outcome = await egress.open({
      url: input instanceof Request ? input.url : String(input),
      method: init.method ?? 'GET',
      headers: new Headers(init.headers),
      body: init.body as string,
      signal: init.signal ?? signal,
      redirect: 'manual',
      maxBytes: MAX_BYTES,
    });
    if (!outcome.ok) {
      refused(outcome.error);
      throw new TypeError(outcome.error.message);
    }
    const { status, headers, body } = outcome.value;
    const isEmpty = WITHOUT_BODY.includes(status);
    return new Response(isEmpty ? null : (Readable.toWeb(body) as ReadableStream), {
      status,
      headers,
    });
  };
}
