import type { EmbeddingModelV4 } from '@ai-sdk/provider';
import type { Embeddings, EmbedRequest } from '../../../contracts/agents/model.ts';
import type { Usage } from '../../../contracts/agents/usage.ts';
import type { Outcome } from '../../../contracts/errors.ts';
import { estimateTokens, tokenCount } from '../../answers/tokens.ts';
import { createFailure } from '../../failure.ts';
import type { Peer } from '../../http/failures.ts';

/** The size of a batch for a vendor that names none. */
const AT_ONCE = 32;

/** Embeds all texts in batches that the vendor accepts. Throws the errors of the package. */
export async function embedAll(
  model: EmbeddingModelV4,
  { texts }: EmbedRequest,
  abortSignal: AbortSignal,
  peer: Peer,
): Promise<Outcome<Embeddings>> {
  const atOnce = Math.min((await model.maxEmbeddingsPerCall) ?? AT_ONCE, 2_048);
  const vectors: number[][] = [];
  const usage: Usage = { tokens_in: 0, tokens_out: 0 };
  for (let from = 0; from < texts.length; from += atOnce) {
    const values = texts.slice(from, from + atOnce).map((text) => text || ' ');
    const answer = await model.doEmbed({ values, abortSignal });
    if (answer.embeddings.length !== values.length || !answer.embeddings.every(isVector)) {
      const message = `The answer of ${peer.host} is not a list of ${values.length} embeddings.`;
      return createFailure('bad_answer', message);
    }
    vectors.push(...answer.embeddings);
    usage.tokens_in += tokenCount(answer.usage?.tokens) ?? estimateTokens(values.join(''));
  }
  return { ok: true, value: { vectors, usage } };
}

function isVector(value: number[]): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(Number.isFinite);
}
