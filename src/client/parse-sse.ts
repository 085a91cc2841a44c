import type { StreamEvent } from '../contracts/runs/stream-event.ts';
import type { Json } from '../json/json.ts';

/** The events in the body of an answer, as they come. Comments and events without a name are passed over. */
export async function* parseServerSentEvents(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<StreamEvent, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const frames = rest.split('\n\n');
    rest = frames.pop() ?? '';
    for (const frame of frames) {
      const event = eventIn(frame);
      if (event) yield event;
    }
  }
}

function eventIn(frame: string): StreamEvent | undefined {
  const fields = new Map<string, string>();
  for (const line of frame.split('\n')) {
    const at = line.indexOf(':');
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1).replace(/^ /, ''));
  }
  const [event, data, id] = ['event', 'data', 'id'].map((name) => fields.get(name));
  if (event === undefined || data === undefined) return undefined;
  return {
    event: event as StreamEvent['event'],
    data: JSON.parse(data) as Record<string, Json>,
    ...(id !== undefined && { id }),
  };
}
