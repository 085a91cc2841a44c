import type { Pool } from '../../db/connection/pool.ts';
import type { EnvironmentModels } from '../../providers/environment/environment-models.ts';
import { findFix, type ModelRow, type ReportSettings } from '../../providers/report.ts';
import type { Finding } from './finding.ts';

/**
 * Finds models that this machine cannot use, because the package or the key of their provider is
 * missing here. Other machines may have both, and models that were stored before the database
 * checked providers may have an unknown one.
 */
export async function providersFinding(pool: Pool, settings: ReportSettings): Promise<Finding> {
  const { rows } = await pool.query<ModelRow & { name: string }>(
    `select distinct on (m.provider, m.base_url is null, m.secret_name is null, m.purpose)
       m.name, m.provider, m.base_url, m.secret_name, m.purpose
     from howdah.models as m
     order by m.provider, m.base_url is null, m.secret_name is null, m.purpose, m.name limit 1000`,
  );
  const unusable = rows.flatMap((model) => {
    const fix = findFix(model, settings);
    return fix === null ? [] : [{ model, fix }];
  });
  const [first] = unusable;
  if (!first) return uncertainFinding(pool);
  const { name, provider } = first.model;
  return {
    check: 'providers',
    ok: true,
    found: `not usable here: ${unusable.length}, the first is the model ${name} of ${provider}`,
    fix: first.fix,
  };
}

/**
 * Finds the models that the environment of this machine describes wrongly, so that they are left
 * out, one finding for each.
 */
export function leftOutFindings({ warnings }: EnvironmentModels): Finding[] {
  return warnings.map((warning) => ({
    check: 'environment',
    ok: true,
    found: 'a model of the environment is left out',
    fix: warning,
  }));
}

/** Finds models whose calls may fail, such as those for speech without an adapter. */
async function uncertainFinding(pool: Pool): Promise<Finding> {
  const { rows } = await pool.query<{ name: string; warning: string }>(
    `select m.name, w.warning from howdah.models as m
     cross join lateral unnest(howdah.models_warnings(m)) as w (warning) order by m.name limit 1000`,
  );
  const [first] = rows;
  if (!first) return { check: 'providers', ok: true, found: 'every model has a provider' };
  return {
    check: 'providers',
    ok: true,
    found: `calls may fail: ${rows.length}, the first is the model ${first.name}`,
    fix: first.warning,
  };
}
