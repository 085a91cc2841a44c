import type { IncomingMessage } from 'node:http';
import type { RawData, WebSocket } from 'ws';
import type { Json } from '../../json/json.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import type { CallerTurns } from '../limits/caller-turns.ts';
import type { Identity } from '../login/auth-result.ts';
import type { Identities } from '../login/identities.ts';
import { MAX_READER_BYTES } from '../login/rights.ts';
import { type Frame, Inbox } from './inbox.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import type { SocketLogins } from './socket-logins.ts';

/** The answer to a message. `onSent` is called once it is sent, before the next message. */
export type Answer = { text: string; onSent?: () => void };

/** The handlers of a protocol for the messages of one client. */
export type SocketProtocol = {
  /** Returns the login in the first message, for clients that cannot send headers. */
  authorizationIn(frame: Frame): Json | undefined;
  /** Serves a message of an authenticated client. Does not wait for the client. */
  serve(frame: Frame): Promise<Answer>;
  /** Returns the answer to a message that was not served because of an error. */
  refuse(frame: Frame, error: unknown): Answer;
  /** Ends what the protocol does for the client, whose socket has closed. */
  close(): void;
};

export type SocketConnectionOptions = {
  logins: Pick<SocketLogins, 'admit'>;
  identities: Identities;
  turns: Pick<CallerTurns, 'serve'>;
  /** Returns the most bytes of a message of this length from this caller. */
  mostBytesFor(identity: Identity, request: IncomingMessage, length: number): Promise<number>;
  /** Creates the protocol of one connection. */
  createProtocol(connection: SocketConnection): SocketProtocol;
};

/**
 * The connection of one client, without the meaning of its messages: the login with the first
 * message, the order of messages, the turn of each message among the callers of the process, and
 * back-pressure in both directions. `SocketLogins` closes the socket when the login ends. What is
 * not read stays in the buffers of the network, and what the client does not read is not made.
 */
export class SocketConnection {
  readonly request: IncomingMessage;
  readonly #socket: WebSocket;
  readonly #options: SocketConnectionOptions;
  readonly #outbox: Outbox;
  readonly #protocol: SocketProtocol;
  #admitted: Promise<boolean> | undefined;

  constructor(socket: WebSocket, request: IncomingMessage, options: SocketConnectionOptions) {
    this.request = request;
    this.#socket = socket;
    this.#options = options;
    this.#outbox = createOutbox(socket);
    this.#protocol = options.createProtocol(this);
    const inbox = new Inbox(socket, (frame) => this.#handle(frame));
    socket.on('message', (data: RawData, isBinary) => {
      inbox.add({ data: data as Buffer, isBinary });
    });
    socket.on('close', () => this.#protocol.close());
  }

  /** True if a first message has come. */
  get hasFirstMessage(): boolean {
    return this.#admitted !== undefined;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  /** The caller. Throws before the first message, and after the login has ended. */
  get identity(): Identity {
    const identity = this.#options.identities.get(this.#socket);
    if (!identity) throw new Error('the message was not authenticated');
    return identity;
  }

  /** Sends a text. Resolves when there is room for more, or when the client has disconnected. */
  send(text: string): Promise<void> {
    return this.#outbox.send(text);
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  /**
   * Throws 413 if a message is longer than its caller may send. Call this before the message is
   * parsed.
   */
  async checkSize({ data: { length } }: Frame): Promise<void> {
    if (length <= MAX_READER_BYTES) return;
    const most = await this.#options.mostBytesFor(this.identity, this.request, length);
    if (length > most) {
      throw new RequestRefusal(413, `A message may have at most ${most} bytes.`);
    }
  }

  async #handle(frame: Frame): Promise<void> {
    this.#admitted ??= this.#admit(frame);
    if (!(await this.#admitted)) return; // the client gets no answer
    const { text, onSent } = await this.#serveInTurn(frame).catch((error: unknown) =>
      this.#protocol.refuse(frame, error),
    );
    await this.send(text);
    onSent?.();
  }

  /** A large message is not read before the login, so it cannot contain one. */
  #admit(frame: Frame): Promise<boolean> {
    const isSmall = frame.data.length <= MAX_READER_BYTES;
    const authorization = isSmall ? this.#protocol.authorizationIn(frame) : undefined;
    return this.#options.logins.admit({
      connectionParams: authorization === undefined ? {} : { authorization },
      extra: { socket: this.#socket, request: this.request },
    });
  }

  /** The turn ends before the answer is sent, so that a client that reads nothing keeps no turn. */
  async #serveInTurn(frame: Frame): Promise<Answer> {
    return this.#options.turns.serve(this.identity, async () => {
      // the socket may have closed while the message waited
      return this.isOpen ? this.#protocol.serve(frame) : { text: '' };
    });
  }
}
