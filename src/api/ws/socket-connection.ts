import type { IncomingMessage } from 'node:http';
import type { RawData, WebSocket } from 'ws';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import { closestNames } from '../../text/closest-names.ts';
import { errorAnswerOf, problemOf } from '../errors/answer-error.ts';
import { findExecution } from '../events/run-rows.ts';
import { parseJsonBody } from '../http/json-body.ts';
import { MAX_REQUEST_BYTES } from '../http/server-limits.ts';
import type { Identity } from '../login/auth-result.ts';
import { MAX_READER_BYTES, mostBytesFor } from '../login/rights.ts';
import { runCursor, sessionCursor } from '../rest/framework/cursors.ts';
import { readMessage } from '../rest/framework/read-request.ts';
import type { RouteContext } from '../rest/framework/route.ts';
import type { EventsOf } from '../rest/framework/streams.ts';
import { findSession } from '../rest/runs/sessions.ts';
import type { RestOptions } from '../rest/serve.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { type ClientMessage, type MessageType, messages } from './socket-messages.ts';
import { neitherIsSet, runOperation } from './socket-operations.ts';

/** Most messages of one client that wait for their turn. At this number, the socket is paused. */
const MOST_PENDING = 16;
/** Most bytes of these messages. Beyond them, the socket is paused as well. */
const MOST_PENDING_BYTES = MAX_REQUEST_BYTES;
/**
 * Most messages in a row that cannot be read or exceed a limit. After them, the socket is closed.
 */
const MOST_REFUSED = 100;
/** Close code of the protocol for a client that violates the rules. */
const POLICY_VIOLATION = 1008;

export type SocketConnectionOptions = Pick<
  RestOptions,
  'countRequest' | 'onError' | 'identities' | 'limits'
> & {
  /** Authenticates the socket by `authorization` or by its headers, or closes it. */
  admit(socket: WebSocket, request: IncomingMessage, authorization?: Json): Promise<boolean>;
  meansFor(identity: Identity, request: IncomingMessage): RouteContext;
  /** Most subscriptions at once. */
  most: number;
};

const FLOOD = `${MOST_REFUSED} messages in a row were refused`;

type Subscribe = Extract<ClientMessage, { type: 'subscribe' }>;

/**
 * The connection of one client. Messages are answered one after the other, in the order in which
 * they came. Events are sent in between.
 */
export class SocketConnection {
  readonly #socket: WebSocket;
  readonly #request: IncomingMessage;
  readonly #options: SocketConnectionOptions;
  readonly #outbox: Outbox;
  readonly #subscriptions = new Map<string, AbortController>();
  #admitted: Promise<boolean> | undefined;
  #means: RouteContext | undefined;
  #pending = 0;
  #pendingBytes = 0;
  #refused = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(socket: WebSocket, request: IncomingMessage, options: SocketConnectionOptions) {
    this.#socket = socket;
    this.#request = request;
    this.#options = options;
    this.#outbox = createOutbox(socket);
    socket.on('message', (data, isBinary) => this.#enqueue(data, isBinary));
    socket.on('close', () => {
      for (const leaving of this.#subscriptions.values()) leaving.abort();
    });
  }

  /** True if a first message has come. */
  get hasFirstMessage(): boolean {
    return this.#admitted !== undefined;
  }

  #enqueue(data: RawData, isBinary: boolean): void {
    const { length } = data as Buffer;
    this.#pending += 1;
    this.#pendingBytes += length;
    if (this.#isFull) this.#socket.pause();
    this.#last = this.#last.then(async () => {
      if (this.#socket.readyState === this.#socket.OPEN) await this.#handle(data, isBinary);
      this.#pending -= 1;
      this.#pendingBytes -= length;
      if (!this.#isFull) this.#socket.resume();
    });
  }

  get #isFull(): boolean {
    return this.#pending >= MOST_PENDING || this.#pendingBytes >= MOST_PENDING_BYTES;
  }

