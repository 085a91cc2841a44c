import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { JsonObject } from '../../src/json/json.ts';

type Tree = Map<string, string>;
type Commit = { tree: string; message: string; parents: string[] };
export type Pull = { title: string; head: string; base: string; number: number };

type Route = [RegExp, (body: JsonObject, ...parts: string[]) => [status: number, body: unknown]];

/**
 * Starts a server with the part of GitHub's REST API that the pack calls. Repositories are in
 * memory, and objects are named by their digests, so that tests can read commits. Requests without
 * the token get 401, as on GitHub.
 */
export async function startGitHub(token: string) {
  const repository = createRepository();
  const pulls: Pull[] = [];
  const calls: string[] = [];
  const routes = [...readingRoutes(repository), ...writingRoutes(repository), pullRoute(pulls)];
  const server = createServer(async (incoming, response) => {
    const call = `${incoming.method} ${incoming.url}`;
    calls.push(call);
    const body = await text(incoming);
    const route = routes.find(([pattern]) => pattern.test(call));
    const isKnown =
      incoming.headers.authorization === `Bearer ${token}` &&
      incoming.headers['x-github-api-version'];
    const [status, answer] = !isKnown
      ? [401, { message: 'Bad credentials' }]
      : route
        ? route[1](body === '' ? {} : JSON.parse(body), ...(route[0].exec(call)?.slice(1) ?? []))
        : [404, { message: 'Not Found' }];
    const isText = typeof answer === 'string';
    response.writeHead(status as number, {
      'content-type': isText ? 'text/plain' : 'application/json',
    });
    response.end(isText ? answer : JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    pulls,
    fileOn: (branch: string, path: string) => repository.filesOf(branch)?.get(path),
    headOf: (branch: string) => repository.branches.get(branch) ?? '',
    treeOf: (branch: string) =>
      repository.commits.get(repository.branches.get(branch) ?? '')?.tree ?? '',
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

type Repository = ReturnType<typeof createRepository>;

/** Creates the repository `acme/shop` with one commit on the branch `main`. */
function createRepository() {
  const trees = new Map<string, Tree>();
  const commits = new Map<string, Commit>();
  const branches = new Map<string, string>();
  const digest = (value: unknown) => createHash('sha1').update(JSON.stringify(value)).digest('hex');
  const addTree = (tree: Tree) => {
    const sha = digest([...tree]);
    trees.set(sha, tree);
    return sha;
  };
  const addCommit = (commit: Commit) => {
    const sha = digest(commit);
    commits.set(sha, commit);
    return sha;
  };
  const first = addTree(new Map([['README.md', '# Shop\n']]));
  branches.set('main', addCommit({ tree: first, message: 'Begin', parents: [] }));

  const filesOf = (ref: string): Tree | undefined => {
    const commit = commits.get(branches.get(ref) ?? ref);
    return commit && trees.get(commit.tree);
  };
  return { trees, commits, branches, addTree, addCommit, filesOf };
}

function readingRoutes({ branches, commits, filesOf }: Repository): Route[] {
  return [
    [
      /^GET \/repos\/acme\/shop\/branches\/(.+)$/,
      (_, name) => {
        const sha = branches.get(decodeURIComponent(name)) ?? '';
        const commit = commits.get(sha);
        return commit
          ? [200, { name, commit: { sha, commit: { tree: { sha: commit.tree } } } }]
          : [404, { message: 'Branch not found' }];
      },
    ],
    [
      /^GET \/repos\/acme\/shop\/git\/trees\/([^?]+)/,
      (_, ref) => [200, { tree: [...(filesOf(ref)?.keys() ?? [])].map((path) => ({ path })) }],
    ],
    [
      /^GET \/repos\/acme\/shop\/contents\/([^?]+)(?:\?ref=(.*))?$/,
      (_, path, ref = 'main') => {
        const content = filesOf(ref)?.get(path);
        return content === undefined ? [404, { message: 'Not Found' }] : [200, content];
      },
    ],
  ];
}

function writingRoutes(repository: Repository): Route[] {
  const { trees, commits, branches, addTree, addCommit } = repository;
  return [
    [
      /^POST \/user\/repos$/,
      (body) => [201, { full_name: `acme/${body.name}`, private: body.private }],
    ],
    [
      /^POST \/repos\/acme\/shop\/git\/refs$/,
      ({ ref, sha }) => {
        const name = String(ref).replace('refs/heads/', '');
        if (branches.has(name)) return [422, { message: 'Reference already exists' }];
        branches.set(name, String(sha));
        return [201, { ref }];
      },
    ],
    [
      /^POST \/repos\/acme\/shop\/git\/trees$/,
      ({ base_tree, tree }) => {
        const files = new Map(trees.get(String(base_tree)));
        for (const { path, content } of tree as { path: string; content: string }[])
          files.set(path, content);
        return [201, { sha: addTree(files) }];
      },
    ],
    [
      /^POST \/repos\/acme\/shop\/git\/commits$/,
      ({ tree, message, parents }) => [
        201,
        {
          sha: addCommit({
            tree: String(tree),
            message: String(message),
            parents: parents as string[],
          }),
        },
      ],
    ],
    [
      /^PATCH \/repos\/acme\/shop\/git\/refs\/heads\/(.+)$/,
      ({ sha }, name) => {
        const follows = commits.get(String(sha))?.parents.includes(branches.get(name) ?? '');
        if (!follows) return [422, { message: 'Update is not a fast forward' }];
        branches.set(name, String(sha));
        return [200, { object: { sha } }];
      },
    ],
  ];
}

function pullRoute(pulls: Pull[]): Route {
  return [
    /^POST \/repos\/acme\/shop\/pulls$/,
    ({ title, head, base }) => {
      pulls.push({
        title: String(title),
        head: String(head),
        base: String(base),
        number: pulls.length + 1,
      });
      return [
        201,
        { number: pulls.length, html_url: `https://github.com/acme/shop/pull/${pulls.length}` },
      ];
    },
  ];
}
