import { z } from 'zod';
import type { ModelPurpose } from '../../../contracts/agents/model.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import { isJsonObject } from '../../../json/json.ts';
import { findVendor } from '../../../providers/vendors.ts';
import { RequestRefusal, refuseBoth } from '../../../resources/request-refusal.ts';
import { closestNames } from '../../../text/closest-names.ts';
import { explainFailure } from '../../errors/database-errors.ts';

const text = z.string().regex(/\S/, 'it is empty').nullable().optional();
/**
 * Members of a provider configuration: the model that an agent answers, speaks or hears with, in
 * the format of other systems.
 */
export const providerConfig = z
  .looseObject({
    provider: text.describe('The provider or a host of its API, such as openai or groq.com'),
    api_key: text.describe(
      'Stored as a secret. Answers show only its last characters, which may be sent back unchanged.',
    ),
    model: text.describe("The provider's id of the model. Servers for speech may have only one"),
    model_id: text.describe('The same as model'),
    model_name: text.describe('The same as model'),
    api_url: text.describe('The address of the API'),
    url: text.describe('The same as api_url'),
    base_url: text.describe('The same as api_url'),
    endpoint: text.describe('The same as api_url'),
    completions_path: text.describe(
      'For an llm: the path after api_url, ending in /chat/completions',
    ),
    path: text.describe('For tts and stt: the path after url. For an llm: completions_path'),
    voice_id: text.describe('For tts'),
    voice: text.describe('The same as voice_id'),
    sample_rate: z.int32().min(1).nullable().optional().describe('For tts and stt'),
    output_format: text.describe('For tts'),
    language: text.describe('For tts and stt'),
    warnings: z
      .array(z.string())
      .optional()
      .describe('In answers: the members that were left out, since they have no meaning'),
  })
  .describe('A member that is null counts as absent. Other members are named in warnings');
export type ProviderConfig = z.output<typeof providerConfig>;

/** Members of a configuration that are set. */
export type SetConfig = { [Name in keyof ProviderConfig]: NonNullable<ProviderConfig[Name]> };

/**
 * Names of the same member, as in `howdah_private.model_in`. A value that is sent replaces the
 * stored value of any of them.
 */
export const SYNONYMS = [
  ['api_url', 'url', 'base_url', 'endpoint'],
  ['model', 'model_id', 'model_name'],
  ['voice_id', 'voice'],
] as const;

/** Members that have a meaning for every purpose. */
const COMMON = ['provider', 'api_key', ...SYNONYMS[0], ...SYNONYMS[1]];
const SPEECH = [...COMMON, 'path', 'sample_rate', 'language'];

/** Members that have a meaning, by purpose. */
const MEMBERS: Partial<Record<ModelPurpose, readonly string[]>> = {
  llm: [...COMMON, 'completions_path'],
  tts: [...SPEECH, ...SYNONYMS[2], 'output_format'],
  stt: SPEECH,
};

/** Returns how errors name a member of the configuration of an agent. */
export const memberOfAgent = (purpose: ModelPurpose) => (member: string) =>
  `${purpose}_provider_config.${member}`;
/**
 * Returns the configuration to write: the members that were sent over the stored members. Members
 * without a meaning are left out, and `warnings` names them. Throws `HWINV` for a member that is
 * sent under two names. `fieldOf` returns how errors name a member.
 */
export function mergeConfig(
  purpose: ModelPurpose,
  sent: ProviderConfig,
  stored: ProviderConfig | null,
  fieldOf = memberOfAgent(purpose),
): SetConfig {
  refuseSynonyms(purpose, sent, fieldOf);
  const { path, ...rest } = sent;
  const isPath = purpose === 'llm' && path !== undefined;
  const renamed: ProviderConfig = isPath ? { completions_path: path, ...rest } : sent;
  const replaced = new Set(
    SYNONYMS.filter((names) => names.some((name) => sent[name] !== undefined)).flat() as string[],
  );
  const before = Object.entries(stored ?? {}).filter(([member]) => !replaced.has(member));
  const all = Object.entries({ ...Object.fromEntries(before), ...renamed });
  const set = all.filter(([member, value]) => value != null && member !== 'warnings');
  const members = membersOf(purpose, { ...stored, ...sent });
  const known = set.filter(([member]) => members.includes(member));
  const warnings = set
    .filter(([member]) => !members.includes(member))
    .map(([member]) => warningOf(purpose, members, member));
  return {
    ...Object.fromEntries(known),
    ...(warnings.length > 0 && { warnings }),
  } as SetConfig;
}

