import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll } from 'vitest';
import type { ApiServer } from '../../src/api/server.ts';
import { putSecretOn, secretRowsOn } from '../../src/db/access/secrets.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { createMasterKeys } from '../../src/secrets/master-keys.ts';
import { createSecretWriter } from '../../src/secrets/writer.ts';
import { createEgress } from '../../src/tools/egress.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { startTestApi } from '../api/harness.ts';
import { eventually, type TestDatabase, testDatabase } from '../support/database.ts';
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../support/oauth/authorization-server.ts';
import { type ResourceServer, startResourceServer } from '../support/oauth/resource-server.ts';
import { startTestWorker } from '../support/worker.ts';

export const masterKeys = createMasterKeys({ keys: [randomBytes(32)], file: undefined });

export type OAuthFixture = {
  db: TestDatabase;
  server: AuthorizationServer;
  resource: ResourceServer;
  api: ApiServer;
  worker: Worker;
  /** The log lines of the API and the worker. */
  lines: string[];
  tenantId: string;
};

/**
 * Registers the fixture of a test file: both servers of OAuth, a database,
 * an API and a worker.
 */
export function setUpOAuthFixture(): OAuthFixture {
  const fixture = { db: testDatabase(), lines: [] as string[] } as OAuthFixture;
  beforeAll(async () => {
    fixture.server = await startAuthorizationServer();
    fixture.resource = await startResourceServer(fixture.server);
    const log = pino(
      { level: 'trace' },
      { write: (line: string) => void fixture.lines.push(line) },
    );
    const hosts = [fixture.server.issuer, fixture.resource.origin].map((url) => new URL(url).host);
    const egressAllow = [...hosts, hosts[0]?.replace('127.0.0.1', 'localhost') ?? ''];
    const egress = createEgress({ allowPrivate: egressAllow });
    fixture.api = await startTestApi(fixture.db.url, { masterKeys, egress, log });
    fixture.worker = await startTestWorker(fixture.db.url, { masterKeys, egressAllow, log });
    const { rows } = await fixture.db.pool.query('select howdah.current_tenant() as id');
    fixture.tenantId = rows[0].id;
  });
  afterAll(async () => {
    await fixture.worker?.stop(1_000);
    await fixture.api?.close();
    fixture.resource?.close();
    await fixture.server?.close();
  });
  return fixture;
}

/** Inserts an integration, by default for the MCP server of the fixture. */
export async function makeIntegration(
  { db, resource }: OAuthFixture,
  columns: JsonObject = {},
): Promise<{ id: string; name: string }> {
  const name = `c_${randomBytes(6).toString('hex')}`;
  const row = { name, resource_url: resource.url, ...columns };
  const names = Object.keys(row).join(', ');
  const { rows } = await db.pool.query(
    `insert into howdah.integrations (${names})
     select ${names} from jsonb_populate_record(null::howdah.integrations, $1) returning id, name`,
    [JSON.stringify(row)],
  );
  return rows[0];
}

export async function makeUser(
  { db }: OAuthFixture,
  username: string,
  role = 'member',
): Promise<string> {
  const { rows } = await db.pool.query(
    `insert into howdah.users (username, email, role) values ($1, $1 || '@example.com', $2) returning id`,
    [username, role],
  );
  return rows[0].id;
}

/** Returns a connection link for a user or the tenant, as created by the owner of the database. */
export async function createLink(
  { db }: OAuthFixture,
  integration: string,
  user?: string,
): Promise<string> {
  const { rows } = await db.pool.query('select howdah.connect_account($1, $2) as link', [
    integration,
    user ?? null,
  ]);
  return rows[0].link.authorization_url;
}

export async function accountOf(
  { db }: OAuthFixture,
  integration: string,
  userId: string | null = null,
) {
  const { rows } = await db.pool.query(
    `select a.* from howdah.connected_accounts as a join howdah.integrations as c on c.id = a.integration_id
     where c.name = $1 and a.user_id is not distinct from $2`,
    [integration, userId],
  );
  return rows[0];
}

/** Inserts an HTTP tool that calls the API of the fixture, and returns its name. */
export async function makeApiTool(
  { db, resource }: OAuthFixture,
  integration: string,
  url = `${resource.origin}/me`,
): Promise<string> {
  const name = `api_${randomBytes(6).toString('hex')}`;
  await db.pool.query(
    `insert into howdah.tools (name, kind, description, parameters, configuration, effect)
     values ($1, 'http', 'Asks.', '{"type": "object", "properties": {}}', $2, 'pure')`,
    [name, JSON.stringify({ url, integration })],
  );
  return name;
}

export async function storeSecret({ db, tenantId }: OAuthFixture, name: string, value: string) {
  const writer = createSecretWriter(secretRowsOn(db.pool), masterKeys);
  await writer.set(tenantId, name, value, putSecretOn(db.pool, tenantId));
}

/** Waits until the tokens of all ended accounts have been revoked at the servers. */
export const waitForRevocations = ({ db }: OAuthFixture) =>
  eventually(
    db.pool,
    'the tokens are revoked and deleted',
    `select where not exists (select from howdah_private.token_revocations)
       and not exists (select from graphile_worker.jobs where key like 'revocation %')`,
  );

/** Returns the version of the encrypted document of an account or integration. */
export async function versionOf({ db }: OAuthFixture, id: string): Promise<string | undefined> {
  const { rows } = await db.pool.query(
    'select version from howdah_private.sealed_documents where id = $1',
    [id],
  );
  return rows[0]?.version;
}

/** Inserts a run of a user. */
export async function runAs(
  { db }: OAuthFixture,
  agent: string,
  userId: string | null,
): Promise<string> {
  const { rows } = await db.pool.query(
    `insert into howdah.executions (agent_id, input, user_id) values ($1, 'go', $2) returning id`,
    [agent, userId],
  );
  return rows[0].id;
}
