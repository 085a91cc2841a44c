import { questionText, type StartedRun } from '../../conversation-protocols/conversation-runs.ts';
import { openAiError, runFailure } from '../openai-errors.ts';
import type { OpenAiRequest } from '../openai-request.ts';
import { chatAnswerOf, chunksOf, completionOf } from './chat-completion.ts';
import { type ChatRequest, turnOfChat } from './chat-request.ts';

/**
 * Answers a request for a chat completion. A question to a person becomes the answer and ends the
 * run, because the client keeps the conversation.
 */
export async function serveChat(request: ChatRequest, openAiRequest: OpenAiRequest): Promise<void> {
  const isFollowed = request.stream === true;
  const started = await openAiRequest.begin(turnOfChat(request), { isStored: false, isFollowed });
  if (isFollowed) return streamChat(request, openAiRequest, started);
  const run = await openAiRequest.waitUntilStopped();
  if (!run) return;
  const answer = chatAnswerOf(run);
  if (answer === null) return openAiRequest.refuse(runFailure(started.id, run));
  if (isAsking(run)) await openAiRequest.cancel();
  return openAiRequest.answer(completionOf(request.model, started, run, answer));
}

async function streamChat(
  request: ChatRequest,
  openAiRequest: OpenAiRequest,
  started: StartedRun,
): Promise<void> {
  const writer = openAiRequest.stream();
  const created = Math.floor(Date.now() / 1000);
  const hasUsage = request.stream_options?.include_usage === true;
  const chunks = chunksOf(request.model, started, created, hasUsage);
  await writer.write(chunks.first());
  let lastSeq: number | undefined;
  const say = async (seq: number, text: string) => {
    const gap = lastSeq !== undefined && lastSeq !== seq ? '\n\n' : '';
    lastSeq = seq;
    await writer.write(chunks.text(gap + text));
  };
  try {
    for await (const answerItem of openAiRequest.follow()) {
      if (answerItem.type === 'text') await say(answerItem.seq, answerItem.text);
      if (answerItem.type !== 'stopped') continue;
      const { run } = answerItem;
      const answer = chatAnswerOf(run);
      if (answer === null) {
        await writer.write({ error: runFailure(started.id, run).error });
        return writer.end();
      }
      const [question] = run.questions;
      if (isAsking(run) && question) {
        await say(-1, questionText(question));
        await openAiRequest.cancel();
      } else if (run.is_whole) {
        await say(-1, answer.content ?? '');
      }
      for (const chunk of chunks.last(run, answer)) await writer.write(chunk);
      return writer.end('[DONE]');
    }
    const failure = openAiRequest.earlyEnd();
    if (failure) await writer.write({ error: openAiError(failure).error });
  } catch (error) {
    await writer.write({ error: openAiError(openAiRequest.failureOf(error)).error });
  }
  writer.end();
}

/** Returns whether the run asks a person, and no tool of the client must be called first. */
function isAsking({
  status,
  questions,
}: {
  status: string;
  questions: { is_client_call: boolean }[];
}) {
  return status === 'waiting' && !questions.some(({ is_client_call }) => is_client_call);
}
