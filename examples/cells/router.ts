import { existsSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pathToFileURL } from 'node:url';

// One address for many cells. A cell is a whole Howdah: a database, its APIs, its workers. A tenant lives in one of them, so a
// request is handed on, as it is, to the cell of the tenant that its token names. The token is not checked here: the cell does.
//
//   node examples/cells/router.ts cells.json      (PORT, HOST as for howdah; the file is read again when it changes)
//   {"cells": {"one": "http://127.0.0.1:8001"}, "tenants": {"01a1…": "one"}, "keys": {"hwd_0123456789ab": "one"}}

/** Which cells there are, and which tenant or API key (by its prefix) is at home in which. */
export type CellMap = {
  cells: Record<string, string>;
  tenants: Record<string, string>;
  keys?: Record<string, string>;
};

export type Router = { url: string; close(): Promise<void> };

/** Headers of one connection, not of the request. */
const OF_A_CONNECTION = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
];

/** Routes by what `map` gives at the moment of each request. */
export async function startRouter(
  map: () => CellMap,
  { host = '127.0.0.1', port = 0 } = {},
): Promise<Router> {
  const server = createServer((incoming, response) => {
    if (incoming.url === '/healthz') return answer(response, 200, 'The router is alive.');
    const home = cellOf(map(), incoming.headers.authorization);
    if (home === undefined) {
      return answer(response, 401, 'Send the token of a tenant: Authorization: Bearer ….');
    }
    handOn(home, incoming, response);
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

/** The address of the cell; undefined for nobody we know. */
export function cellOf(map: CellMap, authorization = ''): string | undefined {
  const [, credential = ''] = /^Bearer +(\S+)$/i.exec(authorization) ?? [];
  const tenant = tenantOf(credential);
  const cell =
    tenant === undefined
      ? Object.entries(map.keys ?? {}).find(([prefix]) => credential.startsWith(`${prefix}_`))?.[1]
      : map.tenants[tenant];
  return cell === undefined ? undefined : map.cells[cell];
}

/** As the token says it, true or not. */
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

/** Streams both ways, so that it holds no answer back. A cell that is away concerns its own tenants alone. */
function handOn(cell: string, incoming: IncomingMessage, response: ServerResponse): void {
  const { host: _host, ...headers } = incoming.headers;
  for (const name of OF_A_CONNECTION) delete headers[name];
  const outgoing = request(new URL(incoming.url ?? '/', cell), {
    method: incoming.method ?? 'GET',
    headers,
  });
  outgoing.once('response', (answered) => {
    const own = { ...answered.headers };
    for (const name of OF_A_CONNECTION) delete own[name];
    response.writeHead(answered.statusCode ?? 502, own);
    answered.pipe(response);
    answered.once('error', () => response.destroy());
  });
  outgoing.once('error', () => {
    if (response.headersSent) response.destroy();
    else answer(response, 503, 'The cell of this tenant does not answer. Try again in a moment.');
  });
  response.once('close', () => outgoing.destroy());
  incoming.pipe(outgoing);
}

function answer(response: ServerResponse, status: number, detail: string): void {
  if (status === 503) response.setHeader('retry-after', '1');
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ status, detail }));
}

/** The map in a file, read again when it has changed. */
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
  if (!existsSync(path)) throw new Error(`there is no ${path}: name the file with the cells`);
  const { url } = await startRouter(mapInFile(path), {
    host: process.env.HOST ?? '127.0.0.1',
    port: Number(process.env.PORT ?? 8000),
  });
  console.error(`The router listens at ${url}.`);
}
