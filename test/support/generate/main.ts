import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  bundledPackages,
  licencesPage,
  productionDependencies,
} from '../../../packaging/licences.ts';
import type { CommandEntry } from '../../../src/cli/command-entry.ts';
import { migrateUp } from '../../../src/db/schema/migrate.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { systemFileSchema } from '../../../src/systems/schema/file-schema.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import { catalogFunction, usualModelsFile } from '../catalog/catalog-function.ts';
import { sql, startInFolder, withDatabase } from '../server.ts';
import { clientOperations } from './client-operations.ts';
import { renderCommandMetadata } from './command-metadata.ts';
import { consoleOperations, readOperations } from './console-operations.ts';
import { enumLabels } from './enum-labels.ts';
import { keyColumns } from './key-columns.ts';
import { modelVendorsFunction } from './model-vendors.ts';
import { readResources, resourceCommands, resourceList } from './resource-lists.ts';
import { dumpSchema } from './schema-dump.ts';
import { sqlMessages } from './sql-messages.ts';
import { tableCatalog } from './table-catalog.ts';
import { triggerNames } from './trigger-names.ts';
import { writePermissions } from './write-permissions.ts';

// Writes the generated files from a freshly migrated database. With --check it only compares them.

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const check = process.argv.includes('--check');
// always the same major version, so that the files do not differ
const server = await startInFolder();
const name = `howdah_generate_${process.pid}`;
let stale = 0;
/** True if files were made with earlier lists, labels or comments, so all must be made again. */
let isStale = false;
// Written before the database is created, because the next two files are part of the database.
const systemSchema = systemFileSchema();
write('src/systems/agent-system.v1.json', `${JSON.stringify(systemSchema, null, 2)}\n`);
write('sql/10_private/agent_systems/agent_system_schema.sql', systemSchemaFunction(systemSchema));
write('sql/10_private/models/model_vendors.sql', modelVendorsFunction());
write('sql/10_private/models/model_catalog_document.sql', catalogFunction());
write('src/providers/catalog/usual-models.generated.ts', usualModelsFile());
const resources = await readResources(ROOT);
if (write('src/resources/all-resources.generated.ts', resourceList(resources))) isStale = true;
const commands = resourceCommands(resources, await ownCommands());
if (write('src/cli/resource-commands.generated.ts', commands)) isStale = true;
write('src/client/operations.generated.ts', clientOperations(await buildRestDocument()));
write('src/cli/help/command-metadata.generated.ts', await renderCommandMetadata());
try {
  await sql(server.url, `create database ${name}`);
  const url = withDatabase(server.url, name);
  await migrateUp(url, migrateQueue);
  const tables = resources.map(({ resource }) => resource.table).toSorted();
  if (write('src/contracts/enum-labels.generated.ts', await enumLabels(url))) isStale = true;
  write('src/contracts/write-permissions.generated.ts', await writePermissions(url));
  write('src/contracts/key-columns.generated.ts', await keyColumns(url));
  if (write('src/db/catalog.generated.ts', await tableCatalog(url, tables))) isStale = true;
  write('src/db/schema.generated.ts', kyselyTypes(url));
  const dump = await dumpSchema(url);
  write('sql/schema.sql', dump);
  write('src/db/triggers.generated.ts', triggerNames(dump));
  write('sql/messages.txt', await sqlMessages(url));
  const { printApiSchema } = await import('./print-schema.ts');
  const sdl = await printApiSchema(url);
  write('src/api/schema.graphql', sdl);
  const operations = consoleOperations(sdl, readOperations(join(ROOT, 'src/console')));
  write('src/console/server/operations.generated.ts', operations);
  // bundles the console, which needs its operations
  write('docs/licences.md', licencesPage(productionDependencies(), await bundledPackages()));
  const { description } = await import('../../../src/api/openapi-routes.ts');
  const { referencePages } = await import('../reference/reference-pages.ts');
  const sources = { databaseUrl: url, sdl, openApi: description };
  for (const { path, text } of await referencePages(sources)) write(`docs/reference/${path}`, text);
  write('docs/interfaces.md', await renderInterfaces(url, sdl));
} finally {
  await sql(server.url, `drop database if exists ${name} with (force)`);
  await server.stop();
}
process.exitCode = stale > 0 ? 1 : 0;
if (isStale && !check) {
  const again = spawnSync(process.execPath, process.argv.slice(1), { stdio: 'inherit' });
  process.exitCode = again.status ?? 1;
}

/** Writes a file, or with --check compares it. Returns whether it was different. */
function write(path: string, text: string): boolean {
  const file = join(ROOT, path);
  const isDifferent = !existsSync(file) || readFileSync(file, 'utf8') !== text;
  if (!check) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  } else if (isDifferent) {
    console.error(`${path} is not what its source gives: npm run generate, then commit it`);
    stale += 1;
  }
  return isDifferent;
}

/** Returns the commands that have files. */
async function ownCommands(): Promise<readonly CommandEntry[]> {
  const { allCommands } = await import('../../../src/cli/registry.ts');
  const generated = await import('../../../src/cli/resource-commands.generated.ts');
  const { adminResourceCommands, devResourceCommands } = generated;
  const made = [...adminResourceCommands, ...devResourceCommands];
  return allCommands.filter((entry) => !made.includes(entry));
}

/**
 * Renders the page of interfaces, after the files that describe the interfaces have been written.
 */
async function renderInterfaces(url: string, graphqlSdl: string): Promise<string> {
  const { createPool } = await import('../../../src/db/connection/pool.ts');
  const { readRegistries } = await import('../interfaces/registries.ts');
  const { interfacesPage } = await import('../interfaces/interfaces-page.ts');
  const pool = createPool({ url, applicationName: 'howdah-interfaces', max: 1 });
  try {
    return interfacesPage(await readRegistries(pool, graphqlSdl));
  } finally {
    await pool.end();
  }
}

/**
 * Returns the OpenAPI document of the REST routes only, with our names only: the types of the
 * client are made of it. Clients of OpenAI have their own types.
 */
async function buildRestDocument(): Promise<JsonObject> {
  const { openApi } = await import('../../../src/api/http/openapi.ts');
  const { restRoutes } = await import('../../../src/api/rest/rest-routes.ts');
  const routes = restRoutes.map(({ fieldAliases, queryAliases, ...route }) => route);
  return openApi({ routes });
}

function systemSchemaFunction(schema: unknown): string {
  return `-- The schema of agent system files. Generated from src/systems/schema/file-schema.ts.
create or replace function howdah_private.agent_system_schema() returns jsonb
  language sql immutable
  return $schema$${JSON.stringify(schema)}$schema$::jsonb;
`;
}

function kyselyTypes(url: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-generate-'));
  const out = join(folder, 'schema.ts');
  const bin = join(dirname(createRequire(import.meta.url).resolve('kysely-codegen')), 'cli/bin.js');
  const options = [
    '--dialect',
    'postgres',
    '--include-pattern',
    'howdah.*',
    '--default-schema',
    'howdah',
  ];
  const run = spawnSync(process.execPath, [bin, ...options, '--url', url, '--out-file', out], {
    encoding: 'utf8',
  });
  if (run.status !== 0) {
    throw new Error(`kysely-codegen: ${run.stderr || run.stdout}`);
  }
  const text = readFileSync(out, 'utf8');
  rmSync(folder, { recursive: true });
  // Comments of columns are in the catalogue, in migrations and in the GraphQL schema.
  return text.replace(/^ {2,}\/\*\*[\s\S]*?\*\/\n/gm, '');
}
