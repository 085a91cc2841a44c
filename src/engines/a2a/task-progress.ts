import {
  type Artifact,
  type Message,
  type Part,
  Role,
  type StreamResponse,
  type Task,
  TaskState,
  type TaskStatus,
} from '@a2a-js/sdk';

/** The updates of a stream, each with its kind. */
export type TaskEvent = NonNullable<StreamResponse['payload']>;

/** States in which nothing more happens until somebody sends a message, if ever. */
const STOPPED: ReadonlySet<TaskState> = new Set([
  TaskState.TASK_STATE_COMPLETED,
  TaskState.TASK_STATE_FAILED,
  TaskState.TASK_STATE_CANCELED,
  TaskState.TASK_STATE_REJECTED,
  TaskState.TASK_STATE_INPUT_REQUIRED,
  TaskState.TASK_STATE_AUTH_REQUIRED,
]);

/** Most artifacts of a task. Later ones are ignored. */
const MAX_ARTIFACTS = 100;
/** Most parts of an artifact. Later ones are ignored. */
const MAX_PARTS = 10_000;

/** A task as far as its updates have shown it, or the message that is the whole answer. */
export class TaskProgress {
  taskId = '';
  contextId = '';
  state: TaskState = TaskState.TASK_STATE_UNSPECIFIED;
  /** The message of the last status. */
  statusMessage: Message | undefined;
  /** The answer of an agent that answers without a task, or the last message of its history. */
  message: Message | undefined;
  readonly #artifacts = new Map<string, Artifact>();
  readonly #onText: (text: string) => void;
  readonly #known = Promise.withResolvers<void>();

  /** Creates the progress of a task. `onText` receives the text of the artifacts as it grows. */
  constructor(onText: (text: string) => void) {
    this.#onText = onText;
  }

  get artifacts(): Artifact[] {
    return [...this.#artifacts.values()];
  }

  /** Resolves with the first update, which names the task if there is one. */
  get whenKnown(): Promise<void> {
    return this.#known.promise;
  }

  /** True when the agent has answered or stopped. */
  get hasStopped(): boolean {
    return STOPPED.has(this.state) || (this.taskId === '' && this.message !== undefined);
  }

  /** True if the task can be cancelled. */
  get isUnderWay(): boolean {
    return this.taskId !== '' && !this.hasStopped;
  }

  add(event: TaskEvent): void {
    switch (event.$case) {
      case 'task':
        this.addTask(event.value);
        break;
      case 'message':
        this.addMessage(event.value);
        break;
      case 'statusUpdate':
        this.#locate(event.value.taskId, event.value.contextId);
        this.#setStatus(event.value.status);
        break;
      case 'artifactUpdate':
        this.#locate(event.value.taskId, event.value.contextId);
        this.#addArtifact(event.value.artifact, event.value.append);
        break;
    }
  }

  addMessage(message: Message): void {
    this.#locate(message.taskId, message.contextId);
    this.message = message;
    this.#onText(textOf(message.parts));
  }

  addTask({ id, contextId, status, artifacts, history }: Task): void {
    this.#locate(id, contextId);
    this.#setStatus(status);
    this.message = history.findLast(({ role }) => role === Role.ROLE_AGENT) ?? this.message;
    for (const artifact of artifacts) this.#addArtifact(artifact, false);
  }

  #locate(taskId: string, contextId: string): void {
    this.taskId ||= taskId;
    this.contextId ||= contextId;
    this.#known.resolve();
  }

  #setStatus(status: TaskStatus | undefined): void {
    this.state = status?.state ?? this.state;
    this.statusMessage = status?.message;
  }

  /** Adds an artifact or its next parts. Text that replaces other text is not streamed. */
  #addArtifact(artifact: Artifact | undefined, isAppended: boolean): void {
    if (!artifact) return;
    const before = this.#artifacts.get(artifact.artifactId);
    if (!before && this.#artifacts.size >= MAX_ARTIFACTS) return;
    if (before && isAppended) {
      const added = artifact.parts.slice(0, MAX_PARTS - before.parts.length);
      for (const part of added) before.parts.push(part);
      this.#onText(textOf(added));
      return;
    }
    const parts = artifact.parts.slice(0, MAX_PARTS);
    this.#artifacts.set(artifact.artifactId, { ...artifact, parts });
    const [old, text] = [textOf(before?.parts ?? []), textOf(parts)];
    if (text.startsWith(old)) this.#onText(text.slice(old.length));
  }
}

/** Returns the text of parts. Pieces of a stream are parts of their own. */
export function textOf(parts: readonly Part[]): string {
  return parts.map(({ content }) => (content?.$case === 'text' ? content.value : '')).join('');
}
