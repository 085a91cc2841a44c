import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Random } from '../load/random.ts';

/** What a receiver does that is down, when it has read what it was sent. */
const FAULTS = ['500', '503', '302', 'hang up'] as const;

export type Receiver = {
  url: string;
  /** From now on everything is received. */
  recover(): void;
  /** How often a delivery came that says it is of this run; of which it said once that it was received. */
  readonly deliveries: ReadonlyMap<
    string,
    { ids: Set<string>; times: number; isReceived: boolean }
  >;
  close(): Promise<void>;
};

/** A receiver of webhooks that fails, as numbers that follow from a seed will have it, until it recovers. */
export async function startReceiver(random: Random): Promise<Receiver> {
  let isDown = true;
  const deliveries = new Map<string, { ids: Set<string>; times: number; isReceived: boolean }>();
  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    const { data } = JSON.parse(await text(request)) as { data: { execution_id: string } };
    const of = deliveries.get(data.execution_id) ?? { ids: new Set(), times: 0, isReceived: false };
    deliveries.set(data.execution_id, of);
    of.ids.add(String(request.headers['webhook-id']));
    of.times += 1;
    if (!isDown) {
      of.isReceived = true;
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
    url: `http://127.0.0.1:${port}/told`,
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