/** Returns the members that have a meaning for a purpose and the vendor of a configuration. */
function membersOf(purpose: ModelPurpose, { provider }: ProviderConfig): readonly string[] {
  const members = MEMBERS[purpose] ?? COMMON;
  const vendor = findVendor(provider ?? 'openai');
  const isOpenAi = vendor === undefined || vendor.openAiUrl !== undefined;
  return isOpenAi ? members : members.filter((member) => member !== 'completions_path');
}

/** Throws `HWINV` for a member that is sent under two names with different values. */
function refuseSynonyms(
  purpose: ModelPurpose,
  sent: ProviderConfig,
  fieldOf: (member: string) => string,
): void {
  const members = Object.fromEntries(
    Object.entries(sent).map(([member, value]) => [fieldOf(member), value ?? undefined]),
  );
  for (const names of SYNONYMS) {
    for (const [at, name] of names.entries()) {
      const others = names.slice(0, at).filter((other) => sent[other] !== sent[name]);
      refuseBoth(members, fieldOf(name), others.map(fieldOf));
    }
  }
  if (purpose === 'llm') refuseBoth(members, fieldOf('path'), [fieldOf('completions_path')]);
}

/** Throws `HWINV` for a configuration without a model. A server for speech may have only one. */
export function requireModel(
  purpose: ModelPurpose,
  config: SetConfig,
  fieldOf = memberOfAgent(purpose),
): void {
  if (SYNONYMS[1].some((name) => config[name] !== undefined)) return;
  const hasOneModel = purpose === 'tts' || purpose === 'stt';
  if (hasOneModel && addressIn(config) !== undefined) return;
  const field = fieldOf('model');
  throw new RequestRefusal(400, `${field} is missing`, {
    ...{ hint: 'Set it to the id of a model of the provider.', detail: { field } },
  });
}

/** Throws `HWINV` for a key as answers show it. */
export function refuseShortenedKey(key: string, field: string): void {
  if (!/^\*{4}.{0,4}$/.test(key)) return;
  throw new RequestRefusal(400, `${field} is a shortened key that does not match the stored key`, {
    ...{ hint: 'Send the whole key, or leave the field out.', detail: { field } },
  });
}

/** Returns the name under which a configuration has its address. */
export const addressIn = (config: SetConfig) =>
  SYNONYMS[0].find((name) => config[name] !== undefined);

/** Returns the sentence about a member that is not among those with a meaning. */
function warningOf(purpose: ModelPurpose, members: readonly string[], member: string): string {
  const others = Object.entries(MEMBERS).flatMap(([other, names]) =>
    names.includes(member) ? [`${other}_provider_config`] : [],
  );
  const [near] = closestNames(member, members);
  const hint = MEMBERS[purpose]?.includes(member)
    ? 'The vendor is called in its own format.'
    : others.length > 0
      ? `It belongs in ${others.join(' or ')}.`
      : near === undefined
        ? 'Set parameters of requests in request_params.'
        : `Did you mean ${near}?`;
  return `${member.slice(0, 60)} was left out, since it has no meaning here. ${hint}`;
}

/** Returns an error of the database about a column as an error about the field that was sent. */
export function withAliases(error: unknown, purpose: ModelPurpose, address: string): unknown {
  const failure = explainFailure(error);
  const { detail = {}, code = '', hint } = failure?.extensions ?? {};
  if (!failure || !isJsonObject(detail)) return error;
  const { fields } = detail;
  const column = detail.field ?? (Array.isArray(fields) ? fields[0] : undefined);
  const member = { base_url: address, provider: 'provider', purpose: 'provider' }[`${column}`];
  if (member === undefined) return error;
  const field = memberOfAgent(purpose)(member);
  const [variable] = Array.isArray(detail.variables) ? detail.variables : [];
  const advice = variable
    ? `Set ${variable} and start Howdah again, or set ${memberOfAgent(purpose)('api_key')}.`
    : hint?.replaceAll('base_url', address === 'provider' ? 'api_url' : address);
  return new HowdahError(code, failure.message.replaceAll('base_url', field), {
    ...(advice !== undefined && { hint: advice }),
    detail: { ...detail, field },
  });
}
