import type { ConversationState } from '../conversation-protocols/conversation-state.ts';
import type { RunItem } from '../events/follow-run.ts';
import {
  ANSWER,
  agentMessage,
  artifactsOf,
  type StreamResponse,
  statusOf,
  taskIdsOf,
} from './task.ts';

/**
 * Creates a function that turns items of a run into updates of its task. Text of the model is the
 * artifact `answer` while the model writes it. A later step starts the artifact anew, and at the
 * end the artifact is the whole answer. Text that precedes a call is also sent as a message.
 */
export function createTaskEvents(run: ConversationState, base: string) {
  const place = taskIdsOf(run);
  let sentText = { seq: 0, text: '' };
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
  return function* tell(item: RunItem): Generator<StreamResponse> {
    if (item.type === 'text') {
      const isMore = item.seq === sentText.seq;
      sentText = { seq: item.seq, text: (isMore ? sentText.text : '') + item.text };
      yield answer(item.text, isMore, false);
    } else if (item.type === 'step') {
      const [first] = item.details.messages.filter(({ role }) => role === 'assistant');
      const isBeforeCalls = item.row.step.kind === 'model' && first?.tool_calls != null;
      if (!isBeforeCalls || !first?.content) return;
      const id = `${run.id}.${item.row.seq}`;
      const message = agentMessage(run, id, [{ text: first.content }]);
      yield working({ state: 'TASK_STATE_WORKING', message });
    } else if (item.type === 'stopped') {
      const { run: last } = item;
      const artifacts = artifactsOf(last, base);
      for (const artifact of artifacts) {
        const [part, ...others] = artifact.parts;
        const isSaid =
          artifact.artifactId === ANSWER &&
          others.length === 0 &&
          sentText.text !== '' &&
          part !== undefined &&
          'text' in part &&
          part.text === sentText.text;
        yield isSaid
          ? answer('', true, true)
          : { artifactUpdate: { ...place, artifact, append: false, lastChunk: true } };
      }
      yield { statusUpdate: { ...place, status: statusOf(last) } };
    }
  };
}
