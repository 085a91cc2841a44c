import { z } from 'zod';
import { MODEL_PURPOSES, type ModelRef } from '../../../contracts/agents/model.ts';
import type { TestedModel } from '../../../contracts/agents/model-test.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import { jsonRow } from '../../../db/queries/json-rows.ts';
import type { JsonObject } from '../../../json/json.ts';
import { object } from '../../http/fields.ts';
import {
  mergeConfig,
  providerConfig,
  refuseShortenedKey,
  requireModel,
} from './provider-config-aliases.ts';

const { warnings: _, ...members } = providerConfig.shape;

/** Fields of a configuration that is tested before it is stored. */
export const unsavedModelFields = {
  ...members,
  model: members.model.describe(
    "The name or id of a stored model. With other fields: the provider's id of the model",
  ),
  purpose: z
    .enum(MODEL_PURPOSES)
    .optional()
    .describe('The purpose of a configuration; llm by default'),
  request_params: object
    .nullable()
    .optional()
    .describe('Parameters of the request, such as {"temperature": 0}'),
  capabilities: object.nullable().optional().describe('For an llm without tools: {"tools": false}'),
};
type Body = z.output<z.ZodObject<typeof unsavedModelFields>>;

/** Returns whether a body describes a configuration, and not a stored model alone. */
export function isUnsaved({ model: _, ...others }: Body): boolean {
  return Object.values(others).some((value) => value != null);
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
  const { purpose = 'llm', capabilities, request_params, ...sent } = body;
  const { api_key, warnings = [], ...config } = mergeConfig(purpose, sent, null, fieldOf);
  requireModel(purpose, config, fieldOf);
  const key = api_key?.trim();
  if (key !== undefined) refuseShortenedKey(key, 'api_key');
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

const fieldOf = (member: string) => member;
