import { createServer, request as sendRequest } from 'node:http';
import { listen } from './authorization-server.ts';

/** A reverse proxy whose address is known before the server behind it has started. */
export type PublicProxy = {
  url: string;
  /** The port of the server behind the proxy. */
  port: number;
  close(): void;
};

/** Starts a proxy that serves an API below a path, and removes the path from requests. */
export async function startPublicProxy(path = ''): Promise<PublicProxy> {
  const http = createServer((request, response) => {
    const { method, headers, url = '/' } = request;
    const inner = url.startsWith(path) ? url.slice(path.length) || '/' : '/nothing';
    const options = { host: '127.0.0.1', port: proxy.port, method, headers, path: inner };
    const outgoing = sendRequest(options, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    request.pipe(outgoing);
  });
  const proxy: PublicProxy = {
    url: `http://127.0.0.1:${await listen(http)}${path}`,
    port: 0,
    close() {
      http.close();
      http.closeAllConnections();
    },
  };
  return proxy;
}
