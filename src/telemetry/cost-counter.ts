import { Counter, type Registry } from 'prom-client';

/** The prices of a model, per million tokens. A price that nobody has set is null. */
type Price = {
  input: number | null;
  output: number | null;
  /** Prices of the prompt cache. Where they are null, the price of input holds. */
  cacheRead?: number | null;
  cacheWrite?: number | null;
};
/** Prices by the ids of models. */
export type Prices = ReadonlyMap<string, Price>;
export type ReadPrices = (modelIds: readonly string[]) => Promise<Prices>;

const UNPRICED: Price = { input: null, output: null };
const MILLION = 1_000_000;
/** Most models whose tokens wait for a price. Tokens of more models count as unpriced. */
const MAX_MODELS = 10_000;

/** Tokens of a provider; `cacheRead` and `cacheWrite` are parts of `input`. */
type Usage = {
  provider: string;
  input: number;
  output: number;
  cacheRead: number;
  cacheWrite: number;
};

/**
 * Counts the cost of tokens, and the tokens that have no price. The database knows the prices, so
 * tokens are collected by model until the prices are read.
 */
export class CostCounter {
  readonly #readPrices: ReadPrices;
  readonly #cost: Counter<'provider'>;
  readonly #unpriced: Counter<'provider' | 'type'>;
  readonly #pending = new Map<string, Usage>();

  constructor(register: Registry, readPrices: ReadPrices) {
    const registers = [register];
    this.#readPrices = readPrices;
    this.#cost = new Counter({
      name: 'howdah_cost_total',
      help: 'Cost of the tokens that have a price, at the prices at the time of the read.',
      labelNames: ['provider'],
      registers,
    });
    this.#unpriced = new Counter({
      name: 'howdah_unpriced_tokens_total',
      help: 'Tokens (input, output) whose model has no price; howdah_cost_total does not include them.',
      labelNames: ['provider', 'type'],
      registers,
    });
  }

  /** Adds the tokens of a model answer. The answer of an engine has no model and no price. */
  add(modelId: string | null | undefined, usage: Usage): void {
    const before = modelId ? this.#pending.get(modelId) : undefined;
    if (!modelId || (!before && this.#pending.size >= MAX_MODELS)) {
      this.#count(usage);
      return;
    }
    this.#pending.set(modelId, {
      provider: usage.provider,
      input: (before?.input ?? 0) + usage.input,
      output: (before?.output ?? 0) + usage.output,
      cacheRead: (before?.cacheRead ?? 0) + usage.cacheRead,
      cacheWrite: (before?.cacheWrite ?? 0) + usage.cacheWrite,
    });
  }

  /**
   * Counts the cost of the tokens so far. When the prices cannot be read, the tokens stay for the
   * next attempt.
   */
  async price(): Promise<void> {
    const modelIds = [...this.#pending.keys()];
    if (modelIds.length === 0) return;
    const prices = await this.#readPrices(modelIds).catch(() => undefined);
    if (!prices) return;
    for (const id of modelIds) {
      const usage = this.#pending.get(id);
      if (!usage) continue; // a concurrent read of the metrics has counted it
      this.#pending.delete(id);
      this.#count(usage, prices.get(id));
    }
  }

  #count({ provider, ...tokens }: Usage, price: Price = UNPRICED): void {
    if (price.input !== null || price.output !== null) {
      this.#cost.inc({ provider }, amountOf(tokens, price) / MILLION);
    }
    for (const type of ['input', 'output'] as const) {
      const isUnpriced = price[type] === null && tokens[type] > 0;
      if (isUnpriced) this.#unpriced.inc({ provider, type }, tokens[type]);
    }
  }
}

/**
 * Returns the amount for a million times the tokens, as `howdah_private.price` computes it. Models
 * that are paid by units are not counted here: only `howdah_private.price` knows units.
 */
function amountOf(tokens: Omit<Usage, 'provider'>, price: Price): number {
  const input = price.input ?? 0;
  return (
    (tokens.input - tokens.cacheRead - tokens.cacheWrite) * input +
    tokens.cacheRead * (price.cacheRead ?? input) +
    tokens.cacheWrite * (price.cacheWrite ?? input) +
    tokens.output * (price.output ?? 0)
  );
}
