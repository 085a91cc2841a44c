import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { parseJson } from '../../json/parse-json.ts';
import { PACKAGE_ROOT } from '../../package-root.ts';
import { PROBLEM_TYPE, problem } from '../errors/problem.ts';
import type { MountedClient } from '../http/loopback-guard.ts';
import { pathOf, shownPath } from '../http/path.ts';
import { consolePage, type EntryFiles, policyFor } from './console-page.ts';

/** The folder that `npm run build:pages` writes: `npm install` runs it in a checkout. */
const FOLDER = join(PACKAGE_ROOT, 'dist/pages/console');

/**
 * The places of the console. Each has its page by now, and paths below it are the console's as
 * well. Any other path keeps its answer: that of the API, or 404.
 */
const PLACES = [
  ...['/login', '/login/callback', '/runs', '/runs/*', '/inbox', '/inbox/*'],
  ...['/agents', '/agents/*', '/workflows', '/workflows/*', '/definitions/*'],
  ...['/chat', '/chat/*', '/playground', '/costs', '/system', '/system/*'],
  ...['/knowledge', '/knowledge/*'],
  ...['/quality', '/datasets', '/datasets/*', '/evaluations', '/evaluations/*'],
];

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
};
/** Names of built files: they contain a digest, so a file of a name never changes. */
const FILE = /^[\w-]+-[A-Z0-9]{8}\.(js|css)$/;
const FOR_EVER = 'public, max-age=31536000, immutable';
/** The compressed files that were sent, by name. The console has a few dozen files. */
const compressed = new Map<string, Promise<Buffer>>();

/**
 * Serves the console: its page at `/` and at its places, and its files at `/console/`. They need no
 * login, because they contain nothing about any user; what the page reads does.
 */
export function consoleRoutes(app: FastifyInstance): void {
  for (const path of ['/', ...PLACES]) app.get(path, sendPage);
  app.get('/console/:file', sendFile);
}

function sendPage(request: FastifyRequest, reply: FastifyReply) {
  const nonce = randomBytes(16).toString('base64');
  const page = consolePage({ files: readEntry(), root: rootOf(request), nonce });
  return reply
    .header('content-security-policy', policyFor(nonce))
    .type('text/html; charset=utf-8')
    .send(page);
}

/** Returns the names of the files that the page loads; undefined if the console is not built. */
function readEntry(): EntryFiles | undefined {
  const path = join(FOLDER, 'entry.json');
  return existsSync(path) ? parseJson<EntryFiles>(readFileSync(path, 'utf8')) : undefined;
}

/**
 * Returns the address of `/` as the browser sees it: below a mount its absolute path, since
 * `/howdah` may have no slash at the end; else the way up, which is right behind any proxy.
 */
function rootOf(request: FastifyRequest): string {
  const { mountPrefix } = request.socket as Partial<MountedClient>;
  if (mountPrefix) return `${mountPrefix}/`;
  const depth = pathOf(request.url).split('/').length - 2;
  return depth > 0 ? '../'.repeat(depth) : './';
}

async function sendFile(request: FastifyRequest, reply: FastifyReply) {
  const { file } = request.params as { file: string };
  const path = join(FOLDER, file);
  if (!FILE.test(file) || !existsSync(path)) {
    const detail = `${request.method} ${shownPath(request.url)} does not exist.`;
    return reply
      .code(404)
      .type(PROBLEM_TYPE)
      .send(problem(404, 'HWNTF', detail).body);
  }
  reply
    .header('cache-control', FOR_EVER)
    .header('vary', 'accept-encoding')
    .type(TYPES[extname(file)] ?? 'application/octet-stream');
  const takesGzip = /\bgzip\b/.test(String(request.headers['accept-encoding']));
  if (!takesGzip) return reply.send(await readFile(path));
  return reply.header('content-encoding', 'gzip').send(await compress(file, path));
}

function compress(file: string, path: string): Promise<Buffer> {
  const known = compressed.get(file);
  if (known) return known;
  const bytes = readFile(path).then(promisify(gzip));
  compressed.set(file, bytes);
  return bytes;
}
