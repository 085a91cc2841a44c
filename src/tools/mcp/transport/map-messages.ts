import type { JSONRPCMessage, Transport } from '@modelcontextprotocol/client';

type Handler = NonNullable<Transport['onmessage']>;

/**
 * Changes every message of a server before the client sees it. The changes of an earlier call come
 * first.
 */
export function mapMessages(
  transport: Transport,
  change: (message: JSONRPCMessage) => JSONRPCMessage,
): Transport {
  const before = Object.getOwnPropertyDescriptor(transport, 'onmessage');
  let handler: Handler | undefined;
  Object.defineProperty(transport, 'onmessage', {
    configurable: true,
    get: () => (before?.get ? before.get.call(transport) : handler),
    set(newHandler: Handler | undefined) {
      handler = newHandler && (((message, extra) => newHandler(change(message), extra)) as Handler);
      before?.set?.call(transport, handler);
    },
  });
  return transport;
}
