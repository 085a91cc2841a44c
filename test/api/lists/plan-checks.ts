import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  buildSchema,
  type GraphQLEnumType,
  type GraphQLInputObjectType,
  isEnumType,
  isScalarType,
} from 'graphql';
import { afterAll, beforeAll, expect } from 'vitest';
import { restRoutes } from '../../../src/api/rest/rest-routes.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { migrateUp } from '../../../src/db/schema/migrate.ts';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import type { Db } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, startTestApi } from '../harness.ts';
import { type OpenStream, openStream } from '../rest/events.ts';
import { tokenFor, tokenOptions } from '../subscriptions/tokens.ts';
import { explainAs, type Plan, recordStatements, type Statement } from './explained.ts';
import { type KnownRows, makeLargeTenants, settleTables } from './large-tenants.ts';

/** A tenant of the test database: of 80 rows, 79 belong to the large one. */
export type Tenant = 'large' | 'small';
export const BOTH: Tenant[] = ['large', 'small'];

const ROLES = ['howdah_app', 'howdah_analyst'];
/** Most buffers of a list of 101 rows. Each row may be in another page, with its index entry. */
export const MAX_BUFFERS = 1_000;

/** What a list may read. */
type Most = { buffers?: number; rows?: number };

/**
 * Creates a database with 200,000 runs and an API on it, and returns how to send requests and to
 * check the plans of their statements as each role of tenants. `PLANS_TO=file` appends a line for
 * each plan to a file: buffers, rows read, role and test.
 */
export function planChecks<Known extends KnownRows>(
  knownOf: (db: Db, known: KnownRows) => Promise<Known>,
  prepare?: (db: Db) => Promise<unknown>,
) {
  const db = testDatabase({ violates: true }); // the history has no logs
  let tenants: Record<Tenant, Known>;
  let tokens: Record<Tenant, string>;
  let api: ApiServer;

  beforeAll(async () => {
    const made = await makeLargeTenants(db.pool);
    await prepare?.(db.pool);
    await migrateUp(db.url, migrateQueue); // completes the tags
    await settleTables(db.pool);
    tenants = {
      large: await knownOf(db.pool, made.large),
      small: await knownOf(db.pool, made.small),
    };
    api = await startTestApi(db.url, tokenOptions);
    const tokenOf = ({ tenant, user }: Known) =>
      tokenFor({ sub: user, tenant_id: tenant, user_id: user }, { role: 'owner' });
    tokens = { large: await tokenOf(tenants.large), small: await tokenOf(tenants.small) };
  }, 900_000);
  afterAll(() => api?.close());

  return {
    pool: () => db.pool,
    known: (tenant: Tenant) => tenants[tenant],

    /** Sends a GraphQL query, and returns its statements. */
    graphql: (tenant: Tenant, text: string, variables: object = {}) =>
      recordStatements(async () => {
        const { errors } = await ask(api, text, variables, tokens[tenant]);
        expect({ text, errors }).toEqual({ text, errors: [] });
      }),

    /** Gets a path, or opens a stream, and returns the statements. */
    rest: (tenant: Tenant, path: string) =>
      path.includes('/stream')
        ? openAndLeave(api, path, tokens[tenant])
        : recordStatements(async () => {
            const headers = { authorization: `Bearer ${tokens[tenant]}` };
            const response = await fetch(`${api.url}${path}`, { headers });
            expect(response.status, path).toBe(200);
            await response.text();
          }),

    /** Explains the statements of a request as each role, and checks their plans. */
    async expectIndexes(
      tenant: Tenant,
      request: (known: Known) => Promise<Statement[]>,
      { buffers = MAX_BUFFERS, rows = Number.POSITIVE_INFINITY }: Most = {},
      roles = ROLES,
    ): Promise<void> {
      const statements = await request(tenants[tenant]);
      expect(statements.length).toBeGreaterThan(0);
      for (const role of roles) {
        const plan = await explainAs(db.pool, role, tenants[tenant].tenant, statements);
        report(plan, role);
        expect({ role, scanned: plan.scanned }).toEqual({ role, scanned: [] });
        expect(plan.buffers, role).toBeLessThanOrEqual(buffers);
        expect(plan.rows, role).toBeLessThanOrEqual(rows);
      }
    },
  };
}

/** Streams of lists, which say when they have read everything. The log of steps does not. */
const LISTS = /^\/api\/(executions|questions|watched-rows)\/stream/;

/**
 * Opens a stream, which reads its rows before it answers, and returns the statements. Leaves a list
 * when it is synced: what a server reads later would be added to the statements of the next test.
 */
async function openAndLeave(api: ApiServer, path: string, token: string): Promise<Statement[]> {
  let stream: OpenStream | undefined;
  const statements = await recordStatements(async () => {
    stream = await openStream(api, path, { token });
    expect(stream.status, path).toBe(200);
  });
  if (LISTS.test(path)) await stream?.when(({ event }) => event === 'synced');
  stream?.close();
  await stream?.end;
  return statements;
}

function report({ buffers, rows }: Plan, role: string): void {
  const { PLANS_TO: file } = process.env;
  const { currentTestName } = expect.getState();
  if (file) appendFileSync(file, `${buffers} ${rows} ${role} ${currentTestName}\n`);
}

const schema = buildSchema(readFileSync(join(PACKAGE_ROOT, 'src/api/schema.graphql'), 'utf8'));

export const fieldsOf = (type: string) =>
  (schema.getType(type) as GraphQLInputObjectType).getFields();
export const ordersOf = (type: string) =>
  (schema.getType(type) as GraphQLEnumType).getValues().map(({ name }) => name);

/** Returns the filters of columns. Others are conditions on rows of other tables, and `not`. */
export const columnsOf = (type: string) =>
  Object.values(fieldsOf(type)).flatMap(({ name, type: of }) => {
    // a filter that compares a column; `agentExists` is a plain Boolean
    const compared = schema.getType(/(.*)Filter$/.exec(String(of))?.[1] ?? '');
    return isScalarType(compared) || isEnumType(compared) ? [name] : [];
  });

/** Returns the values of an enum type, or undefined for another type. */
export function valuesOf(type: string): string[] | undefined {
  const found = schema.getType(type);
  return isEnumType(found) ? found.getValues().map(({ name }) => name) : undefined;
}

/** Lists of the REST API, with the names of their filters. */
export const restLists = restRoutes.flatMap(({ method, path, query }) => {
  const parameters = Object.keys(query?.shape ?? {});
  const isList = method === 'GET' && parameters.some((name) => /^(limit|first|since)$/.test(name));
  const filters = parameters.filter((name) => !/^(limit|cursor|first|after|said)$/.test(name));
  return isList ? [{ path, filters }] : [];
});

/** Returns the name of a parameter of REST as a field of GraphQL. */
export const camel = (name: string) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

/** Returns the lists of the GraphQL API, by the type of their rows. */
export const listsOfGraphql = () =>
  Object.values(schema.getQueryType()?.getFields() ?? {}).flatMap(({ name, type }) => {
    const row = /^(\w+)Connection$/.exec(String(type))?.[1];
    return row !== undefined && schema.getType(`${row}Condition`)
      ? [{ field: name, type: row }]
      : [];
  });
