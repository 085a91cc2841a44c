import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { Howdah } from 'howdah';
import { isLoggedIn } from './login.ts';

const PAGE = readFileSync(new URL('../public/index.html', import.meta.url));

/**
 * Creates the server of the app: the page at `/`, and the API of Howdah at `/howdah`. A user with
 * the password may do everything. Without a password, only programs of this machine may call the
 * API.
 */
export function createApp(howdah: Howdah, password?: string): Server {
  const handler = howdah.handler({
    prefix: '/howdah',
    authenticate: () => (password ? { tenant: 'default' } : undefined),
  });
  return createServer((request, response) => {
    if (password && !isLoggedIn(request, password)) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="app"' }).end();
    } else if (request.url === '/') {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(PAGE);
    } else {
      handler(request, response, (error) => response.writeHead(error ? 500 : 404).end());
    }
  });
}
