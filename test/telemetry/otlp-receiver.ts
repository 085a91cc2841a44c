import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as received, with its attributes as plain values. */
export type ReceivedSpan = {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  links?: { traceId: string; spanId: string }[];
  status?: { code: number; message: string };
  attributes: Record<string, unknown>;
  /** Resource of the sending process. */
  resource: Record<string, unknown>;
};

type KeyValue = {
  key: string;
  value: {
    stringValue?: string;
    intValue?: string;
    doubleValue?: number;
    boolValue?: boolean;
    arrayValue?: { values: { stringValue: string }[] };
  };
};

const plain = (list: KeyValue[]) =>
  Object.fromEntries(
    list.map(({ key, value }) => [
      key,
      value.stringValue ??
        value.doubleValue ??
        value.boolValue ??
        value.arrayValue?.values.map((one) => one.stringValue) ??
        Number(value.intValue),
    ]),
  );

/**
 * Receives OTLP over HTTP as JSON on a free loopback port. `statuses` are the statuses of the first
 * responses; later ones have 200.
 */
export async function startOtlpReceiver(statuses: number[] = []) {
  const spans: ReceivedSpan[] = [];
  const requests: { path: string; headers: NodeJS.Dict<string | string[]>; body: string }[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      requests.push({ path: request.url ?? '', headers: request.headers, body });
      const status = statuses.shift() ?? 200;
      if (status === 200) {
        for (const { resource, scopeSpans } of JSON.parse(body).resourceSpans) {
          for (const { spans: sent } of scopeSpans) {
            for (const span of sent) {
              spans.push({
                ...span,
                attributes: plain(span.attributes),
                resource: plain(resource.attributes),
              });
            }
          }
        }
      }
      response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    spans,
    requests,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
