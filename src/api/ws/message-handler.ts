import type { IncomingMessage } from 'node:http';
import type { Json } from '../../json/json.ts';
import { findExecution } from '../../operations/runs/run-rows.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import { errorAnswerOf, problemOf } from '../errors/answer-error.ts';
import type { Identity } from '../login/auth-result.ts';
import { MAX_READER_BYTES } from '../login/rights.ts';
import { runCursor, sessionCursor } from '../rest/framework/cursors.ts';
import type { RouteContext } from '../rest/framework/route.ts';
import type { EventsOf } from '../rest/framework/streams.ts';
import { findSession } from '../rest/runs/sessions.ts';
import type { RestOptions } from '../rest/serve.ts';
import type { Frame } from '../sockets/inbox.ts';
import type { Answer, SocketConnection, SocketProtocol } from '../sockets/socket-connection.ts';
import { EventSubscriptions } from './event-subscriptions.ts';
import { idOf, messageIn, type ReadObject, readObject } from './read-message.ts';
import { conflict, neitherIsSet } from './socket-errors.ts';
import type { ClientMessage } from './socket-messages.ts';
import { runOperation } from './socket-operations.ts';

/**
 * Most messages in a row that cannot be read or exceed a limit. After them, the socket is closed.
 */
const MAX_REFUSED = 100;
/** Close code of the protocol for a client that violates the rules. */
const POLICY_VIOLATION = 1008;
const FLOOD = `${MAX_REFUSED} messages in a row were refused`;

export type MessageHandlerOptions = Pick<
  RestOptions,
  'countRequest' | 'onError' | 'limits' | 'turns'
> & {
  meansFor(identity: Identity, request: IncomingMessage): RouteContext;
  /** Most subscriptions at once. */
  most: number;
};

type Subscribe = Extract<ClientMessage, { type: 'subscribe' }>;
type AfterInit = Exclude<ClientMessage, { type: 'connection_init' }>;

/** Serves the messages of one client of `/ws`, in the order in which the client sent them. */
export class MessageHandler implements SocketProtocol {
  readonly #connection: SocketConnection;
  readonly #options: MessageHandlerOptions;
  readonly #subscriptions: EventSubscriptions;
  #means: RouteContext | undefined;
  #isFirst = true;
  #refused = 0;

  constructor(connection: SocketConnection, options: MessageHandlerOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#subscriptions = new EventSubscriptions({
      most: options.most,
      send: (text) => connection.send(text),
      refusalOf: (id, error) => this.#refusalOf(id, error),
    });
  }

  authorizationIn(frame: Frame): Json | undefined {
    const read = readObject(frame);
    const isInit = 'value' in read && read.value.type === 'connection_init';
    return isInit ? read.value.authorization : undefined;
  }

  async serve(frame: Frame): Promise<Answer> {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const read = await this.#readFrame(frame);
    try {
      const message = await this.#readMessage(read, isFirst);
      if (message.type !== 'connection_init') return await this.#answer(message);
      return { text: JSON.stringify({ type: 'connection_ack' }) };
    } catch (error) {
      return this.#refuse(idOf(read), error);
    }
  }

  refuse(frame: Frame, error: unknown): Answer {
    this.#isFirst = false;
    this.#refused += 1;
    const isSmall = frame.data.length <= MAX_READER_BYTES;
    return this.#refuse(isSmall ? idOf(readObject(frame)) : null, error);
  }

  close(): void {
    this.#subscriptions.close();
  }

  async #readFrame(frame: Frame): Promise<ReadObject> {
    try {
      await this.#connection.checkSize(frame); // before the message is parsed
      return readObject(frame);
    } catch (error) {
      return { fault: error as Error };
    }
  }

  /**
   * Reads a message, after it is counted. Only the message that opens the connection does not count
   * as a request.
   */
  async #readMessage(read: ReadObject, isFirst: boolean): Promise<ClientMessage> {
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

  async #count(): Promise<void> {
    const refusal = await this.#options.countRequest(this.#connection.identity);
    if (!refusal) return;
    const { message, hint, detail } = refusal;
    throw new RequestRefusal(429, message, { code: 'HWQTA', hint, detail: { ...detail } });
  }

  async #answer(message: AfterInit): Promise<Answer> {
    const { identity, request } = this.#connection;
    this.#means ??= this.#options.meansFor(identity, request);
    const { id } = message;
    if (message.type === 'subscribe') return this.#subscribe(message, identity, this.#means);
    if (message.type === 'unsubscribe') {
      this.#subscriptions.leave(message.subscription);
      return { text: resultOf(id, { subscription: message.subscription }) };
    }
    return { text: resultOf(id, (await runOperation(message, identity, this.#means)) as Json) };
  }

  async #subscribe(message: Subscribe, caller: Identity, means: RouteContext): Promise<Answer> {
    const { id } = message;
    const { limits, turns } = this.#options;
    const uncount = limits.open(caller, 'subscription');
    const nextRow = () => turns.nextRow(caller);
    try {
      this.#subscriptions.checkNew(id);
      const events = await eventsOf(message, means);
      const follow = () => void this.#subscriptions.follow(id, events, nextRow).finally(uncount);
      return { text: resultOf(id, { subscription: id }), onSent: follow };
    } catch (error) {
      uncount();
      throw error;
    }
  }

  #refuse(id: string | null, error: unknown): Answer {
    const text = this.#refusalOf(id, error);
    if (this.#refused < MAX_REFUSED) return { text };
    return { text, onSent: () => this.#connection.close(POLICY_VIOLATION, FLOOD) };
  }

  #refusalOf(id: string | null, error: unknown): string {
    const { body } = problemOf(errorAnswerOf(error, this.#options.onError));
    return `{"type":"error","id":${JSON.stringify(id)},"error":${body}}`;
  }
}

/** Returns the source of the events that a message subscribes to. */
async function eventsOf(
  { after, tree, execution_id, session_id }: Subscribe,
  means: RouteContext,
): Promise<EventsOf> {
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

function resultOf(id: string, data: Json): string {
  return JSON.stringify({ type: 'result', id, data });
}
