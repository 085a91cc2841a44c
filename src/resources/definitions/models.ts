import { z } from 'zod';
import { MODEL_PURPOSES } from '../../contracts/agents/model.ts';
import { names, object, optionalInt, optionalNumber, optionalText } from '../fields.ts';
import { refuseBoth } from '../request-refusal.ts';
import { resource } from '../resource.ts';
import { byName, namesOfAgents, owner, times } from './columns.ts';

const PRICES = ['input_price', 'output_price'];
const purpose = z.enum(MODEL_PURPOSES);

/** Models that agents use, with their prices. */
export const models = resource('models', {
  path: '/api/models',
  one: 'model',
  command: {
    noun: 'models',
    list: [
      'id',
      'name',
      'provider',
      'model',
      'purpose',
      'input_price',
      'output_price',
      'prices_from',
      'from_environment',
    ],
    empty: 'No models. Create one: howdah models create NAME --help',
  },
  columns: {
    name: z.string(),
    provider: z.string().optional(),
    model: z.string().optional(),
    purpose: purpose.optional(),
    domain: optionalText,
    base_url: optionalText,
    secret_name: optionalText,
    capabilities: object.optional(),
    input_price: optionalNumber,
    output_price: optionalNumber,
    cached_input_price: optionalNumber,
    cache_write_price: optionalNumber,
    unit_price: optionalNumber,
    price_unit: z.enum(['minute', 'character', 'image', 'request']).nullable().optional(),
    context_tokens: optionalInt,
    request_params: object.optional(),
    fallback_position: optionalInt,
  },
  parts: {
    cost_per_1k_tokens: z
      .number()
      .optional()
      .describe('Both prices in one object, as in other systems'),
  },
  readOnly: {
    prices_from: z.string().nullable(),
    from_environment: z.boolean(),
    ...owner,
    ...times,
  },
  computed: {
    agents: namesOfAgents('agent_models', 'model_id'),
    warnings: {
      sql: 'howdah.models_warnings(t)',
      schema: names.describe('Reasons why calls of the model may fail'),
    },
  },
  examples: {
    create: { name: 'fast', provider: 'openai', model: 'gpt-5-mini' },
    change: { input_price: 0.25, output_price: 2 },
  },
  filters: { ...byName, provider: z.string().optional(), purpose: purpose.optional() },
  aliases: { model_id: 'id', api_url: 'base_url' },
  valuesOf: ({ cost_per_1k_tokens: cost, ...body }) => {
    if (typeof cost !== 'number') return body;
    refuseBoth({ cost_per_1k_tokens: cost, ...body }, 'cost_per_1k_tokens', PRICES);
    const price = Number((cost * 1000).toPrecision(15));
    return { input_price: price, output_price: price, ...body };
  },
});
