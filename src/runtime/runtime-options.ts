import type { ToolNote } from '../contracts/agents/tool-io.ts';
import type { ObserveRun } from '../contracts/runs/run-observer.ts';
import type { OpenSink } from '../contracts/runs/step.ts';
import type { Pool } from '../db/connection/pool.ts';
import type { RuntimeDependencies } from './environment/runtime-dependencies.ts';
import type { Retry } from './environment/statement-retries.ts';

/** The resources and callbacks of a worker's runtime. */
export type RuntimeOptions = {
  pool: Pool;
  /** Connections for claims alone, which do not wait for commits. */
  claims: Pool;
  /** Connections for output filters alone, which commits do not wait for. */
  filters: Pool;
  world: RuntimeDependencies;
  /** Most runs in flight at once. Further wake-ups wait. */
  capacity: number;
  announce(executionId: string): void;
  stream: OpenSink;
  tell?(note: ToolNote): void;
  /** Called when a statement of the runtime has failed and is retried. */
  onRetry?(retry: Retry): void;
  onError(error: unknown, executionId: string, tenantId: string): void;
  /** Called when a wake-up finds no free slot. Ask other workers to look for due runs. */
  onFull?(): void;
  /** Called when a slot comes free. Repeat a search that had no room. */
  onRoom?(): void;
  /**
   * True if a suspect stays in this process until it ends or is parked. By default it is given back
   * as soon as it has committed a step.
   */
  keepsSuspects?: boolean;
  /** Observes the runs that this process owns. */
  observe?: ObserveRun | undefined;
};
