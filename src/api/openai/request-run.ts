import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Client } from '../../db/queries/json-rows.ts';
import type { JsonObject } from '../../json/json.ts';
import type { Failure } from '../errors/answer-error.ts';
import { type AnswerItem, followAnswer } from '../events/follow-answer.ts';
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

/** One request and its answer: the run it begins, or goes on with, followed until that stops. */
export type RequestRun = {
  /** Once. */
  begin(conversation: Conversation, how: Omit<RunStart, 'key'>): Promise<StartedRun>;
  /** Goes on with a run that a transaction gives. */
  goOn(work: (db: Client) => Promise<StartedRun>): Promise<StartedRun>;
  transaction<T>(work: (db: Client) => Promise<T>): Promise<T>;
  /** The run as it stopped; undefined when the request is answered, or left, already. */
  stopped(): Promise<RunSnapshot | undefined>;
  follow(): AsyncGenerator<AnswerItem, void>;
  /** Why it was not followed to its end, when there is somebody to tell. */
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

/** The header that says what becomes of the run when its client leaves before the end. */
const ON_DISCONNECT = 'x-howdah-on-disconnect';
export const onDisconnect = z.enum(['detach', 'cancel']);

export function createRequestRun(options: RequestRunOptions): RequestRun {
  const { request, reply, hold, hub, transaction, failureOf } = options;
  const { signal } = hold;
  const isCancelled = cancelsWhenLeft(request);
  let begun: StartedRun = { id: '', since: 0 };
  const endRun = () => transaction((db) => cancel(db, begun.id));
  const headers = () => ({ 'x-request-id': begun.id });
  const source = { hub, look: (run: StartedRun) => transaction((db) => look(db, run)) };
  const left = (): Failure | undefined => {
    const reason = signal.reason as Leaving | undefined;
    if (reason === 'gone') return undefined;
    const detail = { execution_id: begun.id };
    if (typeof reason === 'object') return { ...reason, detail };
    const message = `the answer is not waited for any more; the run ${begun.id} goes on`;
    return { status: 503, code: 'EUNREACHABLE', message, detail };
  };
  async function* follow(isStreamed: boolean): AsyncGenerator<AnswerItem, void> {
    yield* followAnswer(source, begun, isStreamed, signal);
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
      const told = { ...conversation, metadata };
      begun = await transaction(async (db) => {
        if (key !== undefined) {
          await takeKey(db, key, ['openai', conversation, how.isKept, how.previous]);
        }
        return begin(db, told, { ...how, key });
      });
      return begun;
    },
    async goOn(work) {
      begun = await transaction(work);
      return begun;
    },
    async stopped() {
      for await (const told of follow(false)) {
        if (told.type === 'stopped') return told.run;
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

/** Whether the run is cancelled whose client leaves before its end. Throws what the header may not say. */
export function cancelsWhenLeft({ headers }: FastifyRequest): boolean {
  const [said = 'detach'] = [headers[ON_DISCONNECT]].flat();
  const wish = onDisconnect.safeParse(said);
  if (wish.success) return wish.data === 'cancel';
  throw invalid(ON_DISCONNECT, `${ON_DISCONNECT} is cancel or detach, not ${said.slice(0, 50)}`);
}

/** A run that has ended meanwhile is what was wanted. */
function unlessOver(error: unknown): void {
  if ((error as { code?: string }).code !== 'HWTRM') throw error;
}
