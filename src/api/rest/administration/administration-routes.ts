import { approvals } from '../../../resources/administration/approvals.ts';
import { grants } from '../../../resources/administration/grants.ts';
import { hooks } from '../../../resources/administration/hooks.ts';
import { limits } from '../../../resources/administration/limits.ts';
import { outputFilters } from '../../../resources/administration/output-filters.ts';
import { retentionPolicies } from '../../../resources/administration/retention-policies.ts';
import { toolPolicies } from '../../../resources/administration/tool-policies.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import type { Route } from '../framework/route.ts';
import { apiKeyRoutes } from './api-keys.ts';
import { auditLogRoutes } from './audit-log.ts';
import { secretRoutes } from './secrets.ts';
import { userRoutes } from './users.ts';

/** Routes of what admins manage: people, keys, secrets, limits, guardrails and the audit log. */
export const administrationRoutes: Route[] = [
  ...userRoutes,
  ...resourceRoutes(grants),
  ...apiKeyRoutes,
  ...secretRoutes,
  ...resourceRoutes(limits),
  ...resourceRoutes(outputFilters),
  ...resourceRoutes(toolPolicies),
  ...resourceRoutes(approvals),
  ...resourceRoutes(retentionPolicies),
  ...resourceRoutes(hooks),
  ...auditLogRoutes,
];
