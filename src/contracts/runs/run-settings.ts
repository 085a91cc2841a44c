/** Numbers a worker goes by while it has a run, by their names in `howdah.settings`; one that is absent has its default. */
export type RunSettings = {
  /** Of a result the model is told, of a tool that says nothing itself. */
  tool_result_bytes?: number;
  /** Of one model, before the next one of the agent is asked. */
  model_attempts?: number;
  backoff_initial_seconds?: number;
  backoff_max_seconds?: number;
};
