import type { Action } from '../../contracts/runs/action.ts';
import type { World } from '../environment/world.ts';
import type { HeldRun } from '../owned-run/held-run.ts';
import type { LimitedCall } from '../owned-run/run-limits.ts';
import { callModel } from './call-model.ts';
import { embed } from './embed.ts';
import { summarize } from './summarize.ts';

/** What a model is paid for. */
export type ModelAction = Extract<Action, { type: 'call_model' | 'summarize' | 'embed' }>;

/** Asks a model as soon as limits let it: the run is parked while they do not. */
export async function callWithinLimits(
  action: ModelAction,
  run: HeldRun,
  world: World,
): Promise<void> {
  const begun = run.limits.isOverQuota ? 'full' : await run.limits.begin({ model: action.model });
  if (begun === 'stale') {
    run.relinquish();
  } else if (begun === 'full') {
    await parkAtLimit(run);
  } else {
    await ask(begun, action, run, world);
  }
}

/** The run waits for a limit, and goes on when that lets it. */
export function parkAtLimit(run: HeldRun): Promise<boolean> {
  return run.commit([], { status: 'waiting', waiting_for: 'quota' });
}

async function ask(
  begun: LimitedCall,
  action: ModelAction,
  run: HeldRun,
  world: World,
): Promise<void> {
  const before = run.limits.tokens;
  try {
    switch (action.type) {
      case 'call_model':
        return await callModel(action, run, world);
      case 'summarize':
        return await summarize(action, run, world);
      case 'embed':
        return await embed(action, run, world);
    }
  } finally {
    await begun.end(run.limits.tokens - before);
  }
}
