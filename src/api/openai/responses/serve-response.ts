import { RequestRefusal } from '../../../resources/request-refusal.ts';
import {
  answerQuestionOfRun,
  readRunSnapshot,
  type StartedRun,
} from '../../conversation-protocols/conversation-runs.ts';
import { uuidIn, wireId } from '../ids.ts';
import { openAiError } from '../openai-errors.ts';
import type { OpenAiRequest } from '../openai-request.ts';
import {
  messageId,
  outputOf,
  questionItems,
  type ResponseContext,
  responseOf,
} from './response.ts';
import { ResponseEvents } from './response-events.ts';
import { type ResponsesRequest, turnOfResponse } from './responses-request.ts';

/**
 * Answers a request for a response. The request is a turn in the session of the previous response,
 * or the answer to a question of its run.
 */
export async function serveResponse(
  request: ResponsesRequest,
  openAiRequest: OpenAiRequest,
): Promise<void> {
  const started = await beginResponse(request, openAiRequest);
  const context: ResponseContext = {
    request,
    started,
    created: Math.floor(Date.now() / 1000),
  };
  if (request.stream === true) return streamResponse(context, openAiRequest);
  const run = await openAiRequest.waitUntilStopped();
  if (run) openAiRequest.answer(responseOf(context, run, outputOf(started, run)));
}

async function beginResponse(
  request: ResponsesRequest,
  openAiRequest: OpenAiRequest,
): Promise<StartedRun> {
  const conversation = turnOfResponse(request);
  const isFollowed = request.stream === true;
  const isStored = request.store !== false;
  const previousId = request.previous_response_id ?? undefined;
  const previous = previousId === undefined ? undefined : uuidIn('resp', previousId);
  if (previousId !== undefined && previous === undefined) throw noResponse(previousId);
  if (previous === undefined || conversation.results.length > 0) {
    return openAiRequest.begin(conversation, { isStored, isFollowed });
  }
  const run = await openAiRequest.transaction((db) =>
    readRunSnapshot(db, { id: previous, since: 0 }),
  );
  if (!run) throw noResponse(previousId ?? '');
  const open = run.status === 'waiting' ? run.questions : [];
  const call = open.find(({ is_client_call }) => is_client_call);
  if (call) {
    const message = `no tool output was found for function call ${wireId('call', call.id)}`;
    throw new RequestRefusal(400, message, { detail: { field: 'input' } });
  }
  const question = open[0];
  if (!question) return openAiRequest.begin(conversation, { previous, isStored, isFollowed });
  const answer = { id: previous, questionId: question.id, answer: conversation.input };
  return openAiRequest.resume((db) => answerQuestionOfRun(db, answer));
}

function noResponse(id: string): RequestRefusal {
  const message = `there is no response ${id.slice(0, 100)}`;
  const detail = { field: 'previous_response_id', openai_code: 'previous_response_not_found' };
  return new RequestRefusal(400, message, {
    hint: 'Send the id of a response that you got.',
    detail,
  });
}

async function streamResponse(
  context: ResponseContext,
  openAiRequest: OpenAiRequest,
): Promise<void> {
  const { started } = context;
  const writer = openAiRequest.stream();
  const events = new ResponseEvents(writer);
  try {
    await events.send('response.created', { response: responseOf(context) });
    await events.send('response.in_progress', { response: responseOf(context) });
    for await (const answerItem of openAiRequest.follow()) {
      if (answerItem.type === 'text')
        await events.text(messageId(started, answerItem.seq), answerItem.text);
      if (answerItem.type === 'settled') {
        await events.settle(answerItem.hasCalls ? 'commentary' : 'final_answer');
      }
      if (answerItem.type !== 'stopped') continue;
      const { run } = answerItem;
      await events.settle('final_answer');
      const rest = run.is_whole ? outputOf(started, run) : questionItems(started, run);
      for (const item of rest) {
        if (item.type === 'function_call') await events.call(item);
        else {
          await events.text(item.id, item.content[0]?.text ?? '');
          await events.settle('final_answer');
        }
      }
      const response = responseOf(context, run, events.output);
      const { status } = response;
      const end = status === 'completed' || status === 'incomplete' ? status : 'failed';
      await events.send(`response.${end}`, { response });
      return writer.end();
    }
    const failure = openAiRequest.earlyEnd();
    if (failure) await events.send('error', errorEventOf(openAiError(failure)));
  } catch (error) {
    await events.send('error', errorEventOf(openAiError(openAiRequest.failureOf(error))));
  }
  writer.end();
}

function errorEventOf({ error: { code, message, param } }: ReturnType<typeof openAiError>) {
  return { code, message, param };
}
