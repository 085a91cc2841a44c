import type { LanguageModelV4 } from '@ai-sdk/provider';
import type {
  ModelAnswer,
  ModelCallContext,
  ModelRequest,
} from '../../../contracts/agents/model.ts';
import type { Failure, Outcome } from '../../../contracts/errors.ts';
import { Redaction, type StreamRedaction } from '../../../redaction/redaction.ts';
import { emitToken } from '../../answers/tokens.ts';
import { usageOfFailure } from '../../answers/usage.ts';
import { createCancellation, createFailure } from '../../failure.ts';
import { redactAnswer } from '../../http/answer-redaction.ts';
import type { Peer } from '../../http/failures.ts';
import { secretsIn } from '../../http/redact.ts';
import type { Watch } from '../../http/stall-timeout.ts';
import { withBedrockFields } from '../aws-credentials.ts';
import { callOptions } from '../call-options.ts';
import { mapSdkError } from '../map-error.ts';
import type { SdkOptions } from '../models.ts';
import { promptOf } from '../prompt.ts';
import type { CallParams } from '../request-params.ts';
import {
  addPart,
  emptyAnswer,
  endOf,
  endText,
  isCutOff,
  isTooLong,
  type PartialAnswer,
  pausedMessage,
  usageUntilNow,
  wholeAnswer,
} from '../stream-accumulator.ts';

/** The connection to one vendor for one request. The body of a signed request never changes. */
export type Line = {
  model: string;
  sdk: SdkOptions;
  params: CallParams;
  isSigned: boolean;
  watch: Watch;
  peer: Peer;
};

/** Most requests that continue an answer for which the vendor has paused. */
const MAX_PAUSES = 5;

/** Requests an answer. Continues it while the vendor pauses. */
export async function generate(
  model: LanguageModelV4,
  vendor: string,
  line: Line,
  request: ModelRequest,
  context: ModelCallContext,
): Promise<Outcome<ModelAnswer>> {
  const answer = emptyAnswer(vendor);
  try {
    return await generateInto(answer, model, line, request, context);
  } catch (error) {
    return { ...mapSdkError(error, line.peer), ...usageOfFailure(usageUntilNow(answer)) };
  }
}

async function generateInto(
  answer: PartialAnswer,
  model: LanguageModelV4,
  line: Line,
  request: ModelRequest,
  context: ModelCallContext,
): Promise<Outcome<ModelAnswer>> {
  const { vendor } = answer;
  const redaction = Redaction.of(secretsIn(line.peer.key));
  const filter = redaction.stream();
  let { messages } = request;
  for (let pauses = 0; ; pauses += 1) {
    const prompt = promptOf(messages, vendor);
    if (!prompt.ok) return prompt;
    const call = callOptions(request, prompt.value, line.params, vendor);
    const signed = line.isSigned && withBedrockFields(call.providerOptions, line.params.body);
    const { stream } = await model.doStream({
      ...call,
      ...signed,
      includeRawChunks: true,
      abortSignal: line.watch.signal,
    });
    const failure = await readAnswer(stream, answer, filter, line, context);
    if (failure) return { ...failure, ...usageOfFailure(usageUntilNow(answer)) };
    if (endOf(answer) !== 'pause' || pauses === MAX_PAUSES) break;
    messages = [...request.messages, pausedMessage(answer)];
  }
  emitToken(context, filter.pass(endText(answer)));
  emitToken(context, filter.rest({ isCut: isCutOff(answer) }));
  const whole = wholeAnswer(answer, request);
  return whole === null
    ? incompleteAnswer(answer, line.peer)
    : { ok: true, value: redactAnswer(whole, redaction) };
}

type AnswerStream = Awaited<ReturnType<LanguageModelV4['doStream']>>['stream'];

/** Reads the stream of an answer to its end. Throws the errors of the package. */
async function readAnswer(
  stream: AnswerStream,
  answer: PartialAnswer,
  filter: StreamRedaction,
  { peer }: Line,
  context: ModelCallContext,
): Promise<Failure | undefined> {
  for await (const part of stream) {
    if (context.signal.aborted) return createCancellation();
    const text = addPart(answer, part);
    if (isTooLong(answer)) {
      return createFailure('bad_answer', `${peer.host} sent a text longer than the limit.`);
    }
    emitToken(context, filter.pass(text));
  }
  return undefined;
}

function incompleteAnswer(answer: PartialAnswer, { host }: Peer): Failure {
  const { finish, content } = answer;
  const cause = {
    finish_reason: finish ? (finish.raw ?? finish.unified) : null,
    characters: content.length,
  };
  const failure =
    endOf(answer) === 'overloaded'
      ? createFailure('overloaded', `${host} gave the answer up.`, { cause })
      : createFailure('bad_answer', `The answer of ${host} ended before it was complete.`, {
          cause,
        });
  return { ...failure, ...usageOfFailure(usageUntilNow(answer)) };
}
