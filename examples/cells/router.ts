import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';

// One address for several cells. A cell is a complete installation of Howdah: a database with its
// APIs and workers. Each tenant belongs to one cell. The router forwards a request unchanged to the
// cell of the tenant in its token. It does not verify the token, since the cell does.
//
//   node examples/cells/router.ts cells.json
//
// PORT and HOST are those of howdah. The file is read again when it changes:
//
//   {"cells": {"one": "http://127.0.0.1:8001"}, "tenants": {"01a1…": "one"},
//    "keys": {"hwd_0123456789ab": "one"}}

/** The URLs of cells by name, and the cell of each tenant and of each API key, by its prefix. */
export type CellMap = {
  cells: Record<string, string>;
  tenants: Record<string, string>;
  keys?: Record<string, string>;
};

export type Router = { url: string; close(): Promise<void> };

/** Headers that belong to one connection, and are not forwarded. */
const HOP_BY_HOP_HEADERS = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
];

/** Starts a router. Calls `map` for each request. */
export async function startRouter(
  map: () => CellMap,
  { host = '127.0.0.1', port = 0 } = {},
): Promise<Router> {
  const server = createServer((incoming, response) => {
    if (incoming.url === '/healthz') return sendJson(response, 200, 'The router is alive.');
    const cell = cellOf(map(), incoming.headers.authorization);
    if (cell === undefined) {
      return sendJson(response, 401, 'Send the token of a tenant: Authorization: Bearer ….');
    }
    forward(cell, incoming, response);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, host, resolve);
  });
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Returns the URL of the cell for a request, or undefined if the tenant is unknown. */
export function cellOf(map: CellMap, authorization = ''): string | undefined {
  const [, credential = ''] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
  const tenant = tenantOf(credential);
  const cell =
    tenant === undefined
      ? Object.entries(map.keys ?? {}).find(([prefix]) => credential.startsWith(`${prefix}_`))?.[1]
      : map.tenants[tenant];
  return cell === undefined ? undefined : map.cells[cell];
}

/** Reads the tenant in a token, without verifying the signature. */
function tenantOf(token: string): string | undefined {
  const [, payload, signature] = token.split('.');
  if (payload === undefined || signature === undefined) return undefined;
  try {
    const { tenant_id } = JSON.parse(Buffer.from(payload, 'base64url').toString());
    return typeof tenant_id === 'string' ? tenant_id : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Forwards a request and its answer as streams, so that events arrive at once. An unreachable cell
 * affects only its own tenants.
 */
function forward(cell: string, incoming: IncomingMessage, response: ServerResponse): void {
  const { host: _host, ...headers } = incoming.headers;
  for (const name of HOP_BY_HOP_HEADERS) delete headers[name];
  const outgoing = request(new URL(incoming.url ?? '/', cell), {
    method: incoming.method ?? 'GET',
    headers,
  });
  outgoing.once('response', (answer) => {
    const answerHeaders = { ...answer.headers };
    for (const name of HOP_BY_HOP_HEADERS) delete answerHeaders[name];
    response.writeHead(answer.statusCode ?? 502, answerHeaders);
    answer.pipe(response);
    answer.once('error', () => response.destroy());
  });
  outgoing.once('error', () => {
    if (response.headersSent) response.destroy();
    else sendJson(response, 503, 'The cell of this tenant does not answer. Try again in a moment.');
  });
  response.once('close', () => outgoing.destroy());
  incoming.pipe(outgoing);
}

function sendJson(response: ServerResponse, status: number, detail: string): void {
  if (status === 503) response.setHeader('retry-after', '1');
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ status, detail }));
}

/** Returns a function that reads the map from a file, again only if the file has changed. */
export function mapInFile(path: string): () => CellMap {
  let changed = 0;
  let map: CellMap = { cells: {}, tenants: {} };
  return () => {
    const { mtimeMs } = statSync(path);
    if (mtimeMs !== changed) {
      map = JSON.parse(readFileSync(path, 'utf8'));
      changed = mtimeMs;
    }
    return map;
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , path = 'cells.json'] = process.argv;
  if (!existsSync(path)) throw new Error(`there is no file ${path}: name the file of the cells`);
  const { url } = await startRouter(mapInFile(path), {
    host: process.env.HOST ?? '127.0.0.1',
    port: Number(process.env.PORT ?? 8000),
  });
  console.error(`The router listens at ${url}.`);
}
