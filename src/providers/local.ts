import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Offloadable, offload, withOffload } from '../concurrency/offload.ts';
import { moduleBeside } from '../concurrency/thread-pool.ts';
import type { ModelAnswer, ModelProvider } from '../contracts/agents/model.ts';
import type { Outcome } from '../contracts/errors.ts';
import { estimateTokens, streamText } from './answers/tokens.ts';
import { createCancellation, createFailure } from './failure.ts';
import { answer, LOCAL_DESCRIPTION } from './local/answer.ts';
import { embedText } from './local/embed.ts';

/** Most characters of a text that is embedded in this thread. */
const MAX_HERE = 8_000;

const ANSWER: Offloadable<[request: string], Outcome<ModelAnswer>> = {
  module: moduleBeside('./local/answer.ts', import.meta.url),
  name: 'answer',
  deadline_ms: 10_000, // 600 kB take half a second of processor time, on a busy machine several
  callHere: answer,
};
const EMBED: Offloadable<[text: string], number[]> = {
  module: moduleBeside('./local/embed.ts', import.meta.url),
  name: 'embedText',
  deadline_ms: 10_000,
  callHere: embedText,
};

/**
 * Creates the model that needs no key and no network. The model chooses tools by the words of the
 * question and fills their arguments from it. It answers only with the results of the tools, and
 * cites them. Questions about figures become queries by templates (`local/sql-templates`), if the
 * agent has `sql_query`. Its embeddings compare letters, not meaning. The model is deterministic.
 * Long texts are read in a thread with a deadline, so that other runs never wait for them.
 */
export function localProvider(): ModelProvider & { readonly description: string } {
  return {
    name: 'local',
    description: LOCAL_DESCRIPTION,
    async generate({ model: _, ...request }, context) {
      if (context.signal.aborted) return createCancellation();
      const { signal, tenant_id = '' } = context;
      const text = JSON.stringify(request);
      const answering = async () => withOffload(tenant_id, signal, () => offload(ANSWER, text));
      const answered = await answering().catch((error): Outcome<ModelAnswer> => {
        if (signal.aborted) return createCancellation();
        return createFailure('invalid_request', `The local model cannot answer: ${error.message}`);
      });
      if (!answered.ok) return answered;
      const isComplete = streamText(context, answered.value.content ?? '');
      return isComplete ? answered : createCancellation();
    },
    async embed({ texts }, { signal, tenant_id = '' }) {
      const vectors: number[][] = [];
      try {
        for (const text of texts) {
          if (signal.aborted) return createCancellation();
          const isLong = text.length > MAX_HERE;
          const embedding = () => (isLong ? offload(EMBED, text) : embedText(text));
          vectors.push(await withOffload(tenant_id, signal, embedding));
          await nextTurn();
        }
      } catch (error) {
        if (signal.aborted) return createCancellation();
        const { message } = error as Error;
        return createFailure('invalid_request', `The local model cannot embed a text: ${message}`);
      }
      const usage = { tokens_in: estimateTokens(texts.join('')), tokens_out: 0 };
      return { ok: true, value: { vectors, usage } };
    },
  };
}
