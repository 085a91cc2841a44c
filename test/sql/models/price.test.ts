import { expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { makeTenant, one } from '../support.ts';

const database = testDatabase();

type Prices = { input?: number; cached?: number; write?: number; output?: number };
const CLAUDE: Prices = { input: 3, cached: 0.3, write: 3.75, output: 15 };

async function priceOf(usage: unknown, prices: Prices, tokens_in: number | null = 1000) {
  const tenant = await makeTenant(database.pool);
  const { cost } = await one(
    database.pool,
    `insert into howdah.models (tenant_id, name, provider, model, input_price, cached_input_price,
       cache_write_price, output_price)
     values ($1, 'priced', 'scripted', '', $2, $3, $4, $5)
     returning howdah_private.price($6, 100, models, $7)::float8 * 1000000 as cost`,
    [
      tenant,
      prices.input ?? null,
      prices.cached ?? null,
      prices.write ?? null,
      prices.output ?? null,
      tokens_in,
      usage === undefined ? null : JSON.stringify(usage),
    ],
  );
  return cost;
}

test.each<[string, unknown, Prices, number]>([
  ['no cache', undefined, CLAUDE, 4500],
  ['an empty usage', {}, CLAUDE, 4500],
  ['tokens read from the cache', { cached_tokens: 800 }, CLAUDE, 600 + 240 + 1500],
  [
    'tokens read and written',
    { cached_tokens: 800, cache_write_tokens: 100 },
    CLAUDE,
    300 + 240 + 375 + 1500,
  ],
  ['no prices of the cache', { cached_tokens: 800 }, { input: 3, output: 15 }, 4500],
  ['a price of cached tokens alone', { cached_tokens: 800 }, { cached: 0.5 }, 400],
  ['no prices', { cached_tokens: 800 }, {}, 0],
])('prices a call with %s', async (_, usage, prices, cost) => {
  expect(await priceOf(usage, prices)).toBeCloseTo(cost, 6);
});

test.each<[string, unknown, number]>([
  ['more cached tokens than input', { cached_tokens: 1e12 }, 300 + 1500],
  [
    'more written tokens than the rest',
    { cached_tokens: 900, cache_write_tokens: 5000 },
    270 + 375 + 1500,
  ],
  ['negative numbers', { cached_tokens: -5, cache_write_tokens: -1e300 }, 4500],
  ['fractions', { cached_tokens: 0.9 }, 4500],
  ['texts', { cached_tokens: '800', cache_write_tokens: { a: 1 } }, 4500],
  ['null', { cached_tokens: null }, 4500],
  ['a list', [1, 2], 4500],
  ['a text', 'none', 4500],
  ['a number', 7, 4500],
])('ignores nonsense of a provider: %s', async (_, usage, cost) => {
  expect(await priceOf(usage, CLAUDE)).toBeCloseTo(cost, 6);
});

test('prices a call of which no input is known', async () => {
  expect(await priceOf({ cached_tokens: 10 }, CLAUDE, null)).toBeCloseTo(1500, 6);
});

test.each<[string, unknown, number]>([
  ['the unit of its price', { units: { character: 1000, minute: 5 } }, 15],
  ['another unit', { units: { minute: 5 } }, 0],
  ['a negative number', { units: { character: -5 } }, 0],
  ['a text', { units: { character: '5' } }, 0],
  ['no units', { units: null }, 0],
])('prices a call that used %s', async (_, usage, cost) => {
  const { price } = await one(
    database.pool,
    `insert into howdah.models (tenant_id, name, provider, model, purpose, unit_price, price_unit)
     values ($1, 'voice', 'scripted', '', 'tts', 0.015, 'character')
     returning howdah_private.price(null, null, models, $2)::float8 as price`,
    [await makeTenant(database.pool), JSON.stringify(usage)],
  );
  expect(price).toBe(cost);
});
