import type { ConversationState } from '../conversation-protocols/run-state.ts';
import type { RunItem } from '../events/follow-run.ts';
import {
  ANSWER,
  agentMessage,
  artifactsOf,
  placeOf,
  type StreamResponse,
  statusOf,
} from './task.ts';

/**
 * What is told of a run as updates of its task. What a model says is the artifact `answer` while it says it: a later step
 * begins it anew, and at the end it is the answer, whole. What turns out to be said on the way to a call is a message too.
 */
export function createTaskEvents(run: ConversationState, base: string) {
  const place = placeOf(run);
  let said = { seq: 0, text: '' };
  const working = (status: Omit<ReturnType<typeof statusOf>, 'timestamp'>): StreamResponse => ({
    statusUpdate: { ...place, status: { ...status, timestamp: new Date().toISOString() } },
  });
  const answer = (text: string, append: boolean, lastChunk: boolean): StreamResponse => ({
    artifactUpdate: {
      ...place,
      artifact: { artifactId: ANSWER, name: ANSWER, parts: [{ text }] },
      append,
      lastChunk,
    },
  });
  return function* tell(told: RunItem): Generator<StreamResponse> {
    if (told.type === 'text') {
      const isMore = told.seq === said.seq;
      said = { seq: told.seq, text: (isMore ? said.text : '') + told.text };
      yield answer(told.text, isMore, false);
    } else if (told.type === 'step') {
      const [first] = told.story.messages.filter(({ role }) => role === 'assistant');
      const isOnTheWay = told.row.step.kind === 'model' && first?.tool_calls != null;
      if (!isOnTheWay || !first?.content) return;
      const id = `${run.id}.${told.row.seq}`;
      const message = agentMessage(run, id, [{ text: first.content }]);
      yield working({ state: 'TASK_STATE_WORKING', message });
    } else {
      const { run: last } = told;
      const artifacts = artifactsOf(last, base);
      for (const artifact of artifacts) {
        const [part, ...others] = artifact.parts;
        const isSaid =
          artifact.artifactId === ANSWER &&
          others.length === 0 &&
          said.text !== '' &&
          part !== undefined &&
          'text' in part &&
          part.text === said.text;
        yield isSaid
          ? answer('', true, true)
          : { artifactUpdate: { ...place, artifact, append: false, lastChunk: true } };
      }
      yield { statusUpdate: { ...place, status: statusOf(last) } };
    }
  };
}
