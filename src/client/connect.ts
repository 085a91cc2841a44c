import { HowdahError } from '../contracts/errors.ts';
import type { ExecutionStatus } from '../contracts/runs/step.ts';
import type { StreamEvent } from '../contracts/runs/stream-event.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { type Call, createCall } from './call.ts';
import { followEvents, runStream } from './follow-events.ts';
import { followLog, type LogOptions } from './follow-log.ts';
import { bodyOf, type ConnectOptions, createHttpClient, type HttpClient } from './http-client.ts';
import type { LoggedStep, Operations } from './operations.generated.ts';
import { sendSessionMessage, type Turn } from './send-message.ts';

/** Options of a run besides its message: docs/rest.md. */
export type RunOptions = Omit<
  Operations['execute']['takes']['body'],
  'message' | 'agent' | 'workflow' | 'agent_id' | 'workflow_id' | 'wait' | 'stream'
>;

/** The final state of a run. */
export type RunResult = {
  execution_id: string;
  status: ExecutionStatus;
  output: string | null;
  output_data: Json;
  stop_reason: string | null;
  tokens_in: number;
  tokens_out: number;
  cost: number;
};

/** A question of a run to people. */
export type Asked = { question_id: string; kind: string; prompt: string; options?: Json };

export type SendOptions = RunOptions & {
  /**
   * Answers the questions of the run. Without `answer`, a question is an error with code
   * `EWAITING`.
   */
  answer?: (question: Asked) => string | Promise<string>;
};

/** An agent or a workflow that takes messages. */
export type Speaker = {
  /**
   * Sends a message and returns the final state of its run. Throws `HowdahError` if the run has
   * failed.
   */
  send(message: string, options?: SendOptions): Promise<RunResult>;
  /** Sends a message and yields the events of its run, to `complete`. */
  stream(message: string, options?: RunOptions): AsyncGenerator<StreamEvent, void>;
  /** Sends a message and returns the id of its run, which continues by itself. */
  run(message: string, options?: RunOptions): Promise<string>;
};

/** A conversation. */
export type Conversation = {
  /** Sends a message in the session. Returns the run that the message starts or reaches. */
  send(content: string): Promise<Operations['sendMessage']['gives']>;
  /**
   * Sends a message in the session. Returns the run with its events. With `fork`, the message goes
   * to a new session that knows this session until the end of that turn. If the server does not
   * answer, the message is sent again, and it counts once.
   */
  speak(content: string, options?: { fork?: number }): Promise<Turn>;
  /**
   * Sends a message in a new session, and returns that session. The new session knows this session
   * until the end of a turn, or all of it.
   */
  fork(content: string, turn?: number): Promise<Operations['forkSession']['gives']>;
  /** Answers the oldest open question, or the question with the given id. */
  answer(answer: Json, questionId?: string): Promise<Operations['answerInSession']['gives']>;
  /**
   * Yields the events of the session over all its turns, from the first turn or behind an event.
   * Does not end by itself.
   */
  watch(after?: string): AsyncGenerator<StreamEvent, void>;
};

/**
 * A server of Howdah, over REST. Errors of the server are thrown as `HowdahError`, with their code,
 * hint and detail.
 */
export type Connection = {
  agent(name: string): Speaker;
  workflow(name: string): Speaker;
  session(id: string): Conversation;
  /**
   * Yields the events of a run, from the beginning or behind an event, to `complete`. Opens a lost
   * connection again.
   */
  watch(executionId: string, after?: string): AsyncGenerator<StreamEvent, void>;
  /**
   * Yields the log of all runs or of some runs: a line for each step as it commits. The log of one
   * run ends with the run. `listSteps` has the lines before.
   */
  log(options?: LogOptions): AsyncGenerator<LoggedStep, void>;
  cancel(executionId: string): Promise<Operations['cancelExecution']['gives']>;
  answer(questionId: string, answer: Json): Promise<Operations['answerQuestion']['gives']>;
  /**
   * Calls any operation of `/docs` by its name, such as `call('listAgents', { query: { limit: 10 }
   * })`.
   */
  call: Call;
  /** Sends a request and returns the answer itself: its headers, such as `ETag`, and its bytes. */
  open: HttpClient;
  /** Sends a request to any path, and returns the body of the answer. */
  request(method: string, path: string, body?: Json): Promise<Json>;
};

