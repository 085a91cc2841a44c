import type pg from 'pg';

/** Reports that a host has the packages and keys of these providers. */
export async function reportUsable(db: Pick<pg.Pool, 'query'>, ...providers: string[]) {
  const reports = providers.map((provider) => ({ provider, has_package: true, has_key: true }));
  await db.query(`select howdah_private.report_providers('test', $1)`, [JSON.stringify(reports)]);
}
