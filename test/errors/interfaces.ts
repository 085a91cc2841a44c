import pg from 'pg';
import { ask } from '../api/harness.ts';
import { connect } from '../api/mcp/mcp-client.ts';
import { openWs } from '../api/ws/ws-client.ts';
import { runCli } from '../cli/run-cli.ts';
import { asPrinted, type ExampleServers, httpAnswer, json } from './example-servers.ts';

/** Example of a page for one interface: the request and its answer. */
export type Example = { code: string; via: string; request: string | null; response: string };

/**
 * Reads the examples of a page: request and answer under a heading for the interface, or without a
 * heading.
 */
export function examplesOf(code: string, text: string): Example[] {
  const [, examples = ''] = text.split(/^## Examples\n/m);
  return examples.split(/^### /m).flatMap((part) => {
    const via = part.slice(0, part.indexOf('\n')).trim();
    const blocks = [...part.matchAll(/^```\w*\n([\s\S]*?)^```/gm)].map(([, body = '']) => body);
    const response = blocks.at(-1);
    if (response === undefined) return [];
    return [{ code, via, request: blocks.length > 1 ? (blocks[0] ?? '') : null, response }];
  });
}

/** Sends the request of an example, and returns the response as a page shows it. */
export async function sendRequest(
  servers: ExampleServers,
  via: string,
  request: string,
): Promise<string> {
  const real = Object.entries(servers.names).reduce(
    (text, [name, value]) => text.replaceAll(name, value),
    request,
  );
  const send = interfaces[via];
  if (!send) throw new Error(`there is no interface ${via}`);
  return normalize(await send(servers, real.trim()), servers);
}

const interfaces: Readonly<
  Record<string, (servers: ExampleServers, request: string) => Promise<string>>
> = {
  SQL: (servers, request) => runInPsql(servers.db.url, request),
  async GraphQL({ api, locked }, request) {
    const [, token] = /^# Authorization: Bearer (\S+)\n/.exec(request) ?? [];
    const { errors } = await ask(token === undefined ? api : locked, request, {}, token);
    const { message, extensions } = errors[0] ?? {};
    return json({ message, extensions });
  },
  REST: sendHttpRequest,
  OpenAI: sendHttpRequest,
  A2A: sendHttpRequest,
  'AG-UI': sendHttpRequest,
  async MCP({ mcp, locked }, request) {
    const [, token, call = request] =
      /^Authorization: Bearer (\S+)\n\n([\s\S]*)/.exec(request) ?? [];
    const client = token === undefined ? mcp : await connect(locked, { token });
    try {
      const { _meta, ...result } = await client.callTool(JSON.parse(call));
      return json({ ...result, _meta: { 'howdah/error': _meta?.['howdah/error'] } });
    } finally {
      if (client !== mcp) await client.close();
    }
  },
  async WebSocket({ ws, locked }, request) {
    const messages = request.split('\n').map((line) => JSON.parse(line));
    const { id, ...message } = messages.at(-1);
    const client = messages.length === 1 ? ws : await openWs(locked);
    try {
      if (client !== ws) client.socket.send(JSON.stringify(messages[0]));
      // the connection is shared, so each request has its own id
      return json({ ...(await client.ask(message)), id });
    } finally {
      if (client !== ws) client.close();
    }
  },
  async 'Command line'({ db }, request) {
    const words = request.replace(/^npx howdah /, '').matchAll(/"([^"]*)"|(\S+)/g);
    const argv = [...words].map(([, quoted, word]) => quoted ?? word ?? '');
    return asPrinted(await runCli(db.url, ...argv));
  },
};

/** Formats an error as psql does with \set VERBOSITY verbose, without CONTEXT and LOCATION. */
async function runInPsql(url: string, statement: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
    return 'no error\n';
  } catch (error) {
    const { code, message, detail, hint } = error as pg.DatabaseError;
    return [
      `ERROR:  ${code}: ${message}`,
      ...(detail ? [`DETAIL:  ${detail}`] : []),
      ...(hint ? [`HINT:  ${hint}`] : []),
      '',
    ].join('\n');
  } finally {
    await client.end();
  }
}

/**
 * Sends an HTTP request. A request with a header Authorization goes to the server that requires a
 * login.
 */
async function sendHttpRequest({ api, locked }: ExampleServers, request: string): Promise<string> {
  const [head = '', body] = request.split('\n\n');
  const [first = '', ...lines] = head.split('\n');
  const [method = '', path = ''] = first.split(' ');
  const headers = lines.map((line): [string, string] => {
    const at = line.indexOf(': ');
    return [line.slice(0, at), line.slice(at + 2)];
  });
  const isLogin = headers.some(([name]) => name === 'Authorization');
  const response = await fetch(`${(isLogin ? locked : api).url}${path}`, {
    method,
    headers: {
      ...Object.fromEntries(headers),
      ...(body && { 'Content-Type': 'application/json' }),
    },
    ...(body && { body }),
  });
  const after = response.headers.get('retry-after');
  return httpAnswer(response.status, after, await response.json());
}

export const SOME_ID = '01a1f805-7e9f-729f-9dc6-14d018338ca2';

/** Replaces ids, times and addresses, which differ in each run, by constants. */
export function normalize(text: string, { names }: Pick<ExampleServers, 'names'>): string {
  return Object.entries(names)
    .reduce((result, [name, value]) => result.replaceAll(value, name), text)
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, SOME_ID)
    .replaceAll(/log entry [0-9a-f]{12}/g, 'log entry 5f0c2e1b9a34')
    .replaceAll(/"id": "[0-9a-f]{12}"/g, '"id": "5f0c2e1b9a34"')
    .replaceAll(
      /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:\d\d)?)?/g,
      '2026-12-01T00:00:00Z',
    )
    .replaceAll(
      /(retry_after_seconds\W+|(?:200 OK|429 Too Many Requests)\nRetry-After: )\d+/g,
      '$1777600',
    )
    .replaceAll(/\bport \d+/g, 'port 8000')
    .replaceAll(/\bPORT=[1-9]\d+/g, 'PORT=8001')
    .replaceAll(/(127\.0\.0\.1|localhost):(?!1\b|5432\b)\d+/g, 'models.example.com');
}
