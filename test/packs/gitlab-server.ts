import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { JsonObject } from '../../src/json/json.ts';

type Action = { action: string; file_path: string; content?: string };
type Answer = [status: number, body: unknown];

type Route = [RegExp, (query: URLSearchParams, body: JsonObject, part: string) => Answer];
/** Files by path, by branch. */
type Branches = Map<string, Map<string, string>>;

/**
 * Starts a server with the part of GitLab's REST API that the pack calls, with one project
 * `acme/shop` in memory. A project and a path are one segment of a URL each, as on GitLab. Requests
 * without the token get 401.
 */
export async function startGitLab(token: string) {
  const branches: Branches = new Map([['main', new Map([['docs/read me.md', '# Shop\n']])]]);
  const requests: JsonObject[] = [];
  const calls: string[] = [];
  const routes = projectRoutes(branches, requests);
  const server = createServer(async (incoming, response) => {
    const { pathname, searchParams } = new URL(incoming.url ?? '/', 'http://gitlab');
    const call = `${incoming.method} ${pathname.replace('/api/v4/projects/acme%2Fshop', '')}`;
    calls.push(call);
    const body = await text(incoming);
    const route = routes.find(([pattern]) => pattern.test(call));
    const isKnown = incoming.headers.authorization === `Bearer ${token}`;
    const [, part = ''] = route?.[0].exec(call) ?? [];
    const [status, answer] = !isKnown
      ? ([401, { message: '401 Unauthorized' }] as Answer)
      : (route?.[1](searchParams, body === '' ? {} : JSON.parse(body), part) ??
        notFound('Project'));
    const isText = typeof answer === 'string';
    response.writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json' });
    response.end(isText ? answer : JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    requests,
    fileOn: (branch: string, path: string) => branches.get(branch)?.get(path),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const notFound = (kind: string): Answer => [404, { message: `404 ${kind} Not Found` }];

function projectRoutes(branches: Branches, requests: JsonObject[]): Route[] {
  return [
    [
      /^GET \/repository\/tree$/,
      (query) => {
        const files = branches.get(query.get('ref') ?? 'main');
        return files
          ? [200, [...files.keys()].map((path) => ({ path, type: 'blob' }))]
          : notFound('Tree');
      },
    ],
    [
      /^GET \/repository\/files\/([^/]+)\/raw$/,
      (query, _, path) => {
        const content = branches.get(query.get('ref') ?? '')?.get(decodeURIComponent(path));
        return content === undefined ? notFound('File') : [200, content];
      },
    ],
    [
      /^POST \/repository\/commits$/,
      (_, { branch, start_branch, actions }) => {
        const from = branches.get(String(start_branch ?? branch));
        if (!from) return [400, { message: 'You can only create or edit files on a branch' }];
        const files = new Map(from);
        for (const { action, file_path, content = '' } of actions as Action[]) {
          if (action === 'create' && files.has(file_path)) {
            return [400, { message: 'A file with this name already exists' }];
          }
          files.set(file_path, content);
        }
        branches.set(String(branch), files);
        return [201, { id: 'c0ffee', short_id: 'c0ffee' }];
      },
    ],
    [
      /^POST \/merge_requests$/,
      (_, body) => {
        requests.push(body);
        return [201, { iid: requests.length, state: 'opened' }];
      },
    ],
    [
      /^GET \/pipelines$/,
      (query) => [200, [{ id: 7, ref: query.get('ref'), status: query.get('status') ?? 'failed' }]],
    ],
    [/^GET \/pipelines\/7\/jobs$/, () => [200, [{ id: 71, name: 'test', status: 'failed' }]]],
    [/^GET \/jobs\/71\/trace$/, () => [200, 'expected 1, got 2']],
    [/^POST \/pipeline$/, (_, { ref }) => [201, { id: 8, ref, status: 'created' }]],
  ];
}
