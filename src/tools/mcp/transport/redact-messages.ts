import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';
import type { Redaction } from '../../../redaction/redaction.ts';

/**
 * Redacts secrets in every message of a server before the client sees it: results, errors, lists,
 * requests and logs. Anything made from messages later is therefore redacted already, except
 * encoded texts.
 */
export function redactMessages(transport: Transport, redaction: () => Redaction): Transport {
  type Handler = NonNullable<Transport['onmessage']>;
  let handler: Handler | undefined;
  Object.defineProperty(transport, 'onmessage', {
    configurable: true,
    get: () => handler,
    set: (newHandler: Handler | undefined) => {
      handler =
        newHandler &&
        (((message: JSONRPCMessage, extra: never) =>
          newHandler(redaction().json(message), extra)) as Handler);
    },
  });
  return transport;
}
