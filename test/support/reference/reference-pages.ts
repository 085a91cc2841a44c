import type { JsonObject } from '../../../src/json/json.ts';
import { commandsPage } from './commands-page.ts';
import { environmentPage } from './environment-page.ts';
import { graphqlPage } from './graphql-page.ts';
import type { ReferencePage } from './markdown.ts';
import { metricsPage } from './metrics-page.ts';
import { providersPage } from './providers-page.ts';
import { restPage } from './rest-page.ts';
import { sqlPages } from './sql-pages.ts';

/** The sources of the pages, besides the source code. */
export type ReferenceSources = {
  /** A freshly migrated database. */
  databaseUrl: string;
  /** The GraphQL schema in SDL. */
  sdl: string;
  /** The OpenAPI document of all endpoints. */
  openApi: JsonObject;
};

/** Renders the pages of docs/reference. */
export async function referencePages(sources: ReferenceSources): Promise<ReferencePage[]> {
  return [
    ...(await sqlPages(sources.databaseUrl)),
    graphqlPage(sources.sdl),
    restPage(sources.openApi),
    await commandsPage(),
    environmentPage(),
    await metricsPage(),
    providersPage(),
  ];
}
