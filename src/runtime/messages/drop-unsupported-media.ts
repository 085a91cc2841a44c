import type { ModelRef } from '../../contracts/agents/model.ts';
import type { Message } from '../../contracts/runs/message.ts';

/** Images and sounds of tools that one request shows, the newest ones; of others the text says where they are kept. */
const MOST_SHOWN = 5;

/** The messages as this model sees them: of what it cannot see or hear it is told by the text of the results alone. */
export function dropUnsupportedMedia(
  { images, audio }: ModelRef,
  messages: readonly Message[],
): Message[] {
  if (!messages.some(({ parts }) => parts?.length)) return [...messages];
  let room = MOST_SHOWN;
  const shown = (message: Message): Message => {
    if (message.role !== 'tool' || !message.parts?.length) return message;
    const { parts, ...rest } = message;
    const known = parts.filter(({ media }) => (media === 'audio' ? audio : images));
    const kept = room > 0 ? known.slice(-room) : [];
    room -= kept.length;
    return kept.length > 0 ? { ...rest, parts: kept } : rest;
  };
  return messages.toReversed().map(shown).toReversed();
}
