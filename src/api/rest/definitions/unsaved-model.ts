import { z } from 'zod';
import type { ModelPurpose, TestedModel } from '../../../contracts/agents/model-test.ts';
import type { Client } from '../../../db/queries/json-rows.ts';
import type { JsonObject } from '../../../json/json.ts';
import { findVendor } from '../../../providers/vendors.ts';
import { RequestRefusal, refuseBoth } from '../../errors/request-refusal.ts';
import { object } from '../../http/fields.ts';
import { providerConfig } from './provider-configs.ts';

const PURPOSES = ['llm', 'embedding', 'tts', 'stt', 'image', 'rerank', 'classifier'] as const;
const text = z.string().regex(/\S/, 'it is empty').nullable().optional();

/** Fields of a configuration that is tested before it is stored. */
export const unsavedModelFields = {
  ...providerConfig.shape,
  model: text.describe(
    "The name or id of a stored model. With other fields: the provider's id of the model",
  ),
  model_id: text.describe('The same as model, for a configuration'),
  base_url: text.describe('The same as api_url'),
  voice: text.describe('The same as voice_id'),
  purpose: z.enum(PURPOSES).optional().describe('The purpose of a configuration; llm by default'),
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

/**
 * Returns the model that a configuration describes, and its key. Throws `HWINV` for a field that
 * is missing or sent under two names.
 */
export async function unsavedModel(
  db: Client,
  body: Body,
): Promise<{ tested: TestedModel; key: string | undefined }> {
  const model = oneOf(body, 'model', ['model_id']);
  if (model === undefined) throw missing('model', "the provider's id of the model");
  const purpose = body.purpose ?? 'llm';
  const provider = body.provider ?? 'openai';
  const request_params = { ...body.request_params, ...speechParams(body) } as JsonObject;
  return {
    key: body.api_key?.trim(),
    tested: {
      purpose,
      capabilities: (body.capabilities ?? {}) as JsonObject,
      model: {
        id: null,
        name: model,
        provider: findVendor(provider)?.name ?? provider,
        model,
        base_url: await addressOf(db, purpose, body),
        ...(body.api_key != null && { secret_name: 'api_key' }),
        context_tokens: null,
        request_params,
      },
    },
  };
}

/** Returns the address, as `set_provider_config` would store it. */
async function addressOf(db: Client, purpose: ModelPurpose, body: Body): Promise<string | null> {
  const api_url = oneOf(body, 'api_url', ['url', 'base_url']);
  const completions_path = oneOf(body, 'completions_path', purpose === 'llm' ? ['path'] : []);
  const config = JSON.stringify({ api_url, completions_path });
  const { rows } = await db.query<{ url: string | null }>(
    'select howdah_private.base_url_in($1, $2) as url',
    [config, purpose],
  );
  return rows[0]?.url ?? null;
}

function speechParams(body: Body): JsonObject {
  const voice = oneOf(body, 'voice', ['voice_id']);
  return {
    ...(voice !== undefined && { voice }),
    ...(body.sample_rate != null && { sample_rate: body.sample_rate }),
  };
}

/** Returns the value of a field under any of its names. Throws `HWINV` for two of them. */
function oneOf(body: Body, name: keyof Body, others: (keyof Body)[]): string | undefined {
  const sent = Object.fromEntries(
    Object.entries(body).map(([field, value]) => [field, value ?? undefined]),
  );
  const used = [name, ...others].filter((field) => sent[field] !== undefined);
  for (const field of used.slice(1)) refuseBoth(sent, field, used.slice(0, 1));
  const value = used[0] === undefined ? undefined : sent[used[0]];
  return value === undefined ? undefined : String(value);
}

function missing(field: string, what: string): RequestRefusal {
  const hint = `Set ${field} to ${what}.`;
  return new RequestRefusal(400, `${field} is missing`, { hint, detail: { field } });
}
