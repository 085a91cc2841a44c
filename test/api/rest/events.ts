import type { ApiServer } from '../../../src/api/server.ts';
import type { Answer } from '../harness.ts';
import { until } from '../harness.ts';

export type SseEvent = { event: string; id: string | undefined; data: Answer };

/** A stream of events as received by a client. */
export type OpenStream = {
  status: number;
  headers: Headers;
  events: SseEvent[];
  /** Returns the events except tokens, as `event id`. */
  eventLines(): string[];
  /** Waits for an event, and returns the first that matches. */
  when(fits: (event: SseEvent) => boolean): Promise<SseEvent>;
  /** Resolves when the server has ended the stream. */
  end: Promise<void>;
  close(): void;
};

export type ListenOptions = {
  lastEventId?: string;
  token?: string;
  method?: string;
  body?: unknown;
};

/** Opens a stream and reads it to its end. */
export async function openStream(
  api: ApiServer,
  path: string,
  { lastEventId, token, method = 'GET', body }: ListenOptions = {},
): Promise<OpenStream> {
  const leaving = new AbortController();
  const response = await fetch(`${api.url}${path}`, {
    method,
    signal: leaving.signal,
    headers: {
      accept: 'text/event-stream',
      ...(lastEventId && { 'last-event-id': lastEventId }),
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const events: SseEvent[] = [];
  const read = async () => {
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body ?? []) {
      rest += decoder.decode(chunk, { stream: true });
      const frames = rest.split('\n\n');
      rest = frames.pop() ?? '';
      events.push(...frames.flatMap(parseFrame));
    }
  };
  const end = read().catch((error: unknown) => {
    if (!leaving.signal.aborted) throw error;
  });
  return {
    status: response.status,
    headers: response.headers,
    events,
    eventLines: () =>
      events.filter(({ event }) => event !== 'token').map(({ event, id }) => `${event} ${id}`),
    async when(fits) {
      await until(() => events.some(fits));
      return events.find(fits) as SseEvent;
    },
    end,
    close: () => leaving.abort(),
  };
}

function parseFrame(frame: string): SseEvent[] {
  const fields = new Map(
    frame.split('\n').map((line): [string, string] => {
      const at = line.indexOf(':');
      return [line.slice(0, at), line.slice(at + 1).trimStart()];
    }),
  );
  const event = fields.get('event');
  if (event === undefined) return [];
  return [{ event, id: fields.get('id'), data: JSON.parse(fields.get('data') ?? 'null') }];
}
