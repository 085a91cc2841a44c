import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { PACKAGE_ROOT } from '../../package-root.ts';
import { sendProblem } from '../errors/problem.ts';
import { pathOf, shownPath } from '../http/path.ts';
import { nonceOf } from '../http/security-headers.ts';
import { firstOperation } from './first-operation.ts';

/** The folder that `npm run build:pages` writes: `npm install` runs it in a checkout. */
const FOLDER = join(PACKAGE_ROOT, 'dist/pages');
const PAGE = '/graphiql';
const FILES: Readonly<Record<string, { name: string; type: string }>> = {
  '/graphiql/page.js': { name: 'graphiql.js', type: 'text/javascript; charset=utf-8' },
  '/graphiql/page.css': { name: 'graphiql.css', type: 'text/css; charset=utf-8' },
};
const HTML = 'text/html; charset=utf-8';

/** Returns whether GraphiQL, or what a browser may take for a file of it, is at this path. */
export function isGraphiqlPath(path: string): boolean {
  return path === PAGE || path.startsWith(`${PAGE}/`);
}

/** Answers a request for GraphiQL or one of its files. */
export async function answerGraphiql(
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = pathOf(request.url);
  const file = FILES[path];
  if (path !== PAGE && !(file && existsSync(join(FOLDER, file.name)))) {
    const detail = `${request.method} ${shownPath(request.url)} does not exist.`;
    return sendProblem(response, 404, 'HWNTF', detail);
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return sendProblem(response, 405, 'HWINV', 'Allowed methods: GET, HEAD.');
  }
  if (file) return sendFile(request, response, file);
  const page = renderPage(request.url, nonceOf(request) ?? '');
  response.writeHead(200, { 'content-type': HTML, 'content-length': Buffer.byteLength(page) });
  response.end(request.method === 'HEAD' ? undefined : page);
}

/** Sends a file, or 304 to a browser that has it. */
async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  { name, type }: { name: string; type: string },
): Promise<void> {
  const bytes = await readFile(join(FOLDER, name));
  const etag = `"${createHash('sha256').update(bytes).digest('base64url')}"`;
  response.setHeader('etag', etag);
  response.setHeader('cache-control', 'no-cache');
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304).end();
    return;
  }
  response.writeHead(200, { 'content-type': type, 'content-length': bytes.length });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

/**
 * Returns the page. Its addresses are relative, since the API may be mounted below a path.
 */
function renderPage(url: string | undefined, nonce: string): string {
  const isBuilt = existsSync(join(FOLDER, 'graphiql.js'));
  const operation = JSON.stringify(firstOperation(url)).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GraphiQL · Howdah</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="graphiql/page.css">
</head>
<body>
<div id="graphiql">${isBuilt ? '' : 'GraphiQL is not built. Run <code>npm run build:pages</code> in the checkout, and reload this page.'}</div>
<script nonce="${nonce}" type="application/json" id="operation">${operation}</script>
<script nonce="${nonce}" type="module" src="graphiql/page.js"></script>
</body>
</html>
`;
}
