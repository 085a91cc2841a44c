import type { WebSocket } from 'ws';
import { parseJsonBody } from '../../http/json-body.ts';
import { MAX_READER_BYTES } from '../../login/rights.ts';

/** The code with which graphql-ws closes a socket for a message it cannot read. */
const BAD_REQUEST = 4400;
const TOO_BIG = 1009;
/** The registered equivalent of 503; clients reconnect. */
const TRY_AGAIN_LATER = 1013;
/** The protocol's limit on the reason of a close, in bytes. */
const MAX_REASON_BYTES = 123;
/** Messages waiting for a check beyond which the socket is paused. */
const MOST_PENDING = 16;

/**
 * Checks each message of a socket before its listener parses the message. A message must be JSON
 * within the bounds of an HTTP body, and no longer than its sender may send. Any other message
 * closes the socket. Messages stay in order.
 */
export function checkMessages(
  socket: WebSocket,
  mostBytesFor: (length: number) => Promise<number>,
): void {
  const listeners = socket.listeners('message');
  socket.removeAllListeners('message');
  let last = Promise.resolve();
  let pending = 0;
  const pass = (data: Buffer, isBinary: boolean): void => {
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
    if (most === undefined) socket.close(TRY_AGAIN_LATER, 'too many requests at once');
    else if (length > most) socket.close(TOO_BIG, `A message may have at most ${most} bytes.`);
  };
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (pending === 0 && data.length <= MAX_READER_BYTES) return pass(data, isBinary);
    pending += 1;
    if (pending >= MOST_PENDING) socket.pause();
    last = last.then(async () => {
      await refuseLarge(data);
      pass(data, isBinary);
      pending -= 1;
      if (pending < MOST_PENDING && socket.isPaused) socket.resume();
    });
  });
}

function reasonOf(message: string): string {
  return Buffer.byteLength(message) <= MAX_REASON_BYTES
    ? message
    : 'An object in the message has the same name twice.';
}
