import { readFileSync } from 'node:fs';
import type { BenchDatabase } from '../../../bench/server.ts';
import { howdah } from '../howdah.ts';
import type { Fixtures } from './endpoint.ts';

/** Tokens by role, and that of a user of another tenant. */
export type Tokens = { roles: ReadonlyMap<string, string>; owner: string; neighbour: string };

/** Kinds of rows whose ids paths of REST have. */
const KINDS = [
  ...['agents', 'models', 'prompts', 'tools', 'workflows'],
  ...['mcp-servers', 'resources', 'alert-rules', 'webhooks'],
];

/** Creates a user and a token for each role and for an owner, and one of another tenant. */
export async function createTokens(
  { url, pool }: BenchDatabase,
  roles: readonly string[],
): Promise<Tokens> {
  const createToken = async (...argv: string[]): Promise<string> => {
    const { token } = await howdah<{ token: string }>(url, 'token', '--create', ...argv);
    return token;
  };
  const tokens = new Map<string, string>();
  for (const role of new Set([...roles, 'owner'])) {
    tokens.set(role, await createToken('--user', `hostile-${role}`, '--role', role));
  }
  await pool.query(`insert into howdah.tenants (slug, name) values ('neighbour', 'Neighbour')`);
  await pool.query(
    `update howdah.users set role = split_part(username, '-', 2)::howdah.user_role
     where username like 'hostile-%'`,
  );
  return {
    roles: tokens,
    owner: tokens.get('owner') ?? '',
    neighbour: await createToken('--tenant', 'neighbour', '--user', 'ada'),
  };
}

/** Creates one row of each kind, so that paths name rows that exist. */
export async function createFixtures(url: string, token: string): Promise<Fixtures> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const get = async (path: string) =>
    (await (await fetch(`${url}${path}`, { headers })).json()) as unknown;
  const post = async (path: string, body: object) => {
    const response = await fetch(`${url}${path}`, {
      ...{ method: 'POST', headers, body: JSON.stringify(body) },
    });
    return (await response.json()) as { id?: string; execution_id?: string };
  };
  const ids: Record<string, string> = { settings: 'max_depth' };
  const run = await post('/api/execute', { agent: 'development', message: 'hello', wait: 20 });
  ids.executions = run.execution_id ?? '';
  ids.sessions = (await post('/sessions', { agent: 'development' })).id ?? '';
  await post('/api/prompts', { name: 'hostile', template: 'x' });
  const members = [{ agent: 'development' }];
  await post('/api/workflows', { name: 'hostile', type: 'chain', members });
  for (const kind of KINDS) {
    const page = (await get(`/api/${kind}`)) as { id: string }[] | { items?: { id: string }[] };
    const [first] = Array.isArray(page) ? page : (page.items ?? []);
    if (first) ids[kind] = first.id;
  }
  return { agent: 'development', ids };
}

/** Finds the process id of the Postgres server, where it runs on this machine. */
export async function findPostmaster({ pool }: BenchDatabase): Promise<number | undefined> {
  const client = await pool.connect();
  try {
    const { rows } = await client.query('select pg_backend_pid() as pid');
    const status = readFileSync(`/proc/${rows[0].pid}/status`, 'utf8');
    return Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]);
  } catch {
    return undefined;
  } finally {
    client.release();
  }
}
