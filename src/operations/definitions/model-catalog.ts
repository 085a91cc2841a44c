import { z } from 'zod';
import { MODEL_PURPOSES } from '../../contracts/agents/model.ts';
import { catalogPage } from '../../db/access/model-catalog.ts';
import { findVendor, VENDORS } from '../../providers/vendors.ts';
import { object, page, pageOf } from '../../resources/fields.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import { operation } from '../operation.ts';
import { pageAnswer, wordsIn } from '../pagination.ts';

const price = z.number().nullable();
const count = z.int().nullable();
const modalities = z.array(z.string()).nullable();

const knownModel = z
  .object({
    vendor: z.string().describe('The provider, as in the field provider of a model'),
    name: z.string().describe('The id of the model at the vendor'),
    title: z.string().nullable(),
    purpose: z.enum(MODEL_PURPOSES),
    aliases: z.array(z.string()).describe('Names that may be written instead of the id'),
    context_tokens: count,
    max_output_tokens: count,
    input_modalities: modalities,
    output_modalities: modalities,
    capabilities: object.describe('What is absent is unknown'),
    input_price: price.describe('USD for a million tokens'),
    cached_input_price: price,
    cache_write_price: price,
    output_price: price,
    unit_price: price.describe('USD for one price_unit'),
    price_unit: z.string().nullable(),
    as_of: z.string().describe('The day of the prices'),
    source: z.string().describe('The source of names and prices'),
    facts_source: z.string().describe('The source of modalities and capabilities'),
  })
  .meta({ id: 'KnownModel' });

/** Lists the known models of vendors. */
export const listModelCatalog = operation({
  method: 'GET',
  path: '/api/models/catalog',
  id: 'listModelCatalog',
  tag: 'models',
  summary: 'List the known models of vendors, with their prices and aliases',
  isReplicable: true,
  query: z.strictObject({
    ...page,
    provider: z.string().optional().describe('A vendor, by any of its names, such as claude'),
    purpose: z.enum(MODEL_PURPOSES).optional(),
    text: z.string().optional().describe('A part of the id, the title or an alias'),
  }),
  answers: { 200: { description: 'A page of known models', schema: pageOf(knownModel) } },
  async work(db, { query: { limit, cursor, provider, purpose, text }, url }) {
    const vendor = provider === undefined ? undefined : vendorOf(provider);
    const place = { after: placeIn(cursor, url), limit: limit + 1 };
    const models = await catalogPage(db, { vendor, purpose, text }, place);
    return pageAnswer(models, limit, url, (one) => `${one.vendor} ${one.purpose} ${one.name}`);
  },
});

function placeIn(cursor: string | undefined, url: string) {
  const [vendor, purpose, name] = wordsIn(cursor, url, 3) ?? [];
  if (vendor === undefined || purpose === undefined || name === undefined) return undefined;
  return { vendor, purpose, name };
}

function vendorOf(provider: string): string {
  const vendor = findVendor(provider);
  if (vendor) return vendor.name;
  throw new RequestRefusal(400, 'there is no vendor of this name', {
    hint: `The vendors: ${VENDORS.map(({ name }) => name).join(', ')}.`,
    detail: { field: 'provider' },
  });
}
