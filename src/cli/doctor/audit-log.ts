import { readFile } from 'node:fs/promises';
import type { Config } from '../../config.ts';
import {
  type Checkpoint,
  checkpointFile,
  checkpointKey,
  isGenuine,
  NOBODY,
  readCheckpoints,
} from '../../contracts/audit-checkpoint.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { type AuditedChain, type AuditedLogs, auditLogs } from '../../db/operations/audit.ts';
import { listCheckpoints } from '../../db/operations/audit-checkpoints.ts';
import { auditGaps } from '../../db/operations/audit-gaps.ts';

export type AuditFinding = {
  check: string;
  ok: boolean;
  found: string;
  fix?: string;
  tenant?: string;
  rows?: number;
  broken_at?: number;
  fault?: string;
};

const RESTORE =
  'Compare with a backup from before: somebody with the rights of a superuser wrote past the triggers. Keep the database as it is until that is known.';
const DELETED =
  'Nothing of ours deletes them: ask who has the rights of a superuser, and compare with a backup. A worker killed while it wrote one leaves it out, and the next that starts puts it in.';

/**
 * Checks every audit log, the checkpoints, and whether anything prevents rows from being written.
 * Used by `howdah doctor --audit`.
 */
export async function auditFindings(pool: Pool, config: Config): Promise<AuditFinding[]> {
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

function chainFinding({ tenant_id, slug, rows, checkpoint, broken }: AuditedChain): AuditFinding {
  const tenant = slug ?? (tenant_id === NOBODY ? 'no tenant' : tenant_id);
  const about = { check: 'audit', ok: !broken, tenant, rows };
  const anchored = checkpoint === null ? 'no checkpoint yet' : `checkpoint at ${checkpoint}`;
  if (!broken) {
    return { ...about, found: `${tenant}: ${rows} rows, unbroken, ${anchored}` };
  }
  const found = `${tenant}: ${rows} rows, broken at ${broken.seq}: ${broken.found} (${broken.fault})`;
  const look = `Look: select * from howdah.audit_log where tenant_id = '${tenant_id}' and seq >= ${Math.max(1, broken.seq - 1)} order by seq limit 3.`;
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
): Promise<AuditFinding> {
  const stored = await listCheckpoints(pool);
  const { masterKeysOf } = await import('../../bootstrap.ts');
  const keys = (await masterKeysOf(config).known()).map((one) => checkpointKey(one.key));
  const verdicts = [...stored, ...file.checkpoints].map((one) => isGenuine(one, keys));
  const forged = verdicts.filter((verdict) => verdict === false).length;
  const deleted = missingCheckpoints(anchored.ours, stored, chains);
  const [first] = deleted;
  const unproven = verdicts.filter((verdict) => verdict === undefined).length;
  const found = [
    `${stored.length} in the database, ${file.checkpoints.length} in ${file.path}`,
    ...(anchored.strangers.length > 0
      ? [`${anchored.strangers.length} of the file are of another database`]
      : []),
    ...(file.unreadable > 0 ? [`${file.unreadable} lines of it unreadable`] : []),
    ...(unproven > 0 ? [`${unproven} unsigned or signed with another key`] : []),
    ...(forged > 0 ? [`${forged} with a signature that is not ours`] : []),
    ...(first
      ? [
          `${deleted.length} of the file are gone from the database, the first at row ${first.seq} of tenant ${first.tenant_id}`,
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
function kinFindings({ anchored: { kin }, unlike }: AuditedLogs): AuditFinding[] {
  const [first] = unlike;
  if (kin.length === 0) return [];
  const names = [...new Set(kin.map(({ database }) => database))].join(', ');
  const found = `${kin.length} of the file are of another database with the same tenants (${names})`;
  if (!first) return [{ check: 'checkpoints', ok: true, found: `${found}, and hold here too` }];
  return [
    {
      check: 'checkpoints',
      ok: false,
      found: `${found}, and some do not hold here, the first at row ${first.seq} of tenant ${first.tenant_id}`,
      fix: `If one is a copy of the other, give each a HOWDAH_HOME of its own and leave in its file what its database wrote. If not, this one was put in the place of that one. ${RESTORE}`,
    },
  ];
}

/** Reports tenants that are in the file and have left no trace in the database. */
function goneFindings({ anchored: { ours: checkpoints }, chains }: AuditedLogs): AuditFinding[] {
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
    found: `${tenant}: 0 rows, broken at 1: the tenant and all its rows are gone, ${seq} by a checkpoint in the file (truncated)`,
    fix: RESTORE,
  }));
}

async function gapFinding(pool: Pool): Promise<AuditFinding> {
  const { disarmed, replicas, unchained } = await auditGaps(pool);
  const faults = [
    ...(disarmed.length > 0 ? [`gone or switched off: ${disarmed.join(', ')}`] : []),
    ...(replicas.length > 0
      ? [`sessions fire none: session_replication_role of ${replicas.join(', ')}`]
      : []),
    ...(unchained > 0 ? [`${unchained} changes that never reached the log`] : []),
  ];
  const ok = faults.length === 0;
  return {
    check: 'triggers',
    ok,
    found: ok ? 'all are there and fire' : faults.join('; '),
    ...(ok
      ? {}
      : {
          fix: 'alter table … enable trigger …; those that are gone: delete from howdah_private.applied_sql, then npx howdah migrate up',
        }),
  };
}
