import type { Message } from '../contracts/message.ts';
import type { ModelRef } from '../contracts/model.ts';

/** Images of tools that one request shows, the newest ones; of others the text says where they are kept. */
const MOST_SHOWN = 5;

/** The messages as this model sees them: without eyes it is told of images by the text of the results alone. */
export function shownTo({ images }: ModelRef, messages: readonly Message[]): Message[] {
  let room = images ? MOST_SHOWN : 0;
  const shown = (message: Message): Message => {
    if (message.role !== 'tool' || !message.parts?.length) return message;
    const { parts, ...rest } = message;
    const kept = room > 0 ? parts.slice(-room) : [];
    room -= kept.length;
    return kept.length > 0 ? { ...rest, parts: kept } : rest;
  };
  return messages.toReversed().map(shown).toReversed();
}
