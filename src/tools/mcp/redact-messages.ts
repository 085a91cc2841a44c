import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';
import type { Redaction } from '../../contracts/redaction.ts';

/**
 * Lets no message of a server get to the client with a secret in it: not in a result, an error, a list, a request or a log. So
 * whatever is made of messages later, or cut out of them, needs no further care; but texts that come encoded do.
 */
export function redactMessages(transport: Transport, redaction: () => Redaction): Transport {
  type Handler = NonNullable<Transport['onmessage']>;
  let handler: Handler | undefined;
  Object.defineProperty(transport, 'onmessage', {
    configurable: true,
    get: () => handler,
    set: (given: Handler | undefined) => {
      handler =
        given &&
        (((message: JSONRPCMessage, extra: never) =>
          given(redaction().json(message), extra)) as Handler);
    },
  });
  return transport;
}
