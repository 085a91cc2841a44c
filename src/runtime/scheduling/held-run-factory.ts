import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { ObserveRun } from '../../contracts/runs/run-observer.ts';
import { type PoolUser, tenantPool } from '../../db/connection/tenant-pool.ts';
import { callRules } from '../../db/runs/call-rules.ts';
import { recordHookMetrics } from '../../db/runs/hooks.ts';
import type { ClaimedRun } from '../../db/runs/runs.ts';
import type { JsonObject } from '../../json/json.ts';
import { failpoint } from '../environment/failpoints.ts';
import type { Committer } from '../held-run/committer.ts';
import { HeldRun } from '../held-run/held-run.ts';
import { contextOf } from '../held-run/run-context.ts';
import { createRunLease } from '../held-run/run-lease.ts';
import type { CallableHook } from '../hooks/hook-verdict.ts';
import { createHookedCommitter } from '../hooks/hooked-committer.ts';
import { RunHooks } from '../hooks/hooks-of-run.ts';
import { inProcessHooks } from '../hooks/in-process-hooks.ts';
import type { RuntimeOptions } from '../runtime-options.ts';
import { strategyOf } from '../strategies/registry.ts';
import { CallRulesCache } from './call-rules-cache.ts';
import { decryptHistory } from './decrypt-history.ts';
import { createDefinitionCache } from './definition-cache.ts';

type Observer = Awaited<ReturnType<ObserveRun>>;

/** Creates held runs from claims: each with its strategy, lease, hooks and committer. */
export class HeldRunFactory {
  readonly #options: RuntimeOptions;
  readonly #committer: Committer;
  readonly #worker: () => string;
  readonly #ownHooks: readonly CallableHook[];
  readonly #rules: CallRulesCache;
  readonly #definitionOf: (run: ClaimedRun) => Promise<AgentDefinition>;

  constructor(options: RuntimeOptions, committer: Committer, worker: () => string) {
    this.#options = options;
    this.#committer = committer;
    this.#worker = worker;
    this.#ownHooks = inProcessHooks(options.world.hooks);
    this.#definitionOf = createDefinitionCache(options.pool);
    this.#rules = new CallRulesCache((ids) => callRules(options.pool, ids));
  }

  /** Returns the observer of a run, if there is one. */
  observerOf(claimed: ClaimedRun, definition: AgentDefinition): ReturnType<ObserveRun> {
    const context = contextOf(claimed);
    return this.#options.observe?.({ context, definition, isChild: claimed.is_child });
  }

  /**
   * Creates the run of a claim, with its definition and its readable history. Returns undefined if
   * this process has another id by now.
   */
  async load(claimed: ClaimedRun): Promise<HeldRun | undefined> {
    const owner = this.#worker();
    const definition = await this.#definitionOf(claimed);
    const readable = await decryptHistory(claimed, this.#options.world);
    await failpoint('context.loaded');
    if (claimed.steps_since_answer.some(({ kind }) => kind === 'answer')) {
      await failpoint('answer.applied');
    }
    const observer = await this.observerOf(claimed, definition);
    return owner === this.#worker() ? this.create(readable, definition, observer) : undefined;
  }

  /** Creates the run for the worker that owns it now. */
  create(claimed: ClaimedRun, definition: AgentDefinition, observer: Observer): HeldRun {
    const { pool, announce, stream, tell = () => {} } = this.#options;
    const abort = new AbortController();
    const user = { tenant: claimed.tenant_id, signal: abort.signal };
    const filters = tenantPool(this.#options.filters, 'filters', user);
    const hooks = this.#hooksOf(claimed, definition);
    return new HeldRun({
      abort,
      claimed,
      definition,
      decide: (own, state) => strategyOf(claimed, own)(own, state),
      committer: this.#committerOf(hooks, user),
      lease: createRunLease({ pool, filters }, this.#worker(), this.#rules.of(claimed)),
      hooks,
      observer,
      announce,
      stream,
      tell,
    });
  }

  /** Returns the hooks of a run. Most runs have none. */
  #hooksOf(claimed: ClaimedRun, definition: AgentDefinition): RunHooks | undefined {
    if (!claimed.hooks && this.#ownHooks.length === 0) return undefined;
    const addMetrics = (metrics: JsonObject) =>
      recordHookMetrics(this.#options.pool, claimed.execution_id, metrics);
    return new RunHooks({ claimed, definition, own: this.#ownHooks, addMetrics });
  }

  #committerOf(hooks: RunHooks | undefined, user: PoolUser): Committer {
    if (!hooks) return this.#committer;
    const pool = tenantPool(this.#options.world.sqlToolPool, 'hooks', user);
    return createHookedCommitter({
      inner: this.#committer,
      hooks,
      pool,
      worker: this.#worker,
      ...user,
    });
  }
}
