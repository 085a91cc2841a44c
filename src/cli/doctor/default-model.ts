import { hostname } from 'node:os';
import type { Config } from '../../config.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { describeDefaultModel, queriesOn } from '../../db/queries/queries.ts';
import {
  findMissingRequirement,
  keyFixOf,
  type MissingRequirement,
  type ModelRow,
} from '../../providers/report.ts';
import { findVendor, OPENAI_URL, type Vendor, variablesOfKey } from '../../providers/vendors.ts';
import type { Finding } from './finding.ts';

const check = 'model';

/**
 * Checks the model named default: whether a host has its package and its key, and whether the model
 * server of the environment responds and accepts the key. `pool` is null before the migration.
 */
export async function defaultModelFinding(pool: Pool | null, config: Config): Promise<Finding> {
  if (pool === null) {
    return serverFinding(`${config.defaultModel.provider}, set in the environment`, config);
  }
  const found = await describeDefaultModel(queriesOn(pool));
  const model = await readDefaultModel(pool);
  const requirement = model && findRequirement(model, config);
  if (!requirement) return serverFinding(found, config);
  const isElsewhere = await isUsableElsewhere(pool, model, requirement);
  return {
    check,
    ok: isElsewhere,
    found: `${found}; ${isElsewhere ? 'only other processes can use it: ' : ''}it lacks ${requirement.missing} here`,
    fix: requirement.fix,
  };
}

/** Returns what the model named default lacks on this host, in a few words, or null. */
export async function describeMissing(pool: Pool, config: Config): Promise<string | null> {
  const model = await readDefaultModel(pool);
  const requirement = model && findRequirement(model, config);
  if (!requirement) return null;
  const vendor = findVendor(model.provider);
  return requirement.missing === 'a key' && vendor !== undefined
    ? `no key: set ${variablesOfKey(vendor)}`
    : requirement.fix;
}

async function readDefaultModel(pool: Pool): Promise<ModelRow | undefined> {
  const { rows } = await pool.query<ModelRow>(
    `select m.provider, m.base_url, m.secret_name from howdah.models as m
     where m.tenant_id = howdah.current_tenant() and m.name = 'default'`,
  );
  return rows[0];
}

function findRequirement(model: ModelRow, config: Config): MissingRequirement | null {
  return findMissingRequirement(model, config) ?? findMissingOpenAiKey(model, config);
}

/** Returns the missing key of a model that OpenAI itself serves, or null. */
function findMissingOpenAiKey(model: ModelRow, { models }: Config): MissingRequirement | null {
  const { provider, base_url, secret_name } = model;
  const { baseUrl, apiKey } = models.openai;
  if (provider !== 'openai' || base_url !== null || secret_name !== null) return null;
  if (baseUrl !== undefined || apiKey !== undefined) return null;
  return { missing: 'a key', fix: keyFixOf(findVendor('openai') as Vendor) };
}

/**
 * Returns whether another host, or a live worker of this one, has reported what this process lacks.
 * Commands of this host are left out, because they have the environment of this process.
 */
async function isUsableElsewhere(
  pool: Pool,
  { provider }: ModelRow,
  { missing }: MissingRequirement,
): Promise<boolean> {
  const { rows } = await pool.query<{ is_usable: boolean }>(
    `select exists (
       select from howdah_private.provider_reports as r
       where r.provider = $1
         and (split_part(r.host, '/', 1) <> $2 or r.host in (
           select w.host from howdah_private.workers as w
           where w.host = $2 and w.heartbeat_at > clock_timestamp() - interval '10 seconds'))
         and case $3 when 'a key' then r.has_key or r.has_address
           when 'a package' then r.has_package else false end) as is_usable`,
    [provider, hostname(), missing],
  );
  return rows[0]?.is_usable === true;
}

/** Checks whether the model server of the environment responds and accepts the key. */
async function serverFinding(found: string, { models }: Config): Promise<Finding> {
  const { defaultModel, defaultVariables } = models;
  const { provider, baseUrl, apiKey } = defaultModel;
  const variables = defaultVariables.join(', ');
  if (provider === 'local' || (provider !== 'openai' && baseUrl === undefined)) {
    return { check, ok: true, found };
  }
  const url = `${(baseUrl ?? OPENAI_URL).replace(/\/$/, '')}/models`;
  const { host } = new URL(url);
  try {
    const { status } = await fetch(url, {
      headers: apiKey ? { authorization: `Bearer ${apiKey}` } : {},
      signal: AbortSignal.timeout(3_000),
    });
    if (status !== 401 && status !== 403) {
      return { check, ok: true, found: `${found}; ${host} answers` };
    }
    const fix = `Check the key of ${variables}.`;
    return { check, ok: false, found: `${found}; ${host} answers, but rejects the key`, fix };
  } catch {
    const fix = `Check ${variables}, and that the server is running.`;
    return { check, ok: false, found: `${found}; ${host} does not answer`, fix };
  }
}
