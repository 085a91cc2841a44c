import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Client } from '../../db/queries/json-rows.ts';
import type { JsonObject } from '../../json/json.ts';
import type { Failure } from '../errors/answer-error.ts';
import { type AnswerItem, followAnswer } from '../events/follow-run.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import { withTraceparent } from '../http/traceparent.ts';
import type { Leaving, OpenRequest } from '../limits/open-requests.ts';
import { takeKey } from '../rest/framework/request-keys.ts';
import { invalid, type OpenAiError, openAiError, sendError } from './errors.ts';
import { type EventWriter, writeEvents } from './event-writer.ts';
import {
  begin,
  type Conversation,
  cancel,
  look,
  type RunSnapshot,
  type RunStart,
  type StartedRun,
} from './runs.ts';

/**
 * One request and its answer. The request starts or continues a run, which is followed until it
 * stops.
 */
export type RequestRun = {
  /** Starts or continues the run of the request. Is called at most once. */
  begin(conversation: Conversation, how: Omit<RunStart, 'key'>): Promise<StartedRun>;
  /** Continues the run that a transaction returns. */
  goOn(work: (db: Client) => Promise<StartedRun>): Promise<StartedRun>;
  transaction<T>(work: (db: Client) => Promise<T>): Promise<T>;
  /**
   * Waits until the run stops, and returns its state. Returns undefined if the request is already
   * answered, or if the client has disconnected.
   */
  stopped(): Promise<RunSnapshot | undefined>;
  follow(): AsyncGenerator<AnswerItem, void>;
  /**
   * Returns why the run was not followed to its end, or undefined if the client has disconnected.
   */
  left(): Failure | undefined;
  cancel(): Promise<void>;
  answer(body: object): void;
  refuse(error: OpenAiError): void;
  stream(): EventWriter;
  failureOf(error: unknown): Failure;
};

export type RequestRunOptions = {
  request: FastifyRequest;
  reply: FastifyReply;
  hold: OpenRequest;
  hub: FeedHub;
  transaction<T>(work: (db: Client) => Promise<T>): Promise<T>;
  failureOf(error: unknown): Failure;
};

/** The header for what happens to the run when its client disconnects before the end. */
const ON_DISCONNECT = 'x-howdah-on-disconnect';
export const onDisconnect = z.enum(['detach', 'cancel']);

export function createRequestRun(options: RequestRunOptions): RequestRun {
  const { request, reply, hold: openRequest, hub, transaction, failureOf } = options;
  const { signal } = openRequest;
  const isCancelled = cancelsWhenLeft(request);
  let started: StartedRun = { id: '', since: 0 };
  const endRun = () => transaction((db) => cancel(db, started.id));
  const headers = () => ({ 'x-request-id': started.id });
  const source = { hub, look: (run: StartedRun) => transaction((db) => look(db, run)) };
  const left = (): Failure | undefined => {
    const reason = signal.reason as Leaving | undefined;
    if (reason === 'gone') return undefined;
    const detail = { execution_id: started.id };
    if (typeof reason === 'object') return { ...reason, detail };
    const message = `stopped waiting for the answer; the run ${started.id} continues`;
    return { status: 503, code: 'EUNREACHABLE', message, detail };
  };
  async function* follow(isStreamed: boolean): AsyncGenerator<AnswerItem, void> {
    yield* followAnswer(source, started, isStreamed, signal);
    if (isCancelled && signal.reason === 'gone') await endRun().catch(unlessOver);
  }
  return {
    transaction,
    failureOf,
    left,
    cancel: () => endRun().catch(unlessOver),
    follow: () => follow(true),
    async begin(conversation, how) {
      const key = [request.headers['idempotency-key']].flat()[0];
      const metadata = withTraceparent(conversation.metadata, request.headers) as JsonObject;
      const traced = { ...conversation, metadata };
      started = await transaction(async (db) => {
        if (key !== undefined) {
          await takeKey(db, key, ['openai', conversation, how.isStored, how.previous]);
        }
        return begin(db, traced, { ...how, key });
      });
      return started;
    },
    async goOn(work) {
      started = await transaction(work);
      return started;
    },
    async stopped() {
      for await (const item of follow(false)) {
        if (item.type === 'stopped') return item.run;
      }
      const failure = left();
      if (failure) this.refuse(openAiError(failure));
      return undefined;
    },
    answer(body) {
      const type = 'application/json; charset=utf-8';
      reply.headers({ ...headers(), 'cache-control': 'no-store' }).type(type);
      reply.send(JSON.stringify(body));
    },
    refuse({ headers: own, ...error }) {
      sendError(reply, { ...error, headers: { ...headers(), ...own } });
    },
    stream() {
      reply.hijack();
      return writeEvents(reply.raw, headers());
    },
  };
}

/**
 * Returns whether the run is cancelled when its client disconnects before the end. Throws for an
 * invalid value of the header.
 */
export function cancelsWhenLeft({ headers }: FastifyRequest): boolean {
  const [said = 'detach'] = [headers[ON_DISCONNECT]].flat();
  const wish = onDisconnect.safeParse(said);
  if (wish.success) return wish.data === 'cancel';
  throw invalid(
    ON_DISCONNECT,
    `${ON_DISCONNECT} must be cancel or detach, not ${said.slice(0, 50)}`,
  );
}

/** Ignores the error that a run has already ended, because that is the wanted result. */
function unlessOver(error: unknown): void {
  if ((error as { code?: string }).code !== 'HWTRM') throw error;
}
