import { z } from 'zod';
import { MODEL_PURPOSES } from '../../../src/contracts/agents/model.ts';

const price = z.number().min(0).nullable();
const count = z.number().int().positive().nullable();
const MODALITIES = ['text', 'image', 'audio', 'video'] as const;
const modalities = z.array(z.enum(MODALITIES)).nullable();

/** Capabilities of a model. A missing one is unknown. */
const capabilities = z.strictObject({
  tools: z.boolean().optional(),
  reasoning: z.boolean().optional(),
});

/** A model of the catalogue. An unknown fact is null. Prices are per million tokens. */
export const catalogModel = z.strictObject({
  vendor: z.string(),
  name: z.string(),
  purpose: z.enum(MODEL_PURPOSES),
  /** Other ids of the same model at the vendor, such as dated ones. */
  also: z.array(z.string()),
  title: z.string().nullable(),
  context_tokens: count,
  max_output_tokens: count,
  input: modalities,
  output: modalities,
  capabilities,
  input_price: price,
  cached_input_price: price,
  cache_write_price: price,
  output_price: price,
  unit_price: price,
  price_unit: z.enum(['minute', 'character', 'image', 'request']).nullable(),
});
/** Facts that are not in @pydantic/genai-prices. People write and review them in the file. */
export type ReviewedFacts = Pick<
  CatalogModel,
  'context_tokens' | 'max_output_tokens' | 'input' | 'output' | 'capabilities'
>;
export type CatalogModel = z.infer<typeof catalogModel>;

/** The reviewed file of known models. */
export const catalogFile = z.strictObject({
  /** The day on which the source was published; prices are those of that day. */
  as_of: z.iso.date(),
  /** The source of names, prices and, where it has them, context windows. */
  source: z.string(),
  /** The source of the reviewed facts, and the day on which that version was published. */
  facts: z.strictObject({ as_of: z.iso.date(), source: z.string() }),
  /** The model of a vendor for each purpose that is used when a user names only the vendor. */
  usual: z.record(z.string(), z.partialRecord(z.enum(MODEL_PURPOSES), z.string())),
  models: z.array(catalogModel),
});
export type Catalog = z.infer<typeof catalogFile>;
