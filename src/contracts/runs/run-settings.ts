/**
 * The settings for a run that a worker owns, by their names in `howdah.settings`. An absent setting
 * has its default.
 */
export type RunSettings = {
  /**
   * Most bytes of a tool result that is sent to the model, for a tool without a limit of its own.
   */
  tool_result_bytes?: number;
  /** Attempts of one model before the next model of the agent is called. */
  model_attempts?: number;
  /** Seconds of patience with models of an agent that does not set its own. */
  retry_for?: number;
  backoff_initial_seconds?: number;
  backoff_max_seconds?: number;
};
