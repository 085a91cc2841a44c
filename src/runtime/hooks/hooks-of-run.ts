import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { HookEvent, HookEventName, HookRow } from '../../contracts/agents/hook.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { PoolClient } from '../../db/connection/pool.ts';
import type { ClaimedRun } from '../../db/runs/runs.ts';
import { contextOf } from '../held-run/run-context.ts';
import { callHooksOnCall, callHooksOnDraft } from './call-hooks-on-draft.ts';
import { callAllEndHooks, metricsOf } from './call-hooks-on-end.ts';
import {
  type Draft,
  eventsIn,
  executionComplete,
  type Facts,
  failedDraft,
  isEnding,
  toolAfter,
} from './hook-events.ts';
import { type CallableHook, callHook, type HookSet } from './hook-verdict.ts';
import { sqlHooks } from './sql-hooks.ts';

/**
 * Events for which hooks of this process are called after the commit, because nothing can be
 * refused any more.
 */
const AFTERWARDS: readonly HookEventName[] = ['tool_after', 'execution_complete'];

export type RunHooksOptions = {
  claimed: ClaimedRun;
  definition: AgentDefinition;
  /** Hooks of this process. */
  own: readonly CallableHook[];
  /** Adds to the metrics of the run after its end. */
  addMetrics(metrics: ReturnType<typeof metricsOf>): Promise<void>;
};

/** The hooks of one run. */
export class RunHooks {
  readonly #rows: readonly HookRow[];
  readonly #own: readonly CallableHook[];
  readonly #facts: Facts;
  readonly #isNew: boolean;
  readonly #addMetrics: RunHooksOptions['addMetrics'];
  /** The first failure of a hook that was called after its step had been committed. */
  #fault: Promise<RunError | undefined> = Promise.resolve(undefined);

  constructor({ claimed, definition, own, addMetrics }: RunHooksOptions) {
    this.#rows = claimed.hooks ?? [];
    this.#own = own;
    this.#facts = {
      context: contextOf(claimed),
      definition,
      input: claimed.messages[0]?.content ?? null,
    };
    this.#isNew = claimed.is_new;
    this.#addMetrics = addMetrics;
  }

  /** True when the run is new and some hook is to be called before anything else happens. */
  get hasStartHooks(): boolean {
    return this.#isNew && (this.hasHook('before_run') || this.hasHook('after_setup'));
  }

  /**
   * True when there are hooks of the database: they may lock rows until their step commits. A call
   * in SQL may hold such rows while it waits for its turn to commit. It would wait forever for a
   * step whose hook needs these rows. Such a call therefore waits for its turn first.
   */
  get mayLockRows(): boolean {
    return this.#rows.length > 0;
  }

  hasHook(event: HookEventName): boolean {
    return [...this.#rows, ...this.#own].some((hook) => hook.event === event);
  }

  /** Returns true when some hook of the database is called in the transaction of this draft. */
  needsTransaction(draft: Draft): boolean {
    const events = eventsIn(draft);
    return this.#rows.some(({ event }) => events.has(event));
  }

  /** Applies the hooks of this process to a draft. */
  reviseHere(draft: Draft): Promise<Draft> {
    return callHooksOnDraft(draft, this.#before(), this.#facts);
  }

  /** Applies the hooks of the database to a draft, in the transaction of the draft. */
  reviseOn(client: PoolClient, draft: Draft): Promise<Draft> {
    return callHooksOnDraft(draft, sqlHooks(client, this.#rows), this.#facts);
  }

  /**
   * Calls the hooks before a call that is made in this transaction. Returns the start of the call,
   * which is made and not logged, or what is to be committed instead of the call.
   */
  async reviseCallOn(client: PoolClient, call: StepRecord): Promise<Draft> {
    let current = call;
    for (const hooks of [this.#before(), sqlHooks(client, this.#rows)]) {
      const { step, error } = await callHooksOnCall(current, hooks, this.#facts);
      if (!step || step.kind === 'tool') {
        return error ? failedDraft([], error) : { steps: step ? [step] : [] };
      }
      current = step;
    }
    return { steps: [current] };
  }

  /**
   * Calls the hooks of this process for steps that have been committed, in order. Does not wait for
   * the hooks.
   */
  notify({ steps, to }: Draft): void {
    const results = steps.filter(({ kind }) => kind === 'tool');
    const toolEvents: HookEvent[] = results.map((step) => toolAfter(this.#facts, step));
    if (toolEvents.length > 0 && this.#own.some(({ event }) => event === 'tool_after')) {
      this.#fault = this.#fault.then(async (fault) => fault ?? (await this.#callAll(toolEvents)));
    }
    if (isEnding(to) && this.#own.some(({ event }) => event === 'execution_complete')) {
      const end = executionComplete(this.#facts, to);
      const listening = this.#own.filter(({ event }) => event === 'execution_complete');
      this.#fault = this.#fault.then(async (fault) => {
        const { errors } = await callAllEndHooks(listening, end);
        await (errors.length > 0 ? this.recordErrors(errors) : undefined);
        return fault;
      });
    }
  }

  /**
   * Resolves when all hooks called by `notify` have returned. The result is the error with which
   * the run has to fail, if there is one.
   */
  whenNotified(): Promise<RunError | undefined> {
    return this.#fault;
  }

  /** Records failures that cannot fail the run any more. */
  recordErrors(errors: RunError[]): Promise<void> {
    return this.#addMetrics(metricsOf({ annotations: {}, errors }));
  }

  async #callAll(events: readonly HookEvent[]): Promise<RunError | undefined> {
    for (const event of events) {
      for (const hook of this.#own.filter((own) => own.event === event.event)) {
        const verdict = await callHook(hook, event);
        if (verdict.did !== 'allow') {
          return verdict.error;
        }
      }
    }
    return undefined;
  }

  #before(): HookSet {
    const hooks = this.#own.filter(({ event }) => !AFTERWARDS.includes(event));
    return {
      of: (event) => hooks.filter((hook) => hook.event === event),
      mark: async () => {},
      undo: async () => {},
    };
  }
}
