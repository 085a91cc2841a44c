import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Random } from '../load/random.ts';

/** Reactions of a failing receiver after it has read a request. */
const FAULTS = ['500', '503', '302', 'hang up'] as const;

export type Receiver = {
  url: string;
  /** Ends the failure. */
  recover(): void;
  /** The requests by run. `isReceived` says whether one of them was acknowledged. */
  readonly deliveries: ReadonlyMap<
    string,
    { ids: Set<string>; times: number; isReceived: boolean }
  >;
  close(): Promise<void>;
};

/** Starts a receiver of webhooks, which fails at random until it recovers. */
export async function startReceiver(random: Random): Promise<Receiver> {
  let isDown = true;
  const deliveries = new Map<string, { ids: Set<string>; times: number; isReceived: boolean }>();
  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    const { data } = JSON.parse(await text(request)) as { data: { execution_id: string } };
    const delivery = deliveries.get(data.execution_id) ?? {
      ids: new Set(),
      times: 0,
      isReceived: false,
    };
    deliveries.set(data.execution_id, delivery);
    delivery.ids.add(String(request.headers['webhook-id']));
    delivery.times += 1;
    if (!isDown) {
      delivery.isReceived = true;
      response.writeHead(204).end();
      return;
    }
    const fault = random.pick(FAULTS);
    if (fault === 'hang up') response.destroy();
    else response.writeHead(Number(fault), fault === '302' ? { location: '/elsewhere' } : {}).end();
  };
  const server = createServer((request, response) => {
    receive(request, response).catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/events`,
    recover() {
      isDown = false;
    },
    deliveries,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
