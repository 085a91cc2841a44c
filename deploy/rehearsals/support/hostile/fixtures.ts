import { readFileSync } from 'node:fs';
import type { BenchDatabase } from '../../../../bench/server.ts';
import type { JsonObject } from '../../../../src/json/json.ts';
import { runHowdah } from '../run-howdah.ts';
import type { Fixtures } from './endpoint.ts';

/** Tokens by role, and that of a user of another tenant. */
export type Tokens = { roles: ReadonlyMap<string, string>; owner: string; neighbour: string };

/** Rows that paths of REST name. Hostile bodies change them, so runs and logins need none. */
const ROWS: Record<string, JsonObject> = {
  agents: { name: 'hostile' },
  models: { name: 'hostile', provider: 'local', model: 'local' },
  prompts: { name: 'hostile', template: 'x' },
  tools: { name: 'hostile', kind: 'http', configuration: { url: 'https://example.com/x' } },
  workflows: { name: 'hostile', type: 'chain', members: [{ agent: 'development' }] },
  'mcp-servers': { name: 'hostile', type: 'http', configuration: { url: 'https://example.com' } },
  resources: { name: 'hostile', type: 'text/plain', content: 'x' },
  'alert-rules': { name: 'hostile', query: 'select 1', is_active: false },
  webhooks: { url: 'https://example.com/x', is_active: false },
};

/** Creates a user and a token for each role and for an owner, and one of another tenant. */
export async function createTokens(
  { url, pool }: BenchDatabase,
  roles: readonly string[],
): Promise<Tokens> {
  const createToken = async (...argv: string[]): Promise<string> => {
    const { token } = await runHowdah<{ token: string }>(url, 'token', '--create', ...argv);
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
  const post = async (path: string, body: JsonObject, key = 'id'): Promise<string> => {
    const response = await fetch(`${url}${path}`, {
      ...{ method: 'POST', headers, body: JSON.stringify(body) },
    });
    const text = await response.text();
    const id = (JSON.parse(text) as Record<string, string | undefined>)[key];
    if (id === undefined) throw new Error(`POST ${path} created no row: ${text}`);
    return id;
  };
  const run = { agent: 'development', message: 'hello' };
  const ids: Record<string, string> = {
    settings: 'max_depth',
    executions: await post('/api/execute', run, 'execution_id'),
    sessions: await post('/sessions', { agent: 'development' }),
  };
  for (const [kind, row] of Object.entries(ROWS)) ids[kind] = await post(`/api/${kind}`, row);
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
