import type { ToolNote } from '../contracts/agents/tool-io.ts';
import type { ObserveRun } from '../contracts/runs/run-observer.ts';
import type { OpenSink } from '../contracts/runs/step.ts';
import type { Pool } from '../db/connection/pool.ts';
import type { Retry } from './environment/statement-retries.ts';
import type { World } from './environment/world.ts';

/** What a worker's runtime works with, and whom it tells. */
export type RuntimeOptions = {
  pool: Pool;
  /** Connections for claims alone, which do not wait for commits. */
  claims: Pool;
  world: World;
  /** Runs in flight at once; a wake-up beyond it waits. */
  capacity: number;
  announce(executionId: string): void;
  stream: OpenSink;
  tell?(note: ToolNote): void;
  /** Called when a statement of the runtime has failed and is retried. */
  onRetry?(retry: Retry): void;
  onError(error: unknown, executionId: string, tenantId: string): void;
  /** Called when a wake-up finds no free slot. Ask other workers to look for due runs. */
  onFull?(): void;
  /** Called when a slot comes free. Repeat a look that had no room. */
  onRoom?(): void;
  /** Looks at the runs that are held. */
  observe?: ObserveRun | undefined;
};
