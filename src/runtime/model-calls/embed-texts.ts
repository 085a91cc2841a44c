import type { Embeddings, ModelProvider, ModelRef } from '../../contracts/agents/model.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import { type BeginCall, callWithin } from '../held-run/call-admission.ts';

/** Finds the provider of a model, with the key of the tenant. */
export type FindProvider = (model: ModelRef, tenantId: string) => Outcome<ModelProvider>;

type EmbedTexts = {
  tenantId: string;
  model: ModelRef;
  texts: string[];
  signal: AbortSignal;
  ms: number;
  begin: BeginCall;
};

/**
 * Embeds texts outside of steps, within a time limit and the limits of calls. A provider that
 * throws has failed.
 */
export async function embedTexts(
  provider: FindProvider,
  request: EmbedTexts,
): Promise<Outcome<Embeddings>> {
  const { tenantId, model, begin } = request;
  const found = provider(model, tenantId);
  if (!found.ok) return found;
  if (!canEmbed(found.value)) {
    return failure('invalid_request', `The provider ${model.provider} makes no embeddings.`);
  }
  const able = found.value;
  return callWithin(begin, model, () => embedWith(able, request));
}

type EmbeddingProvider = ModelProvider & Required<Pick<ModelProvider, 'embed'>>;
const canEmbed = (provider: ModelProvider): provider is EmbeddingProvider =>
  provider.embed !== undefined;

async function embedWith(
  provider: EmbeddingProvider,
  { tenantId, model, texts, signal, ms }: EmbedTexts,
): Promise<Outcome<Embeddings>> {
  const timeout = AbortSignal.timeout(ms);
  const context = { signal: AbortSignal.any([signal, timeout]), tenant_id: tenantId };
  try {
    const outcome = await provider.embed({ model, texts }, context);
    if (outcome.ok) return checked(model, outcome.value, texts.length);
    return timeout.aborted && !signal.aborted ? late(model, ms) : outcome;
  } catch (error) {
    return failure('internal', `The provider failed: ${(error as Error).message}`);
  }
}

/** Refuses vectors that are missing, empty, of different lengths, or no numbers. */
function checked({ name }: ModelRef, embeddings: Embeddings, count: number): Outcome<Embeddings> {
  const { vectors } = embeddings;
  const length = vectors[0]?.length ?? 0;
  const isWhole =
    vectors.length === count &&
    length > 0 &&
    vectors.every((vector) => vector.length === length && vector.every(Number.isFinite));
  if (isWhole) return { ok: true, value: embeddings };
  return failure('bad_answer', `The model ${name} did not return ${count} vectors of one length.`);
}

const late = ({ name }: ModelRef, ms: number) =>
  failure('timeout', `The model ${name} did not answer within ${ms / 1000} seconds.`);

function failure(code: RunError['code'], message: string): Outcome<never> {
  return { ok: false, error: { code, message, retryable: false } };
}
