import type { ModelCallContext, ModelProvider, ModelRef } from '../contracts/agents/model.ts';
import type { Outcome } from '../contracts/errors.ts';

type Request = { model: ModelRef };
type Call<R extends Request, T> = (request: R, context: ModelCallContext) => Promise<Outcome<T>>;

/** A function that makes a call of a provider in its own way. */
export type AroundCall = <R extends Request, T>(
  call: Call<R, T>,
  request: R,
  context: ModelCallContext,
) => Promise<Outcome<T>>;

const CALLS = [
  'generate',
  'embed',
  'synthesizeSpeech',
  'transcribe',
  'generateImage',
  'rerank',
] as const satisfies (keyof ModelProvider)[];

/** Wraps every function of a provider that calls a model. */
export function wrapCalls(provider: ModelProvider, around: AroundCall): ModelProvider {
  const wrapped = CALLS.flatMap((name) => {
    const call = provider[name]?.bind(provider) as Call<Request, unknown> | undefined;
    if (call === undefined) return [];
    const own: Call<Request, unknown> = (request, context) => around(call, request, context);
    return [[name, own]];
  });
  return { ...provider, ...Object.fromEntries(wrapped) };
}
