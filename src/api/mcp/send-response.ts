import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

/**
 * Time after which a client that reads nothing of its answer is disconnected, in milliseconds. The
 * MCP library queues events without a bound, so the time bounds what a client can make it hold. A
 * client that reads a large answer slowly stays connected, and so does the client of a quiet
 * stream.
 */
const STALLED_MS = 60_000;

/** Sends the answer of the MCP library. Rejects if the client disconnects before its end. */
export async function sendResponse(
  response: ServerResponse,
  { status, headers, body }: Response,
  stalledMs = STALLED_MS,
): Promise<void> {
  response.writeHead(status, Object.fromEntries(headers));
  if (body === null) {
    response.end();
    return;
  }
  response.flushHeaders();
  response.setTimeout(stalledMs, () => {
    if (response.writableNeedDrain) response.destroy();
  });
  await pipeline(Readable.fromWeb(body), response);
}
