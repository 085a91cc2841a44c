import type { Config } from '../../../config.ts';
import { analyze, type RestoredState, restoredState } from '../../../db/backup/restored-state.ts';
import type { Pool } from '../../../db/connection/pool.ts';
import { verifyAudit } from '../../../db/operations/audit.ts';
import { listViolations, queriesOn } from '../../../db/queries/queries.ts';
import { ensurePartitions } from '../../../db/worker/maintenance.ts';
import type { Finding } from '../finding.ts';
import { checkSecrets } from '../secrets.ts';
import { isolationFinding } from '../tenant-isolation.ts';
import { searchPathFinding } from './search-path.ts';

/** The output of `howdah admin restore`. */
export type RestoreReport = {
  file: string;
  seconds: number;
  server: string;
  createdAt: string;
  pg_restore: string | null;
  migrated: string[];
  paused: boolean;
  live_runs: Record<string, number>;
  counts: Record<string, number>;
  findings: Finding[];
};

/** Prepares a database that was just restored for work, and checks all of it. */
export async function settleRestored(
  pool: Pool,
  config: Config,
): Promise<Pick<RestoreReport, 'live_runs' | 'counts' | 'findings'>> {
  await ensurePartitions(pool);
  await analyze(pool);
  const state = await restoredState(pool);
  const { live_runs, missing_logins, unwatched_tables, missing_functions, ...counts } = state;
  return {
    live_runs,
    counts,
    findings: [
      await promises(pool),
      await audit(pool),
      await secrets(pool, config),
      ...missing(state),
      await isolationFinding(pool),
      await searchPathFinding(pool),
    ],
  };
}

async function promises(pool: Pool): Promise<Finding> {
  const broken = await listViolations(queriesOn(pool));
  const [first] = broken;
  return first === undefined
    ? { check: 'guarantees', ok: true, found: 'none violated' }
    : {
        check: 'guarantees',
        ok: false,
        found: `${broken.length} violations, the first: ${first.rule} ${first.detail}`,
        fix: 'select * from howdah.violations',
      };
}

/** Checks only the chains. Checkpoints in a file of this machine may be newer than the backup. */
async function audit(pool: Pool): Promise<Finding> {
  const chains = await verifyAudit(pool);
  const broken = chains.flatMap(({ tenant_id, slug, broken: fault }) =>
    fault ? [`${slug ?? tenant_id} at ${fault.seq}: ${fault.found}`] : [],
  );
  const rows = chains.reduce((sum, chain) => sum + chain.rows, 0);
  return broken.length === 0
    ? { check: 'audit', ok: true, found: `${rows} rows of ${chains.length} logs, intact`, rows }
    : { check: 'audit', ok: false, found: broken.join('; '), fix: 'howdah doctor --audit', rows };
}

async function secrets(pool: Pool, config: Config): Promise<Finding> {
  const { isEmpty, found, fault } = await checkSecrets(pool, config);
  if (fault === undefined) {
    return { check: 'secrets', ok: true, found: isEmpty ? found : `${found}, which is available` };
  }
  return {
    ...{ check: 'secrets', ok: false, found: `${found}, which is not available` },
    fix: 'A backup contains no master key. Set HOWDAH_SECRET_KEY to the key of the original installation. If it is not set there, use its HOWDAH_HOME/secret.key.',
  };
}

/** Reports what belongs to the installation and was not in the file. */
function missing(state: RestoredState): Finding[] {
  const finding = (check: string, names: string[], what: string, fix: string): Finding[] =>
    names.length === 0 ? [] : [{ check, ok: false, found: `${what}: ${names.join(', ')}`, fix }];
  return [
    ...finding(
      'logins',
      state.missing_logins,
      'bound to a tenant, but missing on this server',
      'Create them, and grant each howdah_app, howdah_viewer to read, or howdah_inserter to insert runs. Their rows in howdah_private.login_tenants are restored.',
    ),
    ...finding(
      'tables',
      state.unwatched_tables,
      'watched, but missing or not watched in this database',
      'Restore a backup with all schemas (howdah admin backup --all), or create the tables and call howdah.watch_table or howdah.watch_knowledge again.',
    ),
    ...finding(
      'functions',
      state.missing_functions,
      'called by tools, but missing in this database',
      'Restore a backup with all schemas (howdah admin backup --all), or create the functions again.',
    ),
  ];
}
