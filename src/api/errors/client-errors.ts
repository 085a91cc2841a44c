import type { Duplex } from 'node:stream';
import { answerBare } from './problem.ts';

/** What Node's HTTP parser says of a request that is none, as an answer. */
const faults: Readonly<Record<string, readonly [number, string]>> = {
  HPE_HEADER_OVERFLOW: [431, 'The headers are too large.'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The request took too long to arrive.'],
};

/**
 * Answers what is no request, as far as there is somebody to answer, and hangs up. Nothing of ours has seen it, so it
 * stands in no log either: whoever sends rubbish may send a lot of it.
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, detail] = faults[error.code ?? ''] ?? [400, 'This is no HTTP request.'];
  socket.once('finish', () => socket.destroy()); // who sends slowly would also hang up slowly
  answerBare(socket, status, 'HWINV', detail);
}
