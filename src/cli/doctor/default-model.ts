import { hostname } from 'node:os';
import type { Config } from '../../config.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { describeDefaultModel, queriesOn } from '../../db/queries/queries.ts';
import { askForModels, listRequest } from '../../providers/http/list-models.ts';
import {
  findMissingRequirement,
  keyFixOf,
  type MissingRequirement,
  type ModelRow,
} from '../../providers/report.ts';
import { findVendor, type Vendor, variablesOfKey } from '../../providers/vendors.ts';
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
  const request = defaultModel.provider === 'local' ? null : listRequest(defaultModel);
  if (request === null) return { check, ok: true, found };
  const { host } = new URL(request.url);
  const variables = defaultVariables.join(', ');
  const answer = await askForModels(request);
  const said = `${found}; ${host} ${answer}`;
  if (answer === 'answers') return { check, ok: true, found: said };
  const fix =
    answer === 'rejects the key'
      ? `Check the key of ${variables}.`
      : `Check ${variables}, and that the server is running.`;
  return { check, ok: false, found: said, fix };
}

/** Finds the other models of the environment whose server rejects their key. */
export async function rejectedKeys({ models }: Config): Promise<Finding[]> {
  const checked = models.others.map(async ({ name, key, ...model }): Promise<Finding[]> => {
    const request = key === undefined ? null : listRequest({ ...model, apiKey: key.value });
    if (request === null || (await askForModels(request)) !== 'rejects the key') return [];
    const { host } = new URL(request.url);
    const found = `${name}, set in the environment; ${host} rejects the key`;
    return [{ check, ok: false, found, fix: `Check the key of ${key?.variable}.` }];
  });
  return (await Promise.all(checked)).flat();
}
