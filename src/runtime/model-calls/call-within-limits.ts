import type { Action } from '../../contracts/runs/action.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import type { LimitedCall } from '../held-run/call-admission.ts';
import type { RunCommit } from '../held-run/committer.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { callEmbeddingModel } from './call-embedding-model.ts';
import { callModel } from './call-model.ts';
import { summarize } from './summaries/summarize.ts';

/** An action that calls a model at a price. */
export type ModelAction = Extract<Action, { type: 'call_model' | 'summarize' | 'embed' }>;

/** Calls a model as soon as limits allow it. The run is parked while they do not. */
export async function callWithinLimits(
  action: ModelAction,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<void> {
  const limitedCall = run.limits.isOverQuota
    ? 'full'
    : await run.limits.begin({ model: action.model });
  if (limitedCall === 'stale') {
    run.relinquish();
  } else if (limitedCall === 'full') {
    await parkAtLimit(run);
  } else {
    await callAndRelease(limitedCall, action, run, world);
  }
}

/** Parks a run until a limit allows it to continue. */
export function parkAtLimit(run: HeldRun): Promise<RunCommit> {
  return run.commit([], { status: 'waiting', waiting_for: 'quota' });
}

async function callAndRelease(
  limitedCall: LimitedCall,
  action: ModelAction,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<void> {
  const before = run.limits.tokens;
  try {
    switch (action.type) {
      case 'call_model':
        return await callModel(action, run, world);
      case 'summarize':
        return await summarize(action, run, world);
      case 'embed':
        return await callEmbeddingModel(action, run, world);
    }
  } finally {
    await limitedCall.end(run.limits.tokens - before);
  }
}
