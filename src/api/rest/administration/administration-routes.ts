import { checkAuditLog, listAuditLog } from '../../../operations/administration/audit-log.ts';
import {
  listBatchJobs,
  pauseBatchJobs,
  resumeBatchJobs,
} from '../../../operations/administration/batch-jobs.ts';
import { listViolations, showQueue } from '../../../operations/administration/queue.ts';
import type { Route } from '../framework/route.ts';
import { apiKeyRoutes } from './api-keys.ts';
import { secretRoutes } from './secrets.ts';
import { runSqlQuery } from './sql-query.ts';
import { userRoutes } from './users.ts';

/** Routes of people, keys and secrets, and of what an administrator watches. */
export const administrationRoutes: Route[] = [
  ...userRoutes,
  ...apiKeyRoutes,
  ...secretRoutes,
  listAuditLog,
  checkAuditLog,
  showQueue,
  listViolations,
  listBatchJobs,
  pauseBatchJobs,
  resumeBatchJobs,
  runSqlQuery,
];
