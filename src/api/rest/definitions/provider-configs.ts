import type { ModelPurpose } from '../../../contracts/agents/model.ts';
import { putSecretStatement } from '../../../db/access/secrets.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import { jsonRows } from '../../../db/queries/json-rows.ts';
import { findVendor, isHostName } from '../../../providers/vendors.ts';
import { RequestRefusal } from '../../../resources/request-refusal.ts';
import type { SecretWriter } from '../../../secrets/writer.ts';
import {
  addressIn,
  memberOfAgent,
  mergeConfig,
  type ProviderConfig,
  providerConfig,
  refuseShortenedKey,
  requireModel,
  type SetConfig,
  withAliases,
} from './provider-config-aliases.ts';

const PURPOSES = ['llm', 'tts', 'stt'] as const satisfies readonly ModelPurpose[];
export type ConfigPurpose = (typeof PURPOSES)[number];

/** Fields of an agent that contain provider configurations. */
export const configFields = {
  llm_provider_config: providerConfig.nullable().optional(),
  tts_provider_config: providerConfig.nullable().optional(),
  stt_provider_config: providerConfig.nullable().optional(),
};

/** Select list of the same fields, over agents `t`. */
export const shownConfigs = PURPOSES.map(
  (purpose) => `howdah_private.provider_config(t.id, '${purpose}') as ${purpose}_provider_config`,
).join(', ');

export type Writing = {
  db: Queryable;
  agentId: string;
  tenantId: string;
  secrets: SecretWriter;
  /** True if a configuration that is left out is removed, and not left unchanged. */
  isWhole: boolean;
};

/** The shown configuration, and the name of the secret that requests to its model use. */
type Before = { config: ProviderConfig | null; secret: string | null };
export type Configs = Readonly<Record<ConfigPurpose, Before>>;

export async function readConfigs(db: Queryable, agentId: string): Promise<Configs> {
  const rows = await jsonRows<Before & { purpose: ConfigPurpose }>(
    db,
    `select p.purpose, howdah_private.provider_config($1, p.purpose) as config, (
       select m.secret_name from howdah.agent_models as x join howdah.models as m on m.id = x.model_id
       where x.agent_id = $1 and x.purpose = p.purpose order by x.position limit 1) as secret
     from unnest($2::howdah.model_purpose[]) as p (purpose)`,
    [agentId, PURPOSES],
  );
  return Object.fromEntries(rows.map(({ purpose, ...one }) => [purpose, one])) as Configs;
}

/**
 * Writes the configurations that were sent: a model row for this agent alone, and the key as a
 * secret. A configuration that equals the one before the request is not written, so that a client
 * can send back a row with another model. A PUT that names no model has removed the configuration
 * before, and this call restores the configuration.
 */
export async function writeConfigs(
  writing: Writing,
  body: Readonly<Record<string, unknown>>,
  before: Configs,
): Promise<void> {
  const { db, agentId, isWhole } = writing;
  const isModelNamed = body.model != null || (body.models as unknown[] | undefined)?.length;
  for (const purpose of PURPOSES) {
    const sent = configIn(body[`${purpose}_provider_config`], isWhole);
    const isNamed = purpose === 'llm' && isModelNamed;
    const isRemoved = sent === null || (isWhole && sent === undefined && purpose !== 'llm');
    if (sent) {
      const isStillStored = purpose !== 'llm' || !isWhole || isNamed;
      await write(writing, purpose, sent, {
        ...before[purpose],
        isStillStored: Boolean(isStillStored),
      });
    } else if (isRemoved && !isNamed && before[purpose].config) {
      await db.query('select howdah_private.drop_provider_config($1, $2)', [agentId, purpose]);
    }
  }
}

/**
 * Returns a configuration that was sent. An empty object is none, as null is. In a whole row, so is
 * an object with nothing but nulls.
 */
function configIn(sent: unknown, isWhole: boolean): ProviderConfig | null | undefined {
  const values = Object.values(sent ?? {});
  const isNone = isWhole ? values.every((value) => value === null) : values.length === 0;
  return sent != null && isNone ? null : (sent as ProviderConfig | null | undefined);
}

async function write(
  writing: Writing,
  purpose: ConfigPurpose,
  sent: ProviderConfig,
  { config: stored, secret: storedSecret, isStillStored }: Before & { isStillStored: boolean },
): Promise<void> {
  const { db, agentId, isWhole } = writing;
  const merged = keepWarnings(mergeConfig(purpose, sent, isWhole ? null : stored), stored);
  if (stored && isStillStored && isSame(merged, stored)) return;
  requireModel(purpose, merged);
  const { api_key: key, ...config } = merged;
  const isSameKey = key !== undefined && key === stored?.api_key;
  if (isSameKey && stored) refuseKeyOfOthers(purpose, merged, stored);
  const secret = isSameKey ? storedSecret : await store(writing, purpose, key ?? undefined);
  await db
    .query('select howdah_private.set_provider_config($1, $2, $3, $4)', [
      ...[agentId, purpose, JSON.stringify(config), secret],
    ])
    .catch((error: unknown) => {
      throw withAliases(error, purpose, addressIn(merged) ?? unnamedAddress(merged));
    });
}

/** Returns the member that is at fault for an address that was not sent: a host, or none at all. */
const unnamedAddress = ({ provider }: SetConfig): string =>
  isHostName(provider?.trim().toLowerCase() ?? '') ? 'provider' : 'api_url';

/** Refuses to send a stored key to another provider than it was stored for. */
function refuseKeyOfOthers(
  purpose: ConfigPurpose,
  merged: ProviderConfig,
  stored: ProviderConfig,
): void {
  const vendorOf = ({ provider }: ProviderConfig) =>
    findVendor(provider ?? '')?.name ?? provider?.trim().toLowerCase();
  if (vendorOf(merged) === vendorOf(stored)) return;
  const field = `${purpose}_provider_config.api_key`;
  throw new RequestRefusal(400, `${field} is missing: the stored key is for another provider`, {
    hint: 'Send the key of the new provider, or null for none.',
    detail: { field },
  });
}

/** Keeps the warnings of the stored configuration as long as its members are the same. */
function keepWarnings(merged: SetConfig, stored: ProviderConfig | null): SetConfig {
  const { warnings, ...before } = stored ?? {};
  const keepsWarnings = warnings && merged.warnings === undefined && isSame(merged, before);
  return keepsWarnings ? { ...merged, warnings } : merged;
}

function isSame(a: ProviderConfig, b: ProviderConfig): boolean {
  const text = (config: ProviderConfig) => JSON.stringify(Object.entries(config).toSorted());
  return text(a) === text(b);
}

/**
 * Stores a key as a secret. This process seals the key. `put_secret` runs as the caller and decides
 * whether the caller may store a secret.
 */
async function store(
  { db, agentId, tenantId, secrets }: Writing,
  purpose: ConfigPurpose,
  key: string | undefined,
): Promise<string | null> {
  if (key === undefined) return null;
  refuseShortenedKey(key, memberOfAgent(purpose)('api_key'));
  const name = `agent-${agentId}-${purpose}`;
  await secrets.set(tenantId, name, key, async (secret, traits) => {
    const { rows } = await db.query<{ id: string | null }>(putSecretStatement(secret, traits));
    return rows[0]?.id;
  });
  return name;
}
