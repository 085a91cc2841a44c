import WebSocket from 'ws';
import type { ApiServer } from '../../../src/api/server.ts';
import { type Answer, until } from '../harness.ts';

/** Messages received on one WebSocket of /ws. */
export type WsClient = {
  socket: WebSocket;
  received: Answer[];
  /** Sends a message under a new id, and returns its `result` or `error`. */
  ask(message: object): Promise<Answer>;
  /** Returns the events of a subscription except tokens, as `event id`. */
  eventLines(subscription: string): string[];
  /** Waits for a message that matches. */
  when(fits: (message: Answer) => boolean): Promise<Answer>;
  closed: Promise<number>;
  close(): void;
};

export async function openWs(
  api: Pick<ApiServer, 'url'>,
  headers: Record<string, string> = {},
): Promise<WsClient> {
  const socket = new WebSocket(`${api.url.replace('http', 'ws')}/ws`, { headers });
  const received: Answer[] = [];
  socket.on('message', (data) => received.push(JSON.parse(String(data))));
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  let sentCount = 0;
  const when: WsClient['when'] = async (fits) => {
    await until(() => received.some(fits));
    return received.find(fits);
  };
  return {
    socket,
    received,
    closed,
    when,
    ask(message) {
      sentCount += 1;
      const sent = { id: `m${sentCount}`, ...message };
      socket.send(JSON.stringify(sent));
      return when(({ type, id }) => id === sent.id && (type === 'result' || type === 'error'));
    },
    eventLines: (subscription) =>
      received
        .filter((one) => one.type === 'event' && one.subscription === subscription)
        .filter(({ event }) => event !== 'token')
        .map(({ event, id }) => `${event} ${id}`),
    close: () => socket.terminate(),
  };
}
