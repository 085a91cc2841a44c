import { crudRoutes } from '../framework/crud-resource.ts';
import type { Route } from '../framework/route.ts';
import { apiKeyRoutes } from './api-keys.ts';
import { auditLogRoutes } from './audit-log.ts';
import { grants } from './grants.ts';
import { approvalRoutes, outputFilters, toolPolicies } from './guardrails.ts';
import { hookRoutes } from './hooks.ts';
import { limits } from './limits.ts';
import { retentionPolicies } from './retention.ts';
import { secretRoutes } from './secrets.ts';
import { userRoutes } from './users.ts';

/** Routes of what admins manage: people, keys, secrets, limits, guardrails and the audit log. */
export const administrationRoutes: Route[] = [
  ...userRoutes,
  ...crudRoutes(grants),
  ...apiKeyRoutes,
  ...secretRoutes,
  ...crudRoutes(limits),
  ...crudRoutes(outputFilters),
  ...crudRoutes(toolPolicies),
  ...approvalRoutes,
  ...crudRoutes(retentionPolicies),
  ...hookRoutes,
  ...auditLogRoutes,
];