  async #handle(data: RawData, isBinary: boolean): Promise<void> {
    const read = (await this.#refuseLarge(data as Buffer)) ?? readObject(data, isBinary);
    const object = 'value' in read ? read.value : {};
    const isFirst = this.#admitted === undefined;
    const authorization = object.type === 'connection_init' ? object.authorization : undefined;
    this.#admitted ??= this.#options.admit(this.#socket, this.#request, authorization);
    if (!(await this.#admitted)) return; // the client gets no answer
    const id = typeof object.id === 'string' ? object.id : null;
    try {
      const message = await this.#readMessage(read, isFirst);
      if (message.type === 'connection_init') await this.#send({ type: 'connection_ack' });
      else await this.#answer(message);
    } catch (error) {
      await this.#refuse(id, error);
      if (this.#refused >= MOST_REFUSED) this.#socket.close(POLICY_VIOLATION, FLOOD);
    }
  }

  /** Rejects a large message from a client that may only read, before the message is parsed. */
  async #refuseLarge({ length }: Buffer): Promise<Read | undefined> {
    if (length <= MAX_READER_BYTES) return undefined;
    this.#admitted ??= this.#options.admit(this.#socket, this.#request);
    if (!(await this.#admitted)) return { value: {} };
    this.#means ??= this.#options.meansFor(this.#identity, this.#request);
    try {
      const most = await mostBytesFor(this.#means, { 'content-length': String(length) });
      if (length <= most) return undefined;
      return { fault: new RequestRefusal(413, `A message may have at most ${most} bytes.`) };
    } catch (error) {
      return { fault: error as Error };
    }
  }

  /**
   * Reads a message, after it is counted. Only the message that opens the connection does not count
   * as a request.
   */
  async #readMessage(read: Read, isFirst: boolean): Promise<ClientMessage> {
    const opens = isFirst && 'value' in read && read.value.type === 'connection_init';
    this.#refused += 1;
    if (!opens) await this.#count();
    if ('fault' in read) throw read.fault;
    const message = messageIn(read.value);
    if (message.type === 'connection_init' && !isFirst) {
      throw conflict('the connection is already authenticated');
    }
    this.#refused = 0;
    return message;
  }

  get #identity(): Identity {
    const identity = this.#options.identities.get(this.#socket);
    if (!identity) throw new Error('the message was not authenticated');
    return identity;
  }

  async #count(): Promise<void> {
    const refusal = await this.#options.countRequest(this.#identity);
    if (!refusal) return;
    const { message, hint, detail } = refusal;
    throw new RequestRefusal(429, message, { code: 'HWQTA', hint, detail: { ...detail } });
  }

  async #answer(message: Exclude<ClientMessage, { type: 'connection_init' }>): Promise<void> {
    const identity = this.#identity;
    this.#means ??= this.#options.meansFor(identity, this.#request);
    const { id } = message;
    if (message.type === 'subscribe') {
      const uncount = this.#options.limits.open(identity, 'subscription');
      try {
        const events = await this.#eventsOf(message, this.#means);
        await this.#send({ type: 'result', id, data: { subscription: id } });
        void this.#follow(id, events).finally(uncount);
      } catch (error) {
        uncount();
        throw error;
      }
    } else if (message.type === 'unsubscribe') {
      this.#leave(message.subscription);
      await this.#send({ type: 'result', id, data: { subscription: message.subscription } });
    } else {
      const result = await runOperation(message, identity, this.#means);
      await this.#send({ type: 'result', id, data: result as Json });
    }
  }

  async #eventsOf({ id, after, tree, ...of }: Subscribe, means: RouteContext): Promise<EventsOf> {
    if (this.#subscriptions.has(id)) throw conflict(`subscription ${id} already exists`);
    if (this.#subscriptions.size >= this.#options.most) {
      throw new RequestRefusal(
        429,
        `a connection may have at most ${this.#options.most} subscriptions`,
        {
          code: 'HWQTA',
          hint: 'Close some of them, or open another connection.',
        },
      );
    }
    const { execution_id, session_id } = of;
    const sent = { headers: {}, query: { after } };
    const options = tree === undefined ? {} : { tree };
    if (execution_id !== undefined && session_id !== undefined) {
      throw new RequestRefusal(400, 'a subscription needs either a run or a session', {
        hint: 'Set either execution_id or session_id.',
        detail: { field: 'session_id' },
      });
    }
    if (execution_id !== undefined) {
      const cursor = runCursor(sent);
      const run = await means.transaction((db) => findExecution(db, execution_id));
      return means.runEvents(run.id, cursor, options);
    }
    if (session_id === undefined) throw neitherIsSet('execution_id', 'session_id');
    const cursor = sessionCursor(sent);
    const session = await means.transaction((db) => findSession(db, session_id));
    return means.sessionEvents(session.id, cursor, options);
  }

  /** Sends the events until there are no more, or the subscription or the connection ends. */
  async #follow(id: string, events: EventsOf): Promise<void> {
    const leaving = new AbortController();
    this.#subscriptions.set(id, leaving);
    if (this.#socket.readyState !== this.#socket.OPEN) leaving.abort();
    const prefix = `{"type":"event","subscription":${JSON.stringify(id)},`;
    try {
      for await (const event of events(leaving.signal)) {
        if (leaving.signal.aborted) break;
        await this.#outbox.send(`${prefix}${textOf(event)}`);
      }
    } catch (error) {
      await this.#refuse(id, error);
    }
    this.#subscriptions.delete(id);
    await this.#send({ type: 'end', subscription: id });
  }

  #leave(id: string): void {
    const leaving = this.#subscriptions.get(id);
    leaving?.abort();
    if (leaving) return;
    throw new RequestRefusal(404, `there is no subscription ${id} on this connection`, {
      code: 'HWNTF',
      hint: 'Use the id of the message that started it.',
      detail: { field: 'subscription' },
    });
  }

  async #refuse(id: string | null, error: unknown): Promise<void> {
    const failure = errorAnswerOf(error, this.#options.onError);
    const { body } = problemOf(failure);
    await this.#outbox.send(`{"type":"error","id":${JSON.stringify(id)},"error":${body}}`);
  }

  #send(message: Record<string, Json>): Promise<void> {
    return this.#outbox.send(JSON.stringify(message));
  }
}

