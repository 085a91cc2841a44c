import type { Duplex } from 'node:stream';
import { answerBare } from './problem.ts';

/** The answers to invalid HTTP requests, by the error code of Node's HTTP parser. */
const faults: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'The headers are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request took too long to arrive.'],
};

/**
 * Answers an invalid HTTP request if the client can still read an answer, and closes the socket.
 * The request has not reached any handler and is not logged, because a client may send a lot of
 * invalid data.
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, detail] = faults[error.code ?? ''] ?? [
    400,
    'The request is not a valid HTTP request.',
  ];
  socket.once('finish', () => socket.destroy()); // a slow sender would also close slowly
  answerBare(socket, status, 'HWINV', detail);
}
