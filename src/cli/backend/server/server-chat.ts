import { retry } from '../../../client/retry-request.ts';
import type { Step } from '../../../db/queries/queries.ts';
import { agents } from '../../../resources/definitions/agents.ts';
import type {
  ChatBackend,
  ChatOptions,
  ListedAgent,
  StartedTurn,
  TurnItem,
} from '../chat-backend.ts';
import type { Api } from '../connect-server.ts';
import { createRunFollower, questionOf, type ServerRunFollower } from './run-follower.ts';
import { listDefinitions } from './server-definitions.ts';
import { createServerRuns } from './server-runs.ts';

type Question = Parameters<ChatBackend['answer']>[1];

const RETRY_MS = 3_000;

/**
 * The conversations of a server, over REST and its streams. Requests that only read are retried
 * when the connection is lost.
 */
export class ServerChat implements ChatBackend {
  readonly #api: Api;
  /** Calls the same API, and retries requests that fail. */
  readonly #retryingApi: Api;
  readonly #options: ChatOptions;
  readonly #followed = new Map<string, ServerRunFollower>();

  constructor(api: Api, options: ChatOptions) {
    this.#api = api;
    this.#options = options;
    this.#retryingApi = { ...api, call: retrying(api.call, options.signal) };
  }

  async open(agent: string, sid?: string): Promise<string> {
    const { call } = this.#api;
    const session = sid
      ? await retryBriefly(() => call('switchAgent', { params: { sid }, body: { agent } }))
      : await call('startSession', { body: { agent } });
    return session.id;
  }

  async openQuestion(sid: string): Promise<{ run: string; question: Question } | undefined> {
    const params = { sid };
    const { live_execution_id: run } = await this.#retryingApi.call('getSession', { params });
    if (run === null) return undefined;
    const { awaiting_user_input: pending } = await this.#retryingApi.call('getSessionState', {
      params,
    });
    if (typeof pending?.question_id !== 'string') return undefined;
    const question = await this.#retryingApi.call('getQuestion', {
      params: { id: pending.question_id },
    });
    return { run, question: questionOf(question) };
  }

  async say(session: string, text: string): Promise<string> {
    const { execution_id: run, events } = await this.#retryingApi
      .session(session)
      .sendAndStream(text, { tree: this.#options.tree });
    if (this.#followed.has(run)) await events.return();
    else this.#followed.set(run, createRunFollower(this.#retryingApi, run, 0, events));
    return run;
  }

  async fork(from: { session: string; turn: number }, text: string): Promise<StartedTurn> {
    const started = await this.#retryingApi
      .session(from.session)
      .sendAndStream(text, { fork: from.turn, tree: this.#options.tree });
    const { session_id: session, execution_id: run, events } = started;
    this.#followed.set(run, createRunFollower(this.#retryingApi, run, 0, events));
    return { session, run };
  }

  async answer(run: string, { id, kind }: Question, line: string): Promise<void> {
    await this.#follower(run, 0).waitForStart(); // else pieces sent right after the answer are lost
    const { call } = this.#api;
    const [, reason] = /^\s*reject\s+(.+)$/is.exec(line) ?? [];
    const isRejected = kind === 'approval' && reason;
    const body = isRejected ? { answer: 'reject', data: reason } : { answer: line };
    const params = { id };
    let isSent = false;
    await retry(async () => {
      if (isSent && (await call('getQuestion', { params })).status !== 'open') return;
      isSent = true;
      await call('answerQuestion', { params, body });
    }, this.#options.signal);
  }

  async *follow(run: string, after: number, signal: AbortSignal): AsyncGenerator<TurnItem> {
    for await (const item of this.#follower(run, after).events(signal)) {
      if (item.type === 'end' && item.id === run) this.#followed.delete(run);
      if (this.#options.tokens || item.type !== 'token') yield item;
    }
  }

  async cancel(run: string): Promise<void> {
    await retryBriefly(() => this.#api.cancel(run)).catch((error) => {
      if (error.code !== 'HWTRM') throw error;
    });
  }

  async turnCount(sid: string): Promise<number> {
    return (await this.#retryingApi.call('getSession', { params: { sid } })).turns;
  }

  async lastMessages(sid: string, limit: number) {
    const query = { limit };
    return (await this.#retryingApi.call('getSessionHistory', { params: { sid }, query })).data;
  }

  usage(sid: string) {
    return this.#retryingApi.call('getSessionUsage', { params: { sid } });
  }

  async agents(): Promise<readonly ListedAgent[]> {
    const rows = await listDefinitions(this.#retryingApi, agents);
    return rows.map(({ id, name, version, is_active, description, model, tools }) => {
      const count = Array.isArray(tools) ? tools.length : 0;
      return { id, name, version, is_active, description, model, tools: count };
    });
  }

  steps(run: string): Promise<Step[]> {
    return createServerRuns(this.#retryingApi).steps(run);
  }

  async close(): Promise<void> {
    this.#api.leave();
  }

  /** Returns the follower of a run, which starts after a step if there is none yet. */
  #follower(run: string, after: number): ServerRunFollower {
    const known = this.#followed.get(run);
    if (known) return known;
    const events = this.#retryingApi.stream(run, { tree: this.#options.tree });
    const follower = createRunFollower(this.#retryingApi, run, after, events);
    this.#followed.set(run, follower);
    return follower;
  }
}

/**
 * Retries a request only for a short time, because somebody waits for it and sees nothing
 * meanwhile.
 */
function retryBriefly<T>(ask: () => Promise<T>): Promise<T> {
  return retry(ask, AbortSignal.timeout(RETRY_MS));
}

function retrying(call: Api['call'], stop: AbortSignal): Api['call'] {
  return (id, ...args) => retry(() => call(id, ...args), stop);
}
