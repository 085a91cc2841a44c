import type { Transport } from '@modelcontextprotocol/client';
import type { Redaction } from '../../../redaction/redaction.ts';
import { mapMessages } from './map-messages.ts';

/**
 * Redacts secrets in every message of a server before the client sees it: results, errors, lists,
 * requests and logs. Anything made from messages later is therefore redacted already, except
 * encoded texts.
 */
export function redactMessages(transport: Transport, redaction: () => Redaction): Transport {
  return mapMessages(transport, (message) => redaction().json(message));
}
