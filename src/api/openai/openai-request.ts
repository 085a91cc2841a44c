import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Queryable } from '../../db/connection/pool.ts';
import type { JsonObject } from '../../json/json.ts';
import {
  type ConversationTurn,
  cancelConversationRun,
  type RunSnapshot,
  type RunStart,
  readRunSnapshot,
  type StartedRun,
  startOrContinueRun,
} from '../conversation-protocols/conversation-runs.ts';
import type { ErrorAnswer } from '../errors/answer-error.ts';
import { type AnswerItem, followAnswer } from '../events/follow-run.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import { withTraceparent } from '../http/traceparent.ts';
import type { CallerTransaction } from '../limits/caller-transactions.ts';
import type { Leaving, OpenRequest } from '../limits/open-requests.ts';
import { earlyEnd } from '../limits/run-requests.ts';
import { takeKey } from '../rest/framework/request-keys.ts';
import { type EventWriter, writeEvents } from './event-writer.ts';
import { invalidParameter, type OpenAiError, openAiError, sendError } from './openai-errors.ts';

export type OpenAiRequestOptions = {
  request: FastifyRequest;
  reply: FastifyReply;
  openRequest: OpenRequest;
  hub: FeedHub;
  transaction: CallerTransaction;
  failureOf(error: unknown): ErrorAnswer;
};

/** The header for what happens to the run when its client disconnects before the end. */
const ON_DISCONNECT = 'x-howdah-on-disconnect';
const onDisconnect = z.enum(['detach', 'cancel']);

/** The headers of a request that starts a run and streams its answer. */
export const runHeaders = z.object({
  'Idempotency-Key': z
    .string()
    .min(1)
    .max(500)
    .optional()
    .describe('A repeated key returns the first run, or 409 if the request differs'),
  'X-Howdah-On-Disconnect': onDisconnect
    .optional()
    .describe(
      'What happens to the run when its client disconnects before the end; detach by default',
    ),
});

/**
 * One request and its answer. The request starts or continues a run, which is followed until it
 * stops.
 */
export class OpenAiRequest {
  readonly transaction: CallerTransaction;
  readonly failureOf: (error: unknown) => ErrorAnswer;
  readonly #options: OpenAiRequestOptions;
  readonly #isCancelledWhenLeft: boolean;
  #started: StartedRun = { id: '', since: 0 };

  constructor(options: OpenAiRequestOptions) {
    this.#options = options;
    this.transaction = options.transaction;
    this.failureOf = options.failureOf;
    this.#isCancelledWhenLeft = cancelsWhenLeft(options.request);
  }

  /** Starts or continues the run of the request. Is called at most once. */
  begin(conversation: ConversationTurn, how: Omit<RunStart, 'key'>): Promise<StartedRun> {
    const { headers } = this.#options.request;
    const key = [headers['idempotency-key']].flat()[0];
    const metadata = withTraceparent(conversation.metadata, headers) as JsonObject;
    return this.resume(async (db) => {
      if (key !== undefined) {
        await takeKey(db, key, ['openai', conversation, how.isStored, how.previous]);
      }
      return startOrContinueRun(db, { ...conversation, metadata }, { ...how, key });
    });
  }

  /** Continues with the run that a transaction returns. */
  async resume(work: (db: Queryable) => Promise<StartedRun>): Promise<StartedRun> {
    this.#started = await this.transaction(work);
    return this.#started;
  }

  /**
   * Waits until the run stops, and returns its state. Returns undefined if the request is already
   * answered, or if the client has disconnected.
   */
  async waitUntilStopped(): Promise<RunSnapshot | undefined> {
    for await (const item of this.#follow(false)) {
      if (item.type === 'stopped') return item.run;
    }
    const failure = this.earlyEnd();
    if (failure) this.refuse(openAiError(failure));
    return undefined;
  }

  /** Follows the run with its text until it stops. */
  follow(): AsyncGenerator<AnswerItem, void> {
    return this.#follow(true);
  }

  /**
   * Returns why the run was not followed to its end, or undefined if the client has disconnected.
   */
  earlyEnd(): ErrorAnswer | undefined {
    const { signal } = this.#options.openRequest;
    return earlyEnd(signal.reason ?? ('closing' satisfies Leaving), this.#started.id);
  }

  async cancel(): Promise<void> {
    await this.transaction((db) => cancelConversationRun(db, this.#started.id)).catch(unlessOver);
  }

  answer(body: object): void {
    const type = 'application/json; charset=utf-8';
    const { reply } = this.#options;
    reply.headers({ ...this.#headers, 'cache-control': 'no-store' }).type(type);
    reply.send(JSON.stringify(body));
  }

  refuse({ headers, ...error }: OpenAiError): void {
    sendError(this.#options.reply, { ...error, headers: { ...this.#headers, ...headers } });
  }

  stream(): EventWriter {
    const { reply } = this.#options;
    reply.hijack();
    return writeEvents(reply.raw, this.#headers);
  }

  get #headers() {
    return { 'x-request-id': this.#started.id };
  }

  async *#follow(isStreamed: boolean): AsyncGenerator<AnswerItem, void> {
    const { hub, openRequest } = this.#options;
    const read = (run: StartedRun) => this.transaction((db) => readRunSnapshot(db, run));
    yield* followAnswer({ hub, look: read }, this.#started, isStreamed, openRequest.signal);
    if (this.#isCancelledWhenLeft && openRequest.signal.reason === 'gone') await this.cancel();
  }
}

/**
 * Returns whether the run is cancelled when its client disconnects before the end. Throws for an
 * invalid value of the header.
 */
export function cancelsWhenLeft({ headers }: FastifyRequest): boolean {
  const [value = 'detach'] = [headers[ON_DISCONNECT]].flat();
  const choice = onDisconnect.safeParse(value);
  if (choice.success) return choice.data === 'cancel';
  throw invalidParameter(
    ON_DISCONNECT,
    `${ON_DISCONNECT} must be cancel or detach, not ${value.slice(0, 50)}`,
  );
}

/** Ignores the error that a run has already ended, because that is the wanted result. */
export function unlessOver(error: unknown): void {
  if ((error as { code?: string }).code !== 'HWTRM') throw error;
}
