import { readFile } from 'node:fs/promises';
import type { Config } from '../../config.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { type AuditedChain, type AuditedLogs, auditLogs } from '../../db/operations/audit.ts';
import { listCheckpoints } from '../../db/operations/audit-checkpoints.ts';
import { auditGaps } from '../../db/operations/audit-gaps.ts';
import {
  type Checkpoint,
  checkpointFile,
  checkpointKey,
  isGenuine,
  NOBODY,
  readCheckpoints,
} from '../../db/operations/signed-checkpoints.ts';
import type { Finding } from './finding.ts';

const RESTORE =
  'A superuser bypassed the triggers. Compare with an earlier backup, and do not change the database until the cause is known.';
const DELETED =
  'Howdah never deletes checkpoints. Check who has superuser rights, and compare with a backup. A worker that was killed during a write may have left one out; the next worker that starts adds it.';

/**
 * Checks every audit log, the checkpoints, and whether anything prevents rows from being written.
 * Used by `howdah doctor --audit`.
 */
export async function auditFindings(pool: Pool, config: Config): Promise<Finding[]> {
  const file = await fileCheckpoints(checkpointFile(config.home));
  const logs = await auditLogs(pool, file.checkpoints);
  return [
    ...logs.chains.map(chainFinding),
    await checkpointFinding(pool, config, file, logs),
    ...kinFindings(logs),
    ...goneFindings(logs),
    await gapFinding(pool),
  ];
}

function chainFinding({ tenant_id, slug, rows, checkpoint, broken }: AuditedChain): Finding {
  const tenant = slug ?? (tenant_id === NOBODY ? 'no tenant' : tenant_id);
  const about = { check: 'audit', ok: !broken, tenant, rows };
  const anchored = checkpoint === null ? 'no checkpoint yet' : `checkpoint at ${checkpoint}`;
  if (!broken) {
    return { ...about, found: `${tenant}: ${rows} rows, intact, ${anchored}` };
  }
  const found = `${tenant}: ${rows} rows, broken at ${broken.seq}: ${broken.found} (${broken.fault})`;
  const look = `Show the rows: select * from howdah.audit_log where tenant_id = '${tenant_id}' and seq >= ${Math.max(1, broken.seq - 1)} order by seq limit 3.`;
  return { ...about, found, fix: `${look} ${RESTORE}`, broken_at: broken.seq, fault: broken.fault };
}

type FileCheckpoints = { path: string; checkpoints: Checkpoint[]; unreadable: number };

async function fileCheckpoints(path: string): Promise<FileCheckpoints> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  return { path, ...readCheckpoints(text) };
}

/** Checks the signatures of all checkpoints. A forged checkpoint would let a rewritten log pass. */
async function checkpointFinding(
  pool: Pool,
  config: Config,
  file: FileCheckpoints,
  { chains, anchored }: AuditedLogs,
): Promise<Finding> {
  const stored = await listCheckpoints(pool);
  const { masterKeysOf } = await import('../../bootstrap.ts');
  const keys = (await masterKeysOf(config).readKeys()).map((one) => checkpointKey(one.key));
  const verdicts = [...stored, ...file.checkpoints].map((one) => isGenuine(one, keys));
  const forged = verdicts.filter((verdict) => verdict === false).length;
  const deleted = missingCheckpoints(anchored.ours, stored, chains);
  const [first] = deleted;
  const unproven = verdicts.filter((verdict) => verdict === undefined).length;
  const found = [
    `${stored.length} in the database, ${file.checkpoints.length} in ${file.path}`,
    ...(anchored.foreign.length > 0
      ? [`${anchored.foreign.length} in the file belong to another database`]
      : []),
    ...(file.unreadable > 0 ? [`${file.unreadable} lines of the file unreadable`] : []),
    ...(unproven > 0 ? [`${unproven} unsigned or signed with another key`] : []),
    ...(forged > 0 ? [`${forged} with a forged signature`] : []),
    ...(first
      ? [
          `${deleted.length} in the file are missing from the database, the first at row ${first.seq} of tenant ${first.tenant_id}`,
        ]
      : []),
  ].join(', ');
  if (forged > 0) return { check: 'checkpoints', ok: false, found, fix: RESTORE };
  return { check: 'checkpoints', ok: !first, found, ...(first && { fix: DELETED }) };
}

/**
 * Returns the checkpoints that were written to the file and are not in the database. A missing
 * tenant is a separate finding.
 */
function missingCheckpoints(
  written: Checkpoint[],
  stored: Checkpoint[],
  chains: AuditedChain[],
): Checkpoint[] {
  const name = ({ tenant_id, seq }: Checkpoint) => `${tenant_id} ${seq}`;
  const there = new Set(stored.map(name));
  const ours = new Set(chains.map(({ tenant_id }) => tenant_id));
  return [...new Map(written.map((one) => [name(one), one])).values()].filter(
    (one) => ours.has(one.tenant_id) && !there.has(name(one)),
  );
}

/** Reports checkpoints that another database with the same tenants wrote to the same file. */
function kinFindings({ anchored: { kin }, unlike }: AuditedLogs): Finding[] {
  const [first] = unlike;
  if (kin.length === 0) return [];
  const names = [...new Set(kin.map(({ database }) => database))].join(', ');
  const found = `${kin.length} in the file belong to another database with the same tenants (${names})`;
  if (!first)
    return [{ check: 'checkpoints', ok: true, found: `${found}, and also match this database` }];
  return [
    {
      check: 'checkpoints',
      ok: false,
      found: `${found}, and some do not match this database, the first at row ${first.seq} of tenant ${first.tenant_id}`,
      fix: `If one database is a copy of the other, give each its own HOWDAH_HOME, and keep in each file only the checkpoints of its database. If not, this database has replaced the other one. ${RESTORE}`,
    },
  ];
}

/** Reports tenants that are in the file and have left no trace in the database. */
function goneFindings({ anchored: { ours: checkpoints }, chains }: AuditedLogs): Finding[] {
  const ours = new Set([NOBODY, ...chains.map(({ tenant_id }) => tenant_id)]);
  const gone = new Map(
    checkpoints
      .filter(({ tenant_id }) => !ours.has(tenant_id))
      .map(({ tenant_id, seq }) => [tenant_id, seq]),
  );
  return [...gone].map(([tenant, seq]) => ({
    check: 'audit',
    ok: false,
    tenant,
    rows: 0,
    broken_at: 1,
    fault: 'truncated',
    found: `${tenant}: 0 rows, broken at 1: the tenant and all its rows are missing; a checkpoint in the file covers ${seq} rows (truncated)`,
    fix: RESTORE,
  }));
}

async function gapFinding(pool: Pool): Promise<Finding> {
  const { disarmed, triggerBypasses, unchained } = await auditGaps(pool);
  const faults = [
    ...(disarmed.length > 0 ? [`missing or disabled: ${disarmed.join(', ')}`] : []),
    ...(triggerBypasses.length > 0
      ? [
          `triggers do not fire because session_replication_role is set for: ${triggerBypasses.join(', ')}`,
        ]
      : []),
    ...(unchained > 0 ? [`${unchained} changes are missing from the log`] : []),
  ];
  const ok = faults.length === 0;
  return {
    check: 'triggers',
    ok,
    found: ok ? 'all exist and are enabled' : faults.join('; '),
    ...(ok
      ? {}
      : {
          fix: 'alter table … enable trigger …; for missing triggers: delete from howdah_private.applied_sql, then npx howdah migrate up',
        }),
  };
}
