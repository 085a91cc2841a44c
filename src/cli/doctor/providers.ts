import type { Pool } from '../../db/connection/pool.ts';
import { createProviders, findProvider } from '../../providers/registry.ts';
import type { AuditFinding } from './audit-log.ts';

/**
 * Finds models whose provider this release does not know. The database accepts any provider,
 * because workers of another release may know more. A run that uses such a model here fails with
 * the same message.
 */
export async function providersFinding(pool: Pool): Promise<AuditFinding> {
  const { rows } = await pool.query<{ name: string; provider: string; base_url: string | null }>(
    `select distinct on (m.provider, m.base_url is null) m.name, m.provider, m.base_url
     from howdah.models as m where m.purpose in ('llm', 'embedding')
     order by m.provider, m.base_url is null, m.name limit 1000`,
  );
  const known = createProviders({});
  const unknown = rows.flatMap((model) => {
    const found = findProvider(known, model);
    return found.ok ? [] : [{ name: model.name, message: found.error.message }];
  });
  const [first] = unknown;
  if (!first) return { check: 'providers', ok: true, found: 'every model has a known provider' };
  return {
    check: 'providers',
    ok: true,
    found: `unknown: ${unknown.length}, the first is that of the model ${first.name}`,
    fix: first.message,
  };
}
