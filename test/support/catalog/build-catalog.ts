import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  type ConditionalPrice,
  findProvider,
  type MatchLogic,
  type ModelInfo,
  type ModelPrice,
} from '@pydantic/genai-prices';
import type { ModelPurpose } from '../../../src/contracts/agents/model.ts';
import type { Catalog, CatalogModel, ReviewedFacts } from './schema.ts';
import { SELECTION, type VendorSelection } from './selection.ts';

const PACKAGE = '@pydantic/genai-prices';
const MINUTES_OF_HOUR = 60;

/** Returns the name and version of the installed package. */
export function installedSource(): string {
  const entry = createRequire(import.meta.url).resolve(PACKAGE);
  const manifest = join(dirname(entry), '..', 'package.json');
  return `${PACKAGE} ${JSON.parse(readFileSync(manifest, 'utf8')).version}`;
}

/**
 * Builds the catalogue from the installed package and the reviewed parts of the committed file:
 * facts that the package lacks, and the usual models. `as_of` is the day on which the package was
 * published; prices are those of that day.
 */
export function buildCatalog(as_of: string, committed: Catalog): Catalog {
  const models = SELECTION.flatMap((selection) => modelsOf(selection, committed.models, as_of));
  const key = ({ vendor, purpose, name }: CatalogModel) => `${vendor}\n${purpose}\n${name}`;
  models.sort((a, b) => (key(a) < key(b) ? -1 : 1));
  return { ...committed, as_of, source: installedSource(), models };
}

/** Writes the catalogue with one line per vendor and model, so that a diff shows what changed. */
export function catalogText({ as_of, source, facts, usual, models }: Catalog): string {
  const list = (lines: string[]) => lines.map((line) => `    ${line}`).join(',\n');
  const usualLines = Object.entries(usual).map(
    ([vendor, names]) => `${JSON.stringify(vendor)}: ${JSON.stringify(names)}`,
  );
  return `{
  "as_of": "${as_of}",
  "source": "${source}",
  "facts": ${JSON.stringify(facts)},
  "usual": {
${list(usualLines)}
  },
  "models": [
${list(models.map((model) => JSON.stringify(model)))}
  ]
}
`;
}

function modelsOf(
  { vendor, source, models }: VendorSelection,
  committed: readonly CatalogModel[],
  as_of: string,
): CatalogModel[] {
  const known = findProvider({ providerId: source })?.models ?? [];
  return Object.entries(models).flatMap(([purpose, names]) =>
    names.map((name) => {
      const info = known.find(({ id }) => id === name);
      if (!info) throw new Error(`${PACKAGE} has no model ${name} of ${source}: remove it`);
      const facts = committed.find((one) => one.vendor === vendor && one.name === name);
      return entryOf(vendor, purpose as ModelPurpose, info, facts, as_of);
    }),
  );
}

function entryOf(
  vendor: string,
  purpose: ModelPurpose,
  info: ModelInfo,
  facts: ReviewedFacts | undefined,
  as_of: string,
): CatalogModel {
  const prices = pricesOn(info.prices, as_of);
  const priceOf = (unit: string) => basePrice(prices[unit]);
  const hour = priceOf('input_audio_hours');
  const hasTokens = priceOf('input_mtok') !== null;
  return {
    vendor,
    name: info.id,
    purpose,
    also: exactNames(info.match).filter((name) => name !== info.id),
    title: info.name ?? null,
    context_tokens: info.context_window ?? facts?.context_tokens ?? null,
    max_output_tokens: facts?.max_output_tokens ?? null,
    input: facts?.input ?? null,
    output: facts?.output ?? null,
    capabilities: facts?.capabilities ?? {},
    input_price: priceOf('input_mtok'),
    cached_input_price: priceOf('cache_read_mtok'),
    cache_write_price: priceOf('cache_write_mtok'),
    output_price: priceOf('output_mtok'),
    unit_price: hasTokens || hour === null ? null : rounded(hour / MINUTES_OF_HOUR),
    price_unit: hasTokens || hour === null ? null : 'minute',
  };
}

/**
 * Returns the prices on a day. Of prices that depend on the hour, returns the highest, so that no
 * cost is understated.
 */
function pricesOn(prices: ModelPrice | ConditionalPrice[], day: string): ModelPrice {
  if (!Array.isArray(prices)) return prices;
  const ofDay = prices.filter(
    ({ constraint }) => constraint?.type !== 'start_date' || constraint.start_date <= day,
  );
  const hourly = ofDay.filter(({ constraint }) => constraint?.type === 'time_of_date');
  const daily = ofDay.filter(({ constraint }) => constraint?.type !== 'time_of_date');
  const candidates = [...daily.slice(-1), ...hourly].map((one) => one.prices);
  const inputOf = (one: ModelPrice) => basePrice(one.input_mtok) ?? 0;
  return candidates.reduce((high, one) => (inputOf(one) > inputOf(high) ? one : high));
}

/** Returns the price of a unit. For prices in tiers, returns that of the shortest prompts. */
function basePrice(price: ModelPrice[string]): number | null {
  if (price === undefined) return null;
  return rounded(typeof price === 'number' ? price : price.base);
}

function rounded(price: number): number {
  return Number(price.toPrecision(12));
}

/** Returns the ids that a match names exactly, without patterns, which match future models too. */
function exactNames(match: MatchLogic): string[] {
  if ('equals' in match) return [match.equals];
  if ('or' in match) return [...new Set(match.or.flatMap(exactNames))].sort();
  return [];
}