type Read = { value: Record<string, Json> } | { fault: Error };

function readObject(data: RawData, isBinary: boolean): Read {
  const body = isBinary ? undefined : parseJsonBody(data as Buffer);
  if (body?.ok && isJsonObject(body.value)) return { value: body.value as Record<string, Json> };
  const known = body && !body.ok && body.fault !== 'gone' ? body.fault : undefined;
  const fault = new RequestRefusal(400, known?.message ?? 'The message is not a JSON object.', {
    hint: known?.hint ?? 'Send text frames that each contain one object with a type.',
  });
  return { fault };
}

function messageIn(sent: Record<string, Json>): ClientMessage {
  const { type } = sent;
  const known = Object.keys(messages);
  if (typeof type === 'string' && known.includes(type)) {
    return readMessage(messages[type as MessageType], sent) as ClientMessage;
  }
  const [near] = typeof type === 'string' ? closestNames(type, known, 1) : [];
  throw new RequestRefusal(400, type === undefined ? 'type is missing' : 'the type is unknown', {
    hint: near === undefined ? `Known types: ${known.join(', ')}.` : `Did you mean ${near}?`,
    detail: { field: 'type' },
  });
}

function conflict(message: string): RequestRefusal {
  return new RequestRefusal(409, message, { code: 'HWCNF', hint: 'Open another connection.' });
}

/**
 * Returns the JSON of an event without the opening brace, for use in a message. The text is cached,
 * because many subscriptions get the same event.
 */
function textOf(event: StreamEvent): string {
  const known = texts.get(event);
  if (known !== undefined) return known;
  const text = JSON.stringify(event).slice(1);
  texts.set(event, text);
  return text;
}
const texts = new WeakMap<StreamEvent, string>();
