import { HowdahError } from '../contracts/errors.ts';
import type { ExecutionStatus } from '../contracts/runs/step.ts';
import type { StreamEvent } from '../contracts/runs/stream-event.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { type CallOperation, createCall } from './call.ts';
import { followEvents, runStream } from './follow-events.ts';
import {
  type ExecutionsFeedEvent,
  type ExecutionsFeedOptions,
  followList,
  type QuestionsFeedEvent,
  type QuestionsFeedOptions,
  type WatchedRowsFeedEvent,
  type WatchedRowsFeedOptions,
} from './follow-list.ts';
import { followLog, type LogOptions } from './follow-log.ts';
import { bodyOf, type ConnectOptions, createHttpClient, type HttpClient } from './http-client.ts';
import type { LoggedStep, Operations } from './operations.generated.ts';
import { type SessionTurn, sendSessionMessage } from './send-message.ts';

/** Options of a run besides its message: docs/rest.md. */
export type RunOptions = Omit<
  Operations['execute']['takes']['body'],
  'message' | 'agent' | 'workflow' | 'agent_id' | 'workflow_id' | 'wait' | 'stream' | 'tree'
>;

/** The final state of a run. */
export type RunResult = {
  execution_id: string;
  status: ExecutionStatus;
  output: string | null;
  output_data: Json;
  stop_reason: string | null;
  /** How the last model answer ended. `length`: the token limit cut it off. */
  finish_reason: string | null;
  tokens_in: number;
  tokens_out: number;
  cost: number;
};

/** A run to create: its message, its agent or workflow, and its options. */
export type RunInput = Omit<Operations['execute']['takes']['body'], 'wait' | 'stream' | 'tree'>;

/** A question of a run to people. */
export type OpenQuestion = { question_id: string; kind: string; prompt: string; options?: Json };

/** Answers the questions of a run. */
type AnswerOptions = {
  /** Without `answer`, a question is an error with code `EWAITING`. */
  answer?: (question: OpenQuestion) => string | Promise<string>;
};

export type SendOptions = RunOptions & AnswerOptions;

export type WaitOptions = AnswerOptions & {
  /** Ends the wait, and not the run. */
  signal?: AbortSignal;
};

export type StreamOptions = {
  /** The id of an event. The stream starts after this event. */
  after?: string;
  /**
   * True to also receive the events of all runs below: of sub-agents and members of workflows. Each
   * event then has the `path` from the followed run to its run. The default is false for a run, and
   * true for a session.
   */
  tree?: boolean;
  /** Ends the stream, and not the run. */
  signal?: AbortSignal;
};

/** An agent or a workflow that takes messages. */
export type Runnable = {
  /**
   * Sends a message and returns the final state of its run. Throws `HowdahError` if the run has
   * failed.
   */
  send(message: string, options?: SendOptions): Promise<RunResult>;
  /**
   * Sends a message and yields the events of its run, to `complete`. With `tree`, also yields the
   * events of all runs below.
   */
  stream(
    message: string,
    options?: RunOptions & { tree?: boolean },
  ): AsyncGenerator<StreamEvent, void>;
  /** Sends a message and returns the id of its run, which continues by itself. */
  run(message: string, options?: RunOptions): Promise<string>;
};

/** A conversation. */
export type Conversation = {
  /** Sends a message in the session. Returns the run that the message starts or reaches. */
  send(content: string): Promise<Operations['sendMessage']['gives']>;
  /**
   * Sends a message in the session. Returns the run with its events. With `fork`, the message goes
   * to a new session that knows this session until the end of that turn. With `tree`, the events of
   * all runs below come too. If the server does not answer, the message is sent again, and it
   * counts once.
   */
  sendAndStream(content: string, options?: { fork?: number; tree?: boolean }): Promise<SessionTurn>;
  /**
   * Sends a message in a new session, and returns that session. The new session knows this session
   * until the end of a turn, or all of it.
   */
  fork(content: string, turn?: number): Promise<Operations['forkSession']['gives']>;
  /** Answers the oldest open question, or the question with the given id. */
  answer(answer: Json, questionId?: string): Promise<Operations['answerInSession']['gives']>;
  /**
   * Yields the events of the session over all its turns, from the first turn or after an event.
   * Does not end by itself.
   */
  stream(options?: StreamOptions): AsyncGenerator<StreamEvent, void>;
};

/**
 * The methods of a Howdah: of a server over HTTP (`connect`), or of one in this process (`start`).
 * Rejected requests throw `HowdahError`, with code, hint and detail.
 */
export type HowdahClient = {
  /** Creates a run, which continues by itself. */
  createRun(input: RunInput): Promise<Operations['execute']['gives']>;
  /**
   * Waits until a run has ended, and returns its final state. Throws `HowdahError` if the run has
   * failed or waits for a person.
   */
  waitFor(executionId: string, options?: WaitOptions): Promise<RunResult>;
  /**
   * Yields the events of a run, from the beginning or after an event, to `complete`. Opens a lost
   * connection again.
   */
  stream(executionId: string, options?: StreamOptions): AsyncGenerator<StreamEvent, void>;
  agent(name: string): Runnable;
  workflow(name: string): Runnable;
  session(id: string): Conversation;
  /**
   * Yields the log of all runs or of some runs: a line for each step as it commits. The log of one
   * run ends with the run. `listSteps` has the lines before.
   */
  log(options?: LogOptions): AsyncGenerator<LoggedStep, void>;
  /**
   * Yields a list of runs: its newest rows, then each row that changes, as it is now. Opens a lost
   * connection again and continues. Does not end by itself.
   */
  executionsFeed(options?: ExecutionsFeedOptions): AsyncGenerator<ExecutionsFeedEvent, void>;
  /** Yields a list of questions, the open ones by default, as `executionsFeed` does. */
  questionsFeed(options?: QuestionsFeedOptions): AsyncGenerator<QuestionsFeedEvent, void>;
  /** Yields a list of rows of watched tables with their runs, as `executionsFeed` does. */
  watchedRowsFeed(options?: WatchedRowsFeedOptions): AsyncGenerator<WatchedRowsFeedEvent, void>;
  cancel(executionId: string): Promise<Operations['cancelExecution']['gives']>;
  answer(questionId: string, answer: Json): Promise<Operations['answerQuestion']['gives']>;
  /**
   * Calls any operation of `/docs` by its name, such as `call('listAgents', { query: { limit: 10 }
   * })`.
   */
  call: CallOperation;
  /** Sends a request and returns the answer itself: its headers, such as `ETag`, and its bytes. */
  open: HttpClient;
  /** Sends a request to any path, and returns the body of the answer. */
  request(method: string, path: string, body?: Json): Promise<Json>;
};

