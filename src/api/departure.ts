import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { HowdahError } from '../contracts/errors.ts';

/** Calls `work` when the response closes, or at once when it is closed: its client may have left. */
export function whenClosed(response: ServerResponse, work: () => void): void {
  if (response.closed) work();
  else response.once('close', work);
}

/** Returns a signal that fires when the client disconnects before its answer is written. */
export function leftSignal(response: ServerResponse): AbortSignal {
  const leaving = new AbortController();
  whenClosed(response, () => {
    if (!response.writableFinished) leaving.abort(clientLeft());
  });
  return leaving.signal;
}

/** Returns the error of work that ends with its client. It has the code of a cancelled statement. */
export function clientLeft(): HowdahError {
  return new HowdahError('57014', 'the client left before its answer');
}

/** A client that wants to ask has begun by then. */
const SILENT_MS = 250;

/** How a server goes: first whoever asks is led away from it, then it lets nobody in any more. */
export type Departure = {
  /** Nobody new is let in. */
  readonly isClosing: boolean;
  /**
   * Of every connection. Clients open some in advance. Node counts those as busy, so they would
   * delay the end of the server.
   */
  watchConnection(socket: Socket): void;
  /** Of every request. */
  watch(response: ServerResponse): void;
  /** It goes: a connection ends with the answer on it. All are answered still. */
  begin(): void;
  close(): void;
};

/** Of a server that stays until it is told to go. */
export function createDeparture(): Departure {
  let stage: 'here' | 'leaving' | 'closing' = 'here';
  const answering = new Set<ServerResponse>();
  const connections = new Set<Socket>();
  const endSilent = () => {
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
  };
  const begin = () => {
    if (stage === 'here') stage = 'leaving';
    for (const response of answering) response.shouldKeepAlive = false;
  };
  return {
    get isClosing() {
      return stage === 'closing';
    },
    watchConnection(socket) {
      connections.add(socket);
      socket.once('close', () => connections.delete(socket));
    },
    watch(response) {
      if (stage !== 'here') response.shouldKeepAlive = false;
      answering.add(response);
      response.once('close', () => answering.delete(response));
    },
    begin,
    close() {
      begin();
      stage = 'closing';
      setTimeout(endSilent, SILENT_MS).unref();
    },
  };
}
