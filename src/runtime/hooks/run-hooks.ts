import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { HookEvent, HookEventName, HookRow } from '../../contracts/agents/hook.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { PoolClient } from '../../db/connection/pool.ts';
import type { ClaimedRun } from '../../db/runs/runs.ts';
import { applyHookChanges, applyHookChangesToCall } from './apply-hook-changes.ts';
import {
  type Draft,
  eventsIn,
  executionComplete,
  type Facts,
  failing,
  isEnding,
  toolAfter,
} from './hook-events.ts';
import { type CallableHook, callHook, type HookSet } from './hook-verdict.ts';
import { metricsOf, tellEnd } from './run-end-hooks.ts';
import { sqlHooks } from './sql-hooks.ts';

/** Those of this process that are called when it is committed, since nothing can be refused any more. */
const AFTERWARDS: readonly HookEventName[] = ['tool_after', 'execution_complete'];

export type RunHooksOptions = {
  claimed: ClaimedRun;
  definition: AgentDefinition;
  /** Of this process. */
  own: readonly CallableHook[];
  /** Adds to the metrics of the run after its end. */
  note(metrics: ReturnType<typeof metricsOf>): Promise<void>;
};

/** The hooks of one run. */
export class RunHooks {
  readonly #rows: readonly HookRow[];
  readonly #own: readonly CallableHook[];
  readonly #facts: Facts;
  readonly #isNew: boolean;
  readonly #note: RunHooksOptions['note'];
  /** The first failure of a hook that was called after its step had been committed. */
  #fault: Promise<RunError | undefined> = Promise.resolve(undefined);

  constructor({ claimed, definition, own, note }: RunHooksOptions) {
    const { execution_id, tenant_id, agent_id, session_id, root_execution_id, metadata } = claimed;
    const context = { execution_id, tenant_id, agent_id, session_id, root_execution_id, metadata };
    this.#rows = claimed.hooks ?? [];
    this.#own = own;
    this.#facts = { context, definition, input: claimed.messages[0]?.content ?? null };
    this.#isNew = claimed.is_new;
    this.#note = note;
  }

  /** The run is new, and somebody wants to hear of it before anything else happens. */
  get wantBeginning(): boolean {
    return this.#isNew && (this.hear('before_run') || this.hear('after_setup'));
  }

  /**
   * Hooks of the database may lock rows until their step commits. A call in SQL that holds some while it waits for its
   * turn to commit would wait for ever for a step whose hook wants them: so it waits for its turn first.
   */
  get lockRows(): boolean {
    return this.#rows.length > 0;
  }

  hear(event: HookEventName): boolean {
    return [...this.#rows, ...this.#own].some((hook) => hook.event === event);
  }

  /** Some hook of the database is called in the transaction of this draft. */
  concern(draft: Draft): boolean {
    const events = eventsIn(draft);
    return this.#rows.some(({ event }) => events.has(event));
  }

  /** What hooks of this process make of it. */
  reviseHere(draft: Draft): Promise<Draft> {
    return applyHookChanges(draft, this.#before(), this.#facts);
  }

  /** What hooks of the database make of it, in its transaction. */
  reviseOn(client: PoolClient, draft: Draft): Promise<Draft> {
    return applyHookChanges(draft, sqlHooks(client, this.#rows), this.#facts);
  }

  /**
   * Asks about a call that is made in this transaction. The draft is the beginning of the call, to be made and not
   * logged; or what is to be committed instead of it.
   */
  async askBefore(client: PoolClient, call: StepRecord): Promise<Draft> {
    let asked = call;
    for (const hooks of [this.#before(), sqlHooks(client, this.#rows)]) {
      const { step, error } = await applyHookChangesToCall(asked, hooks, this.#facts);
      if (!step || step.kind === 'tool') {
        return error ? failing([], error) : { steps: step ? [step] : [] };
      }
      asked = step;
    }
    return { steps: [asked] };
  }

  /** Tells the hooks of this process what has been committed, in order; nobody waits for them here. */
  tell({ steps, to }: Draft): void {
    const results = steps.filter(({ kind }) => kind === 'tool');
    const told: HookEvent[] = results.map((step) => toolAfter(this.#facts, step));
    if (told.length > 0 && this.#own.some(({ event }) => event === 'tool_after')) {
      this.#fault = this.#fault.then(async (fault) => fault ?? (await this.#tellAll(told)));
    }
    if (isEnding(to) && this.#own.some(({ event }) => event === 'execution_complete')) {
      const end = executionComplete(this.#facts, to);
      const listening = this.#own.filter(({ event }) => event === 'execution_complete');
      this.#fault = this.#fault.then(async (fault) => {
        const { errors } = await tellEnd(listening, end);
        await (errors.length > 0 ? this.note(errors) : undefined);
        return fault;
      });
    }
  }

  /** Resolves when all that was told has been heard; with an error the run has to fail with. */
  heard(): Promise<RunError | undefined> {
    return this.#fault;
  }

  /** Notes failures that cannot fail the run any more. */
  note(errors: RunError[]): Promise<void> {
    return this.#note(metricsOf({ annotations: {}, errors }));
  }

  async #tellAll(events: readonly HookEvent[]): Promise<RunError | undefined> {
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