/**
 * Creates a client of a server at an address, such as `http://127.0.0.1:8000`. Sends no request
 * before a method is called.
 */
export function connect(url: string, options: ConnectOptions = {}): HowdahClient {
  const { signal } = options;
  const open = createHttpClient(url.replace(/\/$/, ''), options);
  const call = createCall(open);
  const stream: HowdahClient['stream'] = (id, { after, tree, signal: own } = {}) =>
    followEvents(open, runStream(id, tree), {
      after,
      last: 'complete',
      signal: either(signal, own),
    });
  const answer: HowdahClient['answer'] = (id, value) =>
    call('answerQuestion', { params: { id }, body: { answer: value } });
  const createRun: HowdahClient['createRun'] = (input) => call('execute', { body: input });
  const waitFor = createWait({ stream, answer });
  const means = { createRun, waitFor, stream };
  return {
    ...means,
    agent: (name) => createRunnable({ agent: name }, means),
    workflow: (name) => createRunnable({ workflow: name }, means),
    session: (sid) => createConversation(sid, call, open, signal),
    log: (logOptions = {}) => followLog(open, logOptions, signal),
    executionsFeed: (options = {}) => followList(open, 'executions', options, signal),
    questionsFeed: (options = {}) => followList(open, 'questions', options, signal),
    watchedRowsFeed: (options = {}) => followList(open, 'watchedRows', options, signal),
    cancel: (id) => call('cancelExecution', { params: { id } }),
    answer,
    call,
    open,
    request: async (method, path, body) => bodyOf(await open(method, path, body)),
  };
}

/** Returns a signal that fires with either of two signals. */
function either(a: AbortSignal | undefined, b: AbortSignal | undefined): AbortSignal | undefined {
  return a && b ? AbortSignal.any([a, b]) : (a ?? b);
}

function createWait({
  stream,
  answer,
}: Pick<HowdahClient, 'stream' | 'answer'>): HowdahClient['waitFor'] {
  return async (id, { answer: reply, signal } = {}) => {
    for await (const { event, data } of stream(id, signal ? { signal } : {})) {
      if (event === 'complete') return resultOf(data);
      if (event !== 'ask_user') continue;
      const question = data as unknown as OpenQuestion;
      if (!reply) throw waiting(id, question);
      await answer(question.question_id, await reply(question));
    }
    signal?.throwIfAborted();
    throw new HowdahError('EUNREACHABLE', `the stream of run ${id} ended before the run did`);
  };
}

function createRunnable(
  target: { agent: string } | { workflow: string },
  { createRun, waitFor, stream }: Pick<HowdahClient, 'createRun' | 'waitFor' | 'stream'>,
): Runnable {
  const run: Runnable['run'] = async (message, options = {}) =>
    (await createRun({ ...target, ...options, message })).execution_id;
  return {
    run,
    async *stream(message, { tree = false, ...options } = {}) {
      yield* stream(await run(message, options), { tree });
    },
    async send(message, { answer, ...options } = {}) {
      return waitFor(await run(message, options), answer ? { answer } : {});
    },
  };
}

function createConversation(
  sid: string,
  call: CallOperation,
  open: HttpClient,
  signal: AbortSignal | undefined,
): Conversation {
  const params = { sid };
  return {
    send: (content) => call('sendMessage', { params, body: { content } }),
    sendAndStream: (content, { fork, tree = false } = {}) =>
      sendSessionMessage(open, { sid, content, fork, tree }, signal),
    fork: (content, turn) =>
      call('forkSession', { params, body: { content, ...(turn !== undefined && { turn }) } }),
    answer: (value, question_id) =>
      call('answerInSession', {
        params,
        body: { answer: value, ...(question_id !== undefined && { question_id }) },
      }),
    stream: ({ after, tree = true, signal: own } = {}) =>
      followEvents(open, `/sessions/${sid}/stream?tree=${tree ? 1 : 0}`, {
        after,
        signal: either(signal, own),
      }),
  };
}

function resultOf(data: StreamEvent['data']): RunResult {
  const { error, ...result } = data as unknown as RunResult & { error: JsonObject | null };
  if (result.status === 'completed') return result;
  const why = typeof error?.message === 'string' ? `: ${error.message}` : '';
  throw new HowdahError(
    'EFAILED',
    `run ${result.execution_id} ${result.status === 'failed' ? 'failed' : `was ${result.status}`}${why}`,
    {
      detail: data as JsonObject,
    },
  );
}

function waiting(id: string, question: OpenQuestion): HowdahError {
  return new HowdahError('EWAITING', `run ${id} waits for a person: ${question.prompt}`, {
    hint: 'Pass the option `answer`, a function that returns the answer, to send() or waitFor(). Or answer the question later: it is stored in howdah.questions.',
    detail: question as unknown as JsonObject,
  });
}
