import {
  connectAccount,
  disconnectAccount,
} from '../../../operations/definitions/connected-accounts.ts';
import { connectedAccounts } from '../../../resources/definitions/connected-accounts.ts';
import { integrations } from '../../../resources/definitions/integrations.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import type { Route } from '../framework/route.ts';

/** Routes of integrations, and of the accounts that people connected for them. */
export const integrationRoutes: Route[] = [
  ...resourceRoutes(integrations),
  connectAccount,
  ...resourceRoutes(connectedAccounts),
  disconnectAccount,
];
