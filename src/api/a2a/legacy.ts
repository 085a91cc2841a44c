import type { JsonObject } from '../../json/json.ts';
import { isJsonObject } from '../../json/json.ts';
import type { Artifact, StreamResponse, Task, TaskMessage, TaskPart, TaskStatus } from './task.ts';

// A2A 0.3 has the same content in another form: every object has a `kind`, states are in lower
// case, a file is in `file`, and the last update of a stream is marked as the last.

/** Methods of 1.0, by the methods of 0.3. */
export const LEGACY_METHODS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    'message/send': 'SendMessage',
    'message/stream': 'SendStreamingMessage',
    'tasks/get': 'GetTask',
    'tasks/cancel': 'CancelTask',
    'tasks/resubscribe': 'SubscribeToTask',
    'tasks/pushNotificationConfig/set': 'CreateTaskPushNotificationConfig',
    'tasks/pushNotificationConfig/get': 'GetTaskPushNotificationConfig',
    'tasks/pushNotificationConfig/list': 'ListTaskPushNotificationConfigs',
    'tasks/pushNotificationConfig/delete': 'DeleteTaskPushNotificationConfig',
    'agent/getAuthenticatedExtendedCard': 'GetExtendedAgentCard',
  }),
);

export function legacyTask(task: Task): JsonObject {
  const { status, artifacts, history } = task;
  return {
    ...task,
    kind: 'task',
    status: legacyStatus(status),
    artifacts: artifacts.map(legacyArtifact),
    history: history.map(legacyMessage),
  };
}

/** Returns an event in the form of 0.3. `isLast` means that no event follows. */
export function legacyEvent(event: StreamResponse, isLast: boolean): JsonObject {
  if ('task' in event) return legacyTask(event.task);
  if ('statusUpdate' in event) {
    const { status, ...place } = event.statusUpdate;
    return { kind: 'status-update', ...place, status: legacyStatus(status), final: isLast };
  }
  const { artifact, ...rest } = event.artifactUpdate;
  return { kind: 'artifact-update', ...rest, artifact: legacyArtifact(artifact) };
}

function legacyStatus({ state, timestamp, message }: TaskStatus): JsonObject {
  const word = state.replace('TASK_STATE_', '').replace('_', '-').toLowerCase();
  return { state: word, timestamp, ...(message && { message: legacyMessage(message) }) };
}

function legacyMessage({ role, parts, ...rest }: TaskMessage): JsonObject {
  const body = { ...rest, parts: parts.map(legacyPart) };
  return { kind: 'message', role: role === 'ROLE_USER' ? 'user' : 'agent', ...body };
}

function legacyArtifact({ parts, ...rest }: Artifact): JsonObject {
  return { ...rest, parts: parts.map(legacyPart) };
}

function legacyPart(part: TaskPart): JsonObject {
  if ('text' in part) return { kind: 'text', text: part.text };
  if ('url' in part) {
    return { kind: 'file', file: { uri: part.url, name: part.filename, mimeType: part.mediaType } };
  }
  const { data } = part;
  return { kind: 'data', data: isJsonObject(data) ? data : { value: data } };
}
