import { createHash, randomBytes } from 'node:crypto';
import type { Abilities } from '../calls/client-input.ts';

/**
 * The abilities that a client states in `initialize`. Older revisions of the protocol state them
 * once.
 */
export type McpSession = { id: string; can: Abilities };

/** First letters of ids, with the abilities of the client. */
const LETTERS: readonly [string, Abilities][] = [
  ['n', { forms: false, samples: false }],
  ['e', { forms: true, samples: false }],
  ['s', { forms: false, samples: true }],
  ['b', { forms: true, samples: true }],
];

/**
 * Creates a session id that contains the whole session, so that no process stores the session, and
 * any process can serve it. The id is bound to its caller, and invalid for others. The id admits
 * nobody: the login does, at each request.
 */
export function mintSession(callerKey: string, can: Abilities): string {
  const [letter] = LETTERS.find(
    ([, one]) => one.forms === can.forms && one.samples === can.samples,
  ) ?? ['n'];
  const body = `${letter}${randomBytes(16).toString('base64url')}`;
  return `${body}.${markOf(body, callerKey)}`;
}

/** Returns the session of an id, if the id belongs to this caller. */
export function readSession(id: string, callerKey: string): McpSession | undefined {
  const [, body, mark] = /^([nesb][\w-]{22})\.([\w-]{43})$/.exec(id) ?? [];
  if (body === undefined || mark !== markOf(body, callerKey)) return undefined;
  const [, can] = LETTERS.find(([letter]) => body.startsWith(letter)) ?? [];
  return can && { id, can };
}

/**
 * Returns the digest of a session id for the metadata of a run. The digest reveals nothing about
 * the session.
 */
export function sessionDigest(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 32);
}

function markOf(body: string, callerKey: string): string {
  return createHash('sha256').update(`${body} ${callerKey}`).digest('base64url');
}
