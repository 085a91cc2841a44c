import type { ServerResponse } from 'node:http';

/**
 * The interval of heartbeat lines. Without them, a proxy may take a quiet stream for a dead one.
 */
const HEARTBEAT_MS = 15_000;
/** Time after which a client that reads nothing is disconnected. */
const STALLED_MS = 60_000;

export type EventStream = {
  /** Writes a frame. Resolves when there is room for the next frame. */
  write(frame: string): Promise<void>;
  /** Writes the last frame, if any, and ends the stream. */
  end(frame?: string): void;
};

export type EventStreamOptions = {
  headers?: Readonly<Record<string, string>>;
  heartbeatMs?: number;
  stalledMs?: number;
};

/** Answers with Server-Sent Events. The caller formats the frames. */
export function openEventStream(
  response: ServerResponse,
  { headers, heartbeatMs = HEARTBEAT_MS, stalledMs = STALLED_MS }: EventStreamOptions = {},
): EventStream {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    'x-accel-buffering': 'no',
    connection: 'close', // a server that closes waits for reusable connections
    ...headers,
  });
  response.flushHeaders();
  const heartbeat = setInterval(() => {
    if (!response.writableNeedDrain) response.write(': \n\n');
  }, heartbeatMs);
  response.once('close', () => clearInterval(heartbeat));
  let draining: Promise<void> | undefined; // shared by all writers, who would add a listener each
  const waitForDrain = async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const stalled = setTimeout(() => response.destroy(), stalledMs);
    response.once('drain', resolve).once('close', resolve);
    await promise;
    clearTimeout(stalled);
    response.off('drain', resolve).off('close', resolve);
    draining = undefined;
  };
  return {
    async write(frame) {
      if (response.destroyed) return;
      if (response.write(frame)) return;
      draining ??= waitForDrain();
      await draining;
    },
    end(frame) {
      clearInterval(heartbeat);
      if (response.destroyed || response.writableEnded) return;
      response.end(frame);
    },
  };
}
