import type { Identity } from './auth-result.ts';

/**
 * The identities of HTTP requests and WebSockets that were let in. A request or socket without an
 * entry was not let in.
 */
export type Identities = WeakMap<object, Identity>;
