import type { JsonObject } from '../../json/json.ts';

/** The ids and metadata of a run, as tools may need them. */
export type RunContext = {
  execution_id: string;
  tenant_id: string;
  agent_id: string;
  session_id: string | null;
  /** The run at the top of the tree this one belongs to; its own id for a root. */
  root_execution_id: string;
  metadata: JsonObject;
};

/** The run that requests an answer from an engine. */
export type EngineRun = RunContext & {
  /** The input of the run. */
  input: string;
  /**
   * The key of this answer, `execution:place of the answer`. It is the same for every attempt to
   * get the answer, also after a crash.
   */
  idempotency_key: string;
};
