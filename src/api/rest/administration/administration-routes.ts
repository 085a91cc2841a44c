import { listAuditLog } from '../../../operations/administration/audit-log.ts';
import type { Route } from '../framework/route.ts';
import { apiKeyRoutes } from './api-keys.ts';
import { secretRoutes } from './secrets.ts';
import { userRoutes } from './users.ts';

/** Routes of people, keys, secrets and the audit log. */
export const administrationRoutes: Route[] = [
  ...userRoutes,
  ...apiKeyRoutes,
  ...secretRoutes,
  listAuditLog,
];
