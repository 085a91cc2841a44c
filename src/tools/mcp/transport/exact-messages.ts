import type { Transport } from '@modelcontextprotocol/client';
import type { Json } from '../../../json/json.ts';
import { unmarkNumbers } from '../../../json/mark-numbers.ts';
import { mapMessages } from './map-messages.ts';

/**
 * Makes numbers of the marks in every message before the client sees it. The client of the SDK
 * parses JSON itself, so long numbers pass it as marked strings.
 */
export function unmarkMessages(transport: Transport): Transport {
  return mapMessages(transport, (message) => unmarkNumbers(message as Json) as never);
}
