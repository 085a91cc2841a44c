import { isJsonObject, type Json } from '../../json/json.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import { closestNames } from '../../text/closest-names.ts';
import { parseJsonBody } from '../http/json-body.ts';
import { readMessage } from '../rest/framework/read-request.ts';
import type { Frame } from '../sockets/inbox.ts';
import { type ClientMessage, type MessageType, messages } from './socket-messages.ts';

/** The object in a frame, or why there is none. */
export type ReadObject = { value: Record<string, Json> } | { fault: Error };

/** Reads the JSON object of a text frame. */
export function readObject({ data, isBinary }: Frame): ReadObject {
  const body = isBinary ? undefined : parseJsonBody(data);
  if (body?.ok && isJsonObject(body.value)) return { value: body.value };
  const known = body && !body.ok && body.fault !== 'gone' ? body.fault : undefined;
  const fault = new RequestRefusal(400, known?.message ?? 'The message is not a JSON object.', {
    hint: known?.hint ?? 'Send text frames that each contain one object with a type.',
  });
  return { fault };
}

/** Returns the id of a message, which its answer repeats; null if the message has none. */
export function idOf(read: ReadObject): string | null {
  return 'value' in read && typeof read.value.id === 'string' ? read.value.id : null;
}

/** Returns the checked message of an object. Throws `HWINV` with the field that is wrong. */
export function messageIn(sent: Record<string, Json>): ClientMessage {
  const { type } = sent;
  const known = Object.keys(messages);
  if (typeof type === 'string' && known.includes(type)) {
    return readMessage(messages[type as MessageType], sent) as ClientMessage;
  }
  const [near] = typeof type === 'string' ? closestNames(type, known, 1) : [];
  throw new RequestRefusal(400, type === undefined ? 'type is missing' : 'the type is unknown', {
    hint: near === undefined ? `Known types: ${known.join(', ')}.` : `Did you mean ${near}?`,
    detail: { field: 'type' },
  });
}
