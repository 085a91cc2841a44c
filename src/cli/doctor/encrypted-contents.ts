import type { Pool } from '../../db/connection/pool.ts';
import type { Finding } from './finding.ts';

type Figures = {
  tenants: number;
  workers: number;
  workers_with_key: number;
  waiting: number;
  encrypted: number;
};

const FIGURES = `select
  (select count(*)::int from howdah.retention_policies as p where p.encrypt_contents) as tenants,
  count(*)::int as workers,
  (count(*) filter (where w.master_keys <> '{}'))::int as workers_with_key,
  (select count(*)::int from howdah_private.due_work as d where d.kind = 'encrypt_run') as waiting,
  (select count(distinct k.tenant_id)::int from howdah_private.data_keys as k where k.has_contents and (
    exists (select from howdah.retention_policies as p where p.tenant_id = k.tenant_id and p.encrypt_contents)
    or exists (select from howdah_private.due_work as d
      where d.kind = 'encrypt_run' and d.tenant_id = k.tenant_id)
  )) as encrypted
  from howdah_private.workers as w where w.heartbeat_at > clock_timestamp() - interval '10 seconds'`;

/**
 * Returns findings about the encryption of contents: none if no tenant wants it and no run is
 * encrypted or waits. Only workers that have a master key encrypt and decrypt.
 */
export async function contentsFindings(pool: Pool): Promise<Finding[]> {
  const { rows } = await pool.query<Figures>(FIGURES);
  const { tenants, workers, workers_with_key, waiting, encrypted } = rows[0] as Figures;
  const check = 'contents';
  const findings: Finding[] = [];
  if (encrypted > 0)
    findings.push({ check, ok: true, found: `tenants with encrypted runs: ${encrypted}` });
  if (waiting > 0) {
    const found = `${waiting} runs with their child runs wait for a worker to encrypt or decrypt them`;
    findings.push({ check, ok: true, found });
  }
  if ((tenants > 0 || waiting > 0) && workers_with_key === 0) {
    const without = workers > 0 ? 'no running worker has a master key' : 'no worker is running';
    findings.push({
      ...{ check, ok: workers === 0 },
      found:
        tenants > 0
          ? `encryption of contents is on for ${tenants} tenants, but ${without}`
          : `runs wait to be decrypted, but ${without}`,
      fix: 'Start a worker with HOWDAH_SECRET_KEY: howdah worker',
    });
  }
  return findings;
}
