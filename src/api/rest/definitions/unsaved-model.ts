import { z } from 'zod';
import {
  MODEL_PURPOSES,
  type ModelPurpose,
  type ModelRef,
} from '../../../contracts/agents/model.ts';
import type { TestedModel } from '../../../contracts/agents/model-test.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import { jsonRow } from '../../../db/queries/json-rows.ts';
import { hasMembers, type JsonObject } from '../../../json/json.ts';
import { object } from '../../../resources/fields.ts';
import { RequestRefusal } from '../../../resources/request-refusal.ts';
import {
  memberOfAgent,
  mergeConfig,
  type ProviderConfig,
  providerConfig,
  refuseShortenedKey,
  requireModel,
} from './provider-config-aliases.ts';
import { type ConfigPurpose, configFields } from './provider-configs.ts';

const { warnings: _, ...members } = providerConfig.shape;

/** Fields of a configuration that is tested before it is stored. */
export const unsavedModelFields = {
  ...configFields,
  ...members,
  model: members.model.describe(
    "The name or id of a stored model. With other fields: the provider's id of the model",
  ),
  purpose: z
    .enum(MODEL_PURPOSES)
    .optional()
    .describe('The purpose of a configuration; by default that of its members, else llm'),
  request_params: object
    .nullable()
    .optional()
    .describe('Parameters of the request, such as {"temperature": 0}'),
  capabilities: object.nullable().optional().describe('For an llm without tools: {"tools": false}'),
};
type Body = z.output<z.ZodObject<typeof unsavedModelFields>>;

/** Returns whether a body describes a configuration, and not a stored model alone. */
export function isUnsaved({ model: _, ...others }: Body): boolean {
  return Object.values(others).some(isSet);
}

/** Returns whether a field is neither null nor an object with nothing but nulls. */
function isSet(value: unknown): boolean {
  return hasMembers(value) ? Object.values(value).some((one) => one != null) : value != null;
}

/** A configuration as the model that it would be stored as. */
export type UnsavedModel = {
  tested: TestedModel;
  key: string | undefined;
  /** Names the fields that were left out. */
  warnings: string[];
};

/**
 * Returns the model that a configuration describes: the functions that store a configuration decide
 * its provider, id, address and parameters. Throws `HWINV` for a field that is missing or sent
 * under two names.
 */
export async function unsavedModel(db: Queryable, body: Body): Promise<UnsavedModel> {
  const { capabilities, request_params } = body;
  const { purpose, sent, fieldOf } = configOf(body);
  const { api_key, warnings = [], ...config } = mergeConfig(purpose, sent, null, fieldOf);
  requireModel(purpose, config, fieldOf);
  const key = api_key?.trim();
  if (key !== undefined) refuseShortenedKey(key, fieldOf('api_key'));
  const described = await jsonRow<Described>(
    db,
    `select d.provider, howdah_private.model_id_of(d.provider, d.model) as model, d.base_url,
       d.request_params
     from howdah_private.model_in($1, $2) as d
     cross join lateral howdah_private.check_package(d.provider)`,
    [JSON.stringify(config), purpose],
  );
  if (!described) throw new Error('model_in returned no row');
  const model: ModelRef = {
    ...{ id: null, name: described.model, context_tokens: null },
    ...described,
    ...(key !== undefined && { secret_name: 'api_key' }),
    request_params: { ...(request_params as JsonObject | null), ...described.request_params },
  };
  const tested = { purpose, capabilities: (capabilities ?? {}) as JsonObject, model };
  return { tested, key, warnings };
}

type Described = Pick<ModelRef, 'provider' | 'model' | 'base_url' | 'request_params'>;

type SentConfig = {
  purpose: ModelPurpose;
  sent: ProviderConfig;
  /** Returns how errors name a member. */
  fieldOf(member: string): string;
};

/**
 * Returns the configuration in a body: one as an agent has it, such as `tts_provider_config`, or
 * the members themselves. Throws `HWINV` for more than one configuration.
 */
function configOf(body: Body): SentConfig {
  const { purpose, capabilities: _, request_params: __, ...members } = body;
  const nested = (['llm', 'tts', 'stt'] as const).filter((one) => isSet(body[fieldFor(one)]));
  const flat = Object.fromEntries(
    Object.entries(members).filter(([name]) => !name.endsWith('_provider_config')),
  );
  const [first, second] = nested;
  if (first === undefined) {
    return { purpose: purpose ?? purposeOf(flat), sent: flat, fieldOf: (member) => member };
  }
  const other = second ? fieldFor(second) : Object.keys(flat).find((name) => isSet(flat[name]));
  if (other !== undefined) throw oneAtATime(other);
  if (purpose != null && purpose !== first) throw oneAtATime('purpose');
  return { purpose: first, sent: body[fieldFor(first)] ?? {}, fieldOf: memberOfAgent(first) };
}

const fieldFor = (purpose: ConfigPurpose) => `${purpose}_provider_config` as const;

function oneAtATime(field: string): RequestRefusal {
  return new RequestRefusal(400, `${field} belongs to another configuration`, {
    hint: 'Send one configuration: the members themselves, or one of the objects of an agent.',
    detail: { field },
  });
}

/** Returns the purpose to which the members of a configuration belong. */
function purposeOf({ voice_id, voice, output_format, sample_rate, language }: ProviderConfig) {
  if ([voice_id, voice, output_format].some(isSet)) return 'tts';
  return [sample_rate, language].some(isSet) ? 'stt' : 'llm';
}
