import type { WebSocket } from 'ws';
import { parseJsonBody } from '../../http/json-body.ts';
import { MAX_READER_BYTES } from '../../login/rights.ts';
import { type Frame, Inbox } from '../../sockets/inbox.ts';

/** The code with which graphql-ws closes a socket for a message it cannot read. */
const BAD_REQUEST = 4400;
const TOO_BIG = 1009;
/** The registered equivalent of 503; clients reconnect. */
const TRY_AGAIN_LATER = 1013;
/** The protocol's limit on the reason of a close, in bytes. */
const MAX_REASON_BYTES = 123;
const BUSY_REASON = 'too many requests at once';

export type MessageChecks = {
  /** Returns the most bytes of a message of this length. */
  mostBytesFor(length: number): Promise<number>;
  /** Runs `pass` in the turn of the sender; undefined before the sender has logged in. */
  inTurn(pass: () => Promise<void>): Promise<void> | undefined;
};

/**
 * Checks each message of a socket before its listener parses the message, and passes it on in the
 * turn of its sender. A message must be JSON within the bounds of an HTTP body, and no longer than
 * its sender may send. Any other message closes the socket. Messages stay in order.
 */
export function checkMessages(socket: WebSocket, { mostBytesFor, inTurn }: MessageChecks): void {
  const listeners = socket.listeners('message');
  socket.removeAllListeners('message');
  const pass = async ({ data, isBinary }: Frame): Promise<void> => {
    if (socket.readyState !== socket.OPEN) return;
    const body = parseJsonBody(data);
    if (!body.ok) {
      const { message } = body.fault === 'gone' ? { message: '' } : body.fault;
      socket.close(BAD_REQUEST, reasonOf(message));
      return;
    }
    for (const listener of listeners) listener.call(socket, data, isBinary);
  };
  const refuseLarge = async ({ length }: Buffer): Promise<void> => {
    if (length <= MAX_READER_BYTES || socket.readyState !== socket.OPEN) return;
    const most = await mostBytesFor(length).catch(() => undefined);
    if (most === undefined) socket.close(TRY_AGAIN_LATER, BUSY_REASON);
    else if (length > most) socket.close(TOO_BIG, `A message may have at most ${most} bytes.`);
  };
  const check = async (frame: Frame): Promise<void> => {
    await refuseLarge(frame.data);
    return pass(frame);
  };
  const inbox = new Inbox(socket, async (frame) => {
    const served = inTurn(() => check(frame)) ?? check(frame);
    await served.catch(() => socket.close(TRY_AGAIN_LATER, BUSY_REASON));
  });
  socket.on('message', (data: Buffer, isBinary: boolean) => inbox.add({ data, isBinary }));
}

function reasonOf(message: string): string {
  return Buffer.byteLength(message) <= MAX_REASON_BYTES
    ? message
    : 'An object in the message has the same name twice.';
}
