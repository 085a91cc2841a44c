import { createHash, randomBytes } from 'node:crypto';

/** What a client said of itself in `initialize`, which older revisions of the protocol say once. */
export type McpSession = { id: string; elicits: boolean };

/**
 * A session id that says by itself all there is to the session, so that no process keeps one and any process serves it. It is bound to
 * its caller: to anybody else it is no session. It lets nobody in; that the login does, at each request.
 */
export function mintSession(callerKey: string, elicits: boolean): string {
  const body = `${elicits ? 'e' : 'n'}${randomBytes(16).toString('base64url')}`;
  return `${body}.${markOf(body, callerKey)}`;
}

/** The session of this id, when it is one of this caller. */
export function readSession(id: string, callerKey: string): McpSession | undefined {
  const [, body, mark] = /^([en][\w-]{22})\.([\w-]{43})$/.exec(id) ?? [];
  if (body === undefined || mark !== markOf(body, callerKey)) return undefined;
  return { id, elicits: body.startsWith('e') };
}

/** What stands in a run's metadata for a session, of which it tells nothing. */
export function sessionDigest(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 32);
}

function markOf(body: string, callerKey: string): string {
  return createHash('sha256').update(`${body} ${callerKey}`).digest('base64url');
}
