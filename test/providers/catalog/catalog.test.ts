import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { findVendor } from '../../../src/providers/vendors.ts';
import { buildCatalog, catalogText } from '../../support/catalog/build-catalog.ts';
import { vendorAliases } from '../../support/catalog/catalog-function.ts';
import { catalogFile } from '../../support/catalog/schema.ts';

const TEXT = readFileSync(
  new URL('../../../src/providers/catalog/models.json', import.meta.url),
  'utf8',
);
const catalog = catalogFile.parse(JSON.parse(TEXT));
const idOf = ({ vendor, name }: { vendor: string; name: string }) => `${vendor}/${name}`;

test('the file is what the installed package and its own reviewed parts give', () => {
  expect(catalogText(buildCatalog(catalog.as_of, catalog))).toBe(TEXT);
});

test('the usual model of a vendor is in the catalogue, where it has models of the purpose', () => {
  const usual = Object.entries(catalog.usual).flatMap(([vendor, names]) =>
    Object.entries(names).map(([purpose, name]) => ({ vendor, purpose, name })),
  );
  const unknown = usual.filter(({ vendor, purpose, name }) => {
    const models = catalog.models.filter((one) => one.vendor === vendor && one.purpose === purpose);
    return models.length > 0 && !models.some((one) => [one.name, ...one.also].includes(name));
  });
  expect(unknown).toEqual([]);
  const vendors = new Set(usual.map(({ vendor }) => vendor).filter((one) => one !== 'local'));
  expect([...vendors].filter((vendor) => findVendor(vendor)?.name !== vendor)).toEqual([]);
});

test('has between 60 and 200 models of known vendors, each once', () => {
  expect(catalog.models.length).toBeGreaterThan(60);
  expect(catalog.models.length).toBeLessThan(200);
  expect(catalog.models.filter(({ vendor }) => findVendor(vendor)?.name !== vendor)).toEqual([]);
  expect(new Set(catalog.models.map(idOf)).size).toBe(catalog.models.length);
});

test('no id is another id of two models', () => {
  const ids = catalog.models.flatMap(({ vendor, name, also }) =>
    [name, ...also].map((id) => `${vendor}/${id}`),
  );
  expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([]);
});

test('tokens of a cache cost no more than other input, and no price is absurd', () => {
  for (const model of catalog.models) {
    const { input_price, cached_input_price, cache_write_price, output_price } = model;
    if (cached_input_price !== null) {
      expect(cached_input_price, idOf(model)).toBeLessThanOrEqual(input_price ?? 0);
    }
    if (cache_write_price !== null) {
      expect(cache_write_price, idOf(model)).toBeGreaterThanOrEqual(input_price ?? Infinity);
    }
    for (const price of [input_price ?? 0, output_price ?? 0]) {
      expect(price, idOf(model)).toBeLessThan(1_000);
    }
  }
});

test('each model has a price, per token or per unit', () => {
  const unpriced = catalog.models.filter(
    ({ input_price, unit_price }) => input_price === null && unit_price === null,
  );
  expect(unpriced).toEqual([]);
  const inconsistent = catalog.models.filter(
    ({ unit_price, price_unit }) => (unit_price === null) !== (price_unit === null),
  );
  expect(inconsistent).toEqual([]);
});

test.each([
  ['openai', 'gpt-5-mini', { input_price: 0.25, cached_input_price: 0.025, output_price: 2 }],
  [
    'anthropic',
    'claude-sonnet-4-5', // the price of short prompts; long ones cost more
    { input_price: 3, cached_input_price: 0.3, cache_write_price: 3.75, output_price: 15 },
  ],
  ['openai', 'gpt-5.6-sol', { input_price: 4, output_price: 20 }], // since 2026-08-21
  ['google', 'gemini-3.8-flash', { input_price: 0.75 }], // until 2027-01-01
  // the more expensive hours
  ['deepseek', 'deepseek-chat', { input_price: 0.27, output_price: 1.1 }],
  ['openai', 'whisper-1', { unit_price: 0.006, price_unit: 'minute', input_price: null }],
])('%s/%s has the prices of the day', (vendor, name, prices) => {
  expect(catalog.models.find((one) => one.vendor === vendor && one.name === name)).toMatchObject(
    prices,
  );
});

test('an alias stands for one model of a vendor, and is no id of another', () => {
  const aliases = vendorAliases();
  const names = aliases.map(({ vendor, alias }) => `${vendor}/${alias}`);
  expect(new Set(names).size).toBe(names.length);
  const ids = new Set(catalog.models.map(idOf));
  expect(names.filter((name) => ids.has(name))).toEqual([]);
  expect(aliases).toContainEqual({
    vendor: 'anthropic',
    alias: 'sonnet',
    model: 'claude-sonnet-5',
  });
  expect(aliases.map(({ alias }) => alias)).not.toContain('codex'); // it has request parameters
});
