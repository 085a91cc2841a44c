import { createHash, randomBytes } from 'node:crypto';
import type { Abilities } from '../calls/client-input.ts';

/** What a client said of itself in `initialize`, which older revisions of the protocol say once. */
export type McpSession = { id: string; can: Abilities };

/** The first letter of an id says what its client can. */
const LETTERS: readonly [string, Abilities][] = [
  ['n', { forms: false, samples: false }],
  ['e', { forms: true, samples: false }],
  ['s', { forms: false, samples: true }],
  ['b', { forms: true, samples: true }],
];

/**
 * A session id that says by itself all there is to the session, so that no process keeps one and any process serves it. It is bound to
 * its caller: to anybody else it is no session. It lets nobody in; that the login does, at each request.
 */
export function mintSession(callerKey: string, can: Abilities): string {
  const [letter] = LETTERS.find(
    ([, one]) => one.forms === can.forms && one.samples === can.samples,
  ) ?? ['n'];
  const body = `${letter}${randomBytes(16).toString('base64url')}`;
  return `${body}.${markOf(body, callerKey)}`;
}

/** The session of this id, when it is one of this caller. */
export function readSession(id: string, callerKey: string): McpSession | undefined {
  const [, body, mark] = /^([nesb][\w-]{22})\.([\w-]{43})$/.exec(id) ?? [];
  if (body === undefined || mark !== markOf(body, callerKey)) return undefined;
  const [, can] = LETTERS.find(([letter]) => body.startsWith(letter)) ?? [];
  return can && { id, can };
}

/** What stands in a run's metadata for a session, of which it tells nothing. */
export function sessionDigest(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 32);
}

function markOf(body: string, callerKey: string): string {
  return createHash('sha256').update(`${body} ${callerKey}`).digest('base64url');
}
