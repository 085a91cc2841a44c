/**
 * The tokens as counted by the provider, or an estimate (bytes / 4) if the provider reports none.
 */
export type Usage = {
  tokens_in: number;
  tokens_out: number;
  /** Input tokens that the provider read from its prompt cache; a part of `tokens_in`. */
  cached_tokens?: number;
  /** Input tokens that the provider wrote to its prompt cache; a part of `tokens_in`. */
  cache_write_tokens?: number;
  /** Output tokens that the model used for reasoning; a part of `tokens_out`. */
  reasoning_tokens?: number;
  /** Set if a count is an estimate. */
  estimated?: true;
};
