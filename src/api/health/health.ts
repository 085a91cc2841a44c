import type { FastifyInstance } from 'fastify';
import type { Pool } from '../../db/connection/pool.ts';
import type { Check, Readiness } from '../../telemetry/readiness.ts';
import { problem } from '../errors/problem.ts';
import { healthPath, readinessPath } from './health-paths.ts';

/**
 * Serves `/healthz` and `/readyz`. `/healthz` reports that the process is alive. `/readyz` reports
 * whether requests will work, and if not, why. Workers are not checked: without a worker, runs wait
 * and everything else works.
 */
export function healthRoutes(app: FastifyInstance, readiness: Readiness): void {
  app.get(healthPath.path, async () => ({ status: 'ok' }));
  app.get(readinessPath.path, async (_request, reply) => {
    const { status, headers, body } = readinessAnswer(await readiness.checks());
    return reply.code(status).headers(headers).send(body);
  });
}

/** Returns 200 with the checks, or 503 as a problem that says what failed. */
export function readinessAnswer(checks: readonly Check[]): {
  status: number;
  headers: Record<string, string>;
  body: string;
} {
  const failed = checks.filter(({ ok }) => !ok);
  const uncached = { 'cache-control': 'no-store' };
  if (failed.length === 0) {
    const headers = { 'content-type': 'application/json; charset=utf-8', ...uncached };
    return { status: 200, headers, body: JSON.stringify({ status: 'ready', checks }) };
  }
  const code = failed.every(({ name }) => name === 'schema') ? 'HWCNF' : 'EUNREACHABLE';
  const detail = failed.flatMap(({ reason }) => reason ?? []).join(' ');
  const { headers, body } = problem(503, code, detail, { checks });
  return { status: 503, headers: { ...headers, ...uncached }, body };
}

/** Returns whether the schema of Howdah exists. */
export async function isMigrated(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query(
    `select to_regclass('howdah.tenants') is not null
       and to_regclass('howdah_private.applied_sql') is not null as migrated`,
  );
  return rows[0].migrated;
}
