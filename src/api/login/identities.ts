import type { Identity } from './auth-result.ts';

/** As whom each HTTP request and each WebSocket was let in; who is not in here was not. */
export type Identities = WeakMap<object, Identity>;
