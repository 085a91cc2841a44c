import { HowdahError } from '../contracts/errors.ts';
import type { ExecutionStatus } from '../contracts/runs/step.ts';
import type { StreamEvent } from '../contracts/runs/stream-event.ts';
import type { Json, JsonObject } from '../json/json.ts';
import { type Call, caller } from './call.ts';
import { followEvents, runStream } from './follow-events.ts';
import { followLog, type LogOptions } from './follow-log.ts';
import { bodyOf, type ConnectOptions, createHttpClient, type HttpClient } from './http.ts';
import type { LoggedStep, Operations } from './operations.generated.ts';
import { sendMessage, type Turn } from './send-message.ts';

/** What a run may be given besides its message: docs/rest.md. */
export type RunOptions = Omit<
  Operations['execute']['takes']['body'],
  'message' | 'agent' | 'workflow' | 'agent_id' | 'workflow_id' | 'wait' | 'stream'
>;

/** How a run ended. */
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

/** What a run asks people. */
export type Asked = { question_id: string; kind: string; prompt: string; options?: Json };

export type SendOptions = RunOptions & {
  /** Answers what the run asks; without it such a run is an error with code `EWAITING`. */
  answer?: (question: Asked) => string | Promise<string>;
};

/** An agent or a workflow to talk to. */
export type Speaker = {
  /** Says something and gives how it ended. Throws `HowdahError` when the run failed. */
  send(message: string, options?: SendOptions): Promise<RunResult>;
  /** Says something and gives what happens, to `complete`. */
  stream(message: string, options?: RunOptions): AsyncGenerator<StreamEvent, void>;
  /** Says something and gives the id of the run, which goes on by itself. */
  run(message: string, options?: RunOptions): Promise<string>;
};

/** A conversation. */
export type Conversation = {
  /** Says something in it; gives the run it begins, or reaches. */
  send(content: string): Promise<Operations['sendMessage']['gives']>;
  /**
   * The same with what happens then. With `fork` it is said in a new session that knows this one until the end of that turn. A
   * server that is away is waited for, and is told once.
   */
  speak(content: string, options?: { fork?: number }): Promise<Turn>;
  /** Says something in a new session that knows this one until the end of a turn, or all of it; gives that session. */
  fork(content: string, turn?: number): Promise<Operations['forkSession']['gives']>;
  /** Answers the oldest open question, or the one that is named. */
  answer(answer: Json, questionId?: string): Promise<Operations['answerInSession']['gives']>;
  /** What happens in it over all its turns, from the first one or behind an event. It does not end by itself. */
  watch(after?: string): AsyncGenerator<StreamEvent, void>;
};

/** A server of Howdah, over REST. Whatever it refuses is thrown as `HowdahError`, with its code, hint and detail. */
export type Connection = {
  agent(name: string): Speaker;
  workflow(name: string): Speaker;
  session(id: string): Conversation;
  /** What happens in a run, from the beginning or behind an event, to `complete`; a lost connection is opened again. */
  watch(executionId: string, after?: string): AsyncGenerator<StreamEvent, void>;
  /** The log of all runs, or of some: a line for each step as it commits; of one run until it has ended. `listSteps` has those before. */
  log(options?: LogOptions): AsyncGenerator<LoggedStep, void>;
  cancel(executionId: string): Promise<Operations['cancelExecution']['gives']>;
  answer(questionId: string, answer: Json): Promise<Operations['answerQuestion']['gives']>;
  /** Any operation of `/docs` by its name, such as `call('listAgents', { query: { limit: 10 } })`. */
  call: Call;
  /** The same with the answer itself: its headers, such as `ETag`, and its bytes. */
  open: HttpClient;
  /** Any path. */
  request(method: string, path: string, body?: Json): Promise<Json>;
};

/** Speaks to a server at this address, such as `http://127.0.0.1:8000`. Nothing is asked before it is called. */
export function connect(url: string, options: ConnectOptions = {}): Connection {
  const ask = createHttpClient(url.replace(/\/$/, ''), options);
  const call = caller(ask);
  const watch = (id: string, after?: string) =>
    followEvents(ask, runStream(id), { after, last: 'complete', signal: options.signal });
  const answer: Connection['answer'] = (id, given) =>
    call('answerQuestion', { params: { id }, body: { answer: given } });
  const speaker = (who: { agent: string } | { workflow: string }): Speaker => {
    const run: Speaker['run'] = async (message, given = {}) =>
      (await call('execute', { body: { ...who, ...given, message } })).execution_id;
    return {
      run,
      async *stream(message, given) {
        yield* watch(await run(message, given));
      },
      async send(message, { answer: reply, ...given } = {}) {
        const id = await run(message, given);
        for await (const { event, data } of watch(id)) {
          if (event === 'complete') return resultOf(data);
          if (event !== 'ask_user') continue;
          const asked = data as unknown as Asked;
          if (!reply) throw waiting(id, asked);
          await answer(asked.question_id, await reply(asked));
        }
        throw new HowdahError('EUNREACHABLE', `nothing more is told of run ${id}`);
      },
    };
  };
  return {
    agent: (name) => speaker({ agent: name }),
    workflow: (name) => speaker({ workflow: name }),
    session: (sid) => ({
      send: (content) => call('sendMessage', { params: { sid }, body: { content } }),
      speak: (content, { fork } = {}) => sendMessage(ask, { sid, content, fork }, options.signal),
      fork: (content, turn) =>
        call('forkSession', {
          params: { sid },
          body: { content, ...(turn !== undefined && { turn }) },
        }),
      answer: (given, question_id) =>
        call('answerInSession', {
          params: { sid },
          body: { answer: given, ...(question_id !== undefined && { question_id }) },
        }),
      watch: (after) =>
        followEvents(ask, `/sessions/${sid}/stream`, { after, signal: options.signal }),
    }),
    watch,
    log: (given = {}) => followLog(ask, given, options.signal),
    cancel: (id) => call('cancelExecution', { params: { id } }),
    answer,
    call,
    open: ask,
    request: async (method, path, body) => bodyOf(await ask(method, path, body)),
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

function waiting(id: string, asked: Asked): HowdahError {
  return new HowdahError('EWAITING', `run ${id} waits for a person: ${asked.prompt}`, {
    hint: 'Give send() an `answer`, or answer the question: it waits as a row.',
    detail: asked as unknown as JsonObject,
  });
}
