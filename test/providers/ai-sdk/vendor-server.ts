import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JsonObject } from '../../../src/json/json.ts';
import { encodeAnswer, type VendorAnswer, type WireFormat } from './wire-formats.ts';

/** A request as the vendor receives it. `last` is the last message of the conversation, as JSON. */
export type VendorRequest = {
  path: string;
  headers: IncomingHttpHeaders;
  body: JsonObject;
  last: string;
};

/** A reply: an answer that may stop after some events, or a status with a body. */
export type VendorReply =
  | (VendorAnswer & { stallAfter?: number })
  | { status: number; headers?: Record<string, string>; raw: string };

export type VendorServer = {
  url: string;
  requests: VendorRequest[];
  close(): Promise<void>;
};

/** Starts a server on loopback that answers in the format of a vendor. */
export async function startVendorServer(
  format: WireFormat,
  handler: (request: VendorRequest) => VendorReply,
): Promise<VendorServer> {
  const requests: VendorRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of incoming) pieces.push(piece);
    const body: JsonObject = JSON.parse(Buffer.concat(pieces).toString() || '{}');
    const messages = (body.messages ?? body.contents ?? body.input ?? []) as JsonObject[];
    const { url: path = '', headers } = incoming;
    const request = { path, headers, body, last: JSON.stringify(messages.at(-1) ?? null) };
    requests.push(request);
    const reply = handler(request);
    if ('status' in reply) {
      const type = { 'content-type': 'application/json', ...reply.headers };
      response.writeHead(reply.status, type).end(reply.raw);
      return;
    }
    const events = encodeAnswer(format, reply);
    const binary = 'application/vnd.amazon.eventstream';
    const type = format === 'bedrock' ? binary : 'text/event-stream';
    response.writeHead(200, { 'content-type': type });
    const { stallAfter } = reply;
    if (stallAfter === undefined) response.end(Buffer.concat(events));
    else response.write(Buffer.concat(events.slice(0, stallAfter)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
