import type { ModelRef } from '../../contracts/agents/model.ts';
import type { Message } from '../../contracts/runs/message.ts';

/**
 * Most images and sounds of tools in one request, the newest ones. For others, the text says where
 * they are stored.
 */
const MAX_SHOWN = 5;

/**
 * Returns the messages without media that the model does not accept. The model then receives only
 * the text of the results.
 */
export function dropUnsupportedMedia(
  { images, audio }: ModelRef,
  messages: readonly Message[],
): Message[] {
  if (!messages.some(({ parts }) => parts?.length)) return [...messages];
  let room = MAX_SHOWN;
  const keepNewestParts = (message: Message): Message => {
    if (message.role !== 'tool' || !message.parts?.length) return message;
    const { parts, ...rest } = message;
    const known = parts.filter(({ media }) => (media === 'audio' ? audio : images));
    const newest = room > 0 ? known.slice(-room) : [];
    room -= newest.length;
    return newest.length > 0 ? { ...rest, parts: newest } : rest;
  };
  return messages.toReversed().map(keepNewestParts).toReversed();
}