/**
 * Creates a connection to a server at an address, such as `http://127.0.0.1:8000`. Sends no request
 * before a method is called.
 */
export function connect(url: string, options: ConnectOptions = {}): Connection {
  const { signal } = options;
  const open = createHttpClient(url.replace(/\/$/, ''), options);
  const call = createCall(open);
  const watch: Connection['watch'] = (id, after) =>
    followEvents(open, runStream(id), { after, last: 'complete', signal });
  const answer: Connection['answer'] = (id, value) =>
    call('answerQuestion', { params: { id }, body: { answer: value } });
  const means = { call, watch, answer };
  return {
    agent: (name) => createSpeaker({ agent: name }, means),
    workflow: (name) => createSpeaker({ workflow: name }, means),
    session: (sid) => createConversation(sid, call, open, signal),
    watch,
    log: (logOptions = {}) => followLog(open, logOptions, signal),
    cancel: (id) => call('cancelExecution', { params: { id } }),
    answer,
    call,
    open,
    request: async (method, path, body) => bodyOf(await open(method, path, body)),
  };
}

function createSpeaker(
  target: { agent: string } | { workflow: string },
  { call, watch, answer }: Pick<Connection, 'call' | 'watch' | 'answer'>,
): Speaker {
  const run: Speaker['run'] = async (message, options = {}) =>
    (await call('execute', { body: { ...target, ...options, message } })).execution_id;
  return {
    run,
    async *stream(message, options) {
      yield* watch(await run(message, options));
    },
    async send(message, { answer: reply, ...options } = {}) {
      const id = await run(message, options);
      for await (const { event, data } of watch(id)) {
        if (event === 'complete') return resultOf(data);
        if (event !== 'ask_user') continue;
        const question = data as unknown as Asked;
        if (!reply) throw waiting(id, question);
        await answer(question.question_id, await reply(question));
      }
      throw new HowdahError('EUNREACHABLE', `the stream of run ${id} ended before the run did`);
    },
  };
}

function createConversation(
  sid: string,
  call: Call,
  open: HttpClient,
  signal: AbortSignal | undefined,
): Conversation {
  const params = { sid };
  return {
    send: (content) => call('sendMessage', { params, body: { content } }),
    speak: (content, { fork } = {}) => sendSessionMessage(open, { sid, content, fork }, signal),
    fork: (content, turn) =>
      call('forkSession', { params, body: { content, ...(turn !== undefined && { turn }) } }),
    answer: (value, question_id) =>
      call('answerInSession', {
        params,
        body: { answer: value, ...(question_id !== undefined && { question_id }) },
      }),
    watch: (after) => followEvents(open, `/sessions/${sid}/stream`, { after, signal }),
  };
}

function resultOf(data: StreamEvent['data']): RunResult {
  const { error, ...result } = data as unknown as RunResult & { error: JsonObject | null };
  if (result.status === 'completed') return result;
  const why = typeof error?.message === 'string' ? `: ${error.message}` : '';
  throw new HowdahError('EFAILED', `run ${result.execution_id} is ${result.status}${why}`, {
    detail: data as JsonObject,
  });
}

function waiting(id: string, question: Asked): HowdahError {
  return new HowdahError('EWAITING', `run ${id} waits for a person: ${question.prompt}`, {
    hint: 'Pass an `answer` to send(), or answer the question later: it is stored in howdah.questions.',
    detail: question as unknown as JsonObject,
  });
}
