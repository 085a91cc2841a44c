import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import type { ServerLimits } from '../http/server-limits.ts';
import type { StreamLimits } from '../limits/stream-limits.ts';
import type { IsActiveAccount } from '../login/account-status.ts';
import {
  type AuthResult,
  type Identity,
  type LoginRefusal,
  refusalOf,
} from '../login/auth-result.ts';
import { type AuthenticatedConnection, evictExpired } from '../login/evict-expired.ts';
import { hasExpired } from '../login/expiry.ts';
import type { Identities } from '../login/identities.ts';
import type { Login } from '../login/login.ts';

/**
 * The close codes of a rejected login. After 4403, graphql-ws reconnects by itself, with the token
 * that the client then has. After 4401, graphql-ws does not reconnect.
 */
const UNAUTHORIZED = 4401;
const FORBIDDEN = 4403;
/** The registered equivalent of 503; clients reconnect. */
const TRY_AGAIN_LATER = 1013;
/**
 * Time that a client has to close its end. A client that never closes its end could go on sending.
 */
const FAREWELL_MS = 3_000;

/** A connection as graphql-ws passes it. */
type Connection = {
  readonly connectionParams?: Readonly<Record<string, unknown>> | undefined;
  readonly extra: { readonly socket: WebSocket; readonly request: IncomingMessage };
};

export type SocketLogins = {
  /**
   * Registers an open socket without a login. When there are too many, the oldest of them is
   * closed. A socket with a login is never closed for this.
   */
  register(socket: WebSocket): void;
  /**
   * Admits a connection or closes it: with 4401 for its token, with 1013 when the token cannot be
   * checked now or its tenant or user has too many open.
   */
  admit(connection: Connection): Promise<boolean>;
  /** Ends the checks for expired tokens and deleted users. */
  close(): void;
};

export type SocketLoginOptions = {
  login: Login;
  exists: IsActiveAccount;
  identities: Identities;
  limits: StreamLimits;
  bounds: Pick<ServerLimits, 'unauthenticatedSockets'>;
  /** The open sockets. */
  sockets: ReadonlySet<WebSocket>;
};

/**
 * Logs WebSockets in by the `authorization` of connection_init, because a browser cannot send a
 * header, or by the header. Then closes sockets whose token or key has expired (4403), and sockets
 * whose key, tenant or user is gone (4401).
 */
export function createSocketLogins(options: SocketLoginOptions): SocketLogins {
  const { identities, sockets, limits, bounds } = options;
  const unauthenticated = new Set<WebSocket>();
  const authenticatedSockets = function* (): Iterable<AuthenticatedConnection> {
    for (const socket of sockets) {
      const identity = identities.get(socket);
      if (!identity) continue;
      const leave = (refusal: LoginRefusal) => {
        identities.delete(socket); // later messages have no caller
        closeRejected(socket, refusal, FORBIDDEN);
      };
      yield { identity, leave };
    }
  };
  const endSweep = evictExpired(options.exists, authenticatedSockets);
  return {
    register(socket) {
      unauthenticated.add(socket);
      socket.once('close', () => unauthenticated.delete(socket));
      const [oldest] = unauthenticated;
      if (unauthenticated.size > bounds.unauthenticatedSockets) oldest?.terminate();
    },
    async admit({ connectionParams, extra: { socket, request } }) {
      const params = connectionParams?.authorization ?? connectionParams?.Authorization;
      const verdict = await loginStrictly(options.login, params ?? request.headers.authorization);
      unauthenticated.delete(socket);
      if (!verdict.ok) {
        closeRejected(socket, verdict.refusal);
        return false;
      }
      if (socket.readyState !== socket.OPEN || !countUntilClose(socket, verdict.value, limits))
        return false;
      identities.set(socket, verdict.value);
      return true;
    },
    close: endSweep,
  };
}

/** Counts the socket until it closes. Closes the socket when there are too many. */
function countUntilClose(socket: WebSocket, identity: Identity, limits: StreamLimits): boolean {
  try {
    socket.once('close', limits.open(identity));
    return true;
  } catch (error) {
    close(socket, TRY_AGAIN_LATER, (error as Error).message);
    return false;
  }
}

/**
 * Closes the socket of a rejected login. `onExpiry` is the code for an expired token: a client that
 * was logged in may reconnect with a new token. A client that comes with an old token would
 * reconnect again and again.
 */
function closeRejected(socket: WebSocket, refusal: LoginRefusal, onExpiry = UNAUTHORIZED): void {
  const code = refusal.reason === 'expired' ? onExpiry : UNAUTHORIZED;
  close(socket, refusal.status === 503 ? TRY_AGAIN_LATER : code, closeReason(refusal));
}

function close(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, reason);
  const waiting = setTimeout(() => socket.terminate(), FAREWELL_MS);
  socket.once('close', () => clearTimeout(waiting));
}

/**
 * Checks the login of a socket. A token gets no leeway here, because its socket would be closed
 * again at once.
 */
async function loginStrictly(login: Login, authorization: unknown): Promise<AuthResult<Identity>> {
  if (authorization !== undefined && typeof authorization !== 'string') return refusalOf('invalid');
  const verdict = await login(authorization);
  return verdict.ok && hasExpired(verdict.value) ? refusalOf('expired') : verdict;
}

/** Returns what is wrong, without what to do, since the protocol allows only 123 bytes. */
function closeReason({ message }: LoginRefusal): string {
  return message.split(':', 1)[0] as string;
}
