import { createApiKey, revokeApiKey } from '../../../operations/administration/api-keys.ts';
import { apiKeys } from '../../../resources/administration/api-keys.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import type { Route } from '../framework/route.ts';

/** Routes of API keys. A key is revoked and not deleted, so that the log can name it. */
export const apiKeyRoutes: Route[] = [...resourceRoutes(apiKeys), createApiKey, revokeApiKey];
