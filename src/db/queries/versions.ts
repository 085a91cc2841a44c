import type { Json } from '../../json/json.ts';
import type { Pool } from '../connection/pool.ts';

/** The kinds of objects that have versions. */
export const versionedKinds = ['agent', 'workflow', 'prompt', 'skill'] as const;
export type VersionedKind = (typeof versionedKinds)[number];

/** An object that has versions, by its id. */
export type VersionedObject = { kind: VersionedKind; id: string; name: string };

export type VersionRow = {
  version: number;
  labels: string[];
  digest: string;
  created_at: Date;
  created_by: string;
};

/** One difference between two versions; `operation` is that of a JSON Patch (RFC 6902). */
export type VersionChange = {
  place: string;
  old: Json | null;
  new: Json | null;
  operation: Json;
};

/** Finds the objects of the tenant with this name, in the order of `versionedKinds`. */
export async function findVersioned(pool: Pool, name: string): Promise<VersionedObject[]> {
  const each = versionedKinds.map(
    (kind, place) => `select ${place} as place, '${kind}' as kind, id, name from howdah.${kind}s
       where name = $1 and tenant_id = howdah.current_tenant() and deleted_at is null`,
  );
  const { rows } = await pool.query(
    `select kind, id, name from (${each.join(' union all ')}) as v order by place`,
    [name],
  );
  return rows;
}

/** Lists the versions of an object, the newest first. */
export async function listVersions(
  pool: Pool,
  { kind, id }: VersionedObject,
): Promise<VersionRow[]> {
  const labels =
    kind === 'skill'
      ? `'{}'::text[]`
      : `array(select l.label from howdah.version_labels as l
           where l.${kind}_id = v.${kind}_id and l.version = v.version order by 1)`;
  const { rows } = await pool.query(
    `select v.version, ${labels} as labels, v.digest, v.created_at, v.created_by
     from howdah.${kind}_versions as v where v.${kind}_id = $1 order by v.version desc`,
    [id],
  );
  return rows;
}

/**
 * Returns the changes from one version to another, by number or label. The default of `to` is the
 * newest version. Throws `HWNTF`.
 */
export async function diffVersions(
  pool: Pool,
  { kind, id }: VersionedObject,
  from: string,
  to: string | undefined,
): Promise<VersionChange[]> {
  const { rows } = await pool.query(
    `select place, old, new, operation from howdah.diff_${kind}_versions($1, $2, $3)`,
    [id, from, to ?? null],
  );
  return rows;
}

/**
 * Restores an object to the state of a version. Returns the number of its new version. Throws
 * `HWNTF` and `HWCNF`.
 */
export async function restoreVersion(
  pool: Pool,
  { kind, id }: VersionedObject,
  version: number,
): Promise<number> {
  await pool.query(`select howdah.restore_${kind}_version($1, $2)`, [id, version]);
  const { rows } = await pool.query(
    `select max(version) as version from howdah.${kind}_versions where ${kind}_id = $1`,
    [id],
  );
  return rows[0].version;
}

/** Labels a version, or moves the label to this version. Throws `HWNTF`. */
export async function labelVersion(
  pool: Pool,
  { kind, id }: VersionedObject & { kind: Exclude<VersionedKind, 'skill'> },
  version: number,
  label: string,
): Promise<void> {
  await pool.query(`select howdah.label_${kind}_version($1, $2, $3)`, [id, version, label]);
}
