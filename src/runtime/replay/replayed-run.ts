import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { StepRecord, Transition } from '../../contracts/runs/step.ts';
import type { RunCommit } from '../held-run/committer.ts';
import { HeldRun } from '../held-run/held-run.ts';
import { strategyOf } from '../strategies/registry.ts';
import { recordedFilterResult } from './record/recorded-filter-results.ts';
import { RecordedOrder } from './record/recorded-order.ts';
import type { RunRecording } from './record/run-recording.ts';
import type { ReplayChecker } from './replay-checker.ts';

/** A run that is held as by a worker, with its record in place of a database. */
export class ReplayedRun extends HeldRun {
  readonly #record: RunRecording;
  readonly #judge: ReplayChecker;
  readonly #order: RecordedOrder;

  constructor(record: RunRecording, judge: ReplayChecker, definition: AgentDefinition) {
    const claimed = record.claimAt(judge.position);
    super({
      abort: new AbortController(),
      claimed,
      definition,
      decide: (own, state) => strategyOf(claimed, own)(own, state),
      committer: {
        commit: async (commit) => judge.commit(commit),
        commitOn: async (_client, commit) => judge.commit(commit),
      },
      lease: {
        takeInbox: async () => undefined, // the judge ends a claim instead
        firstDiscovery: async () => record.discoveryAt(judge.position),
        beginCall: async () => ({ outcome: 'free', call_id: null }),
        endCall: async () => {},
        rulesOf: async () => record.rulesAt(judge.position),
        capableAgents: async () => [], // the run of a workflow is not replayed
        applyOutputFilters: async (_id, outlet, value, callId) =>
          recordedFilterResult(record, judge.position, value, callId, outlet),
      },
      announce: () => {},
      stream: () => undefined,
      tell: () => {},
    });
    this.#record = record;
    this.#judge = judge;
    this.#order = new RecordedOrder((callId) => record.steps[judge.position]?.call_id === callId);
  }

  override async commit(records: StepRecord[], to?: Transition): Promise<RunCommit> {
    const callId = records[0]?.call_id;
    if (callId !== undefined && this.isHeld) {
      await this.#order.turnOf(callId);
    }
    const outcome = await super.commit(records, to);
    this.state = { ...this.state, rules: this.#record.rulesAt(this.#judge.position) };
    if (this.isHeld) {
      this.#order.releaseNext();
    } else {
      this.#order.end();
    }
    return outcome;
  }

  /** Waits for the turn of a call that has no recorded result. */
  async turnOf(callId: string): Promise<'next' | 'forced' | 'gone'> {
    return this.isHeld ? this.#order.turnOf(callId) : 'gone';
  }

  override relinquish(): void {
    super.relinquish();
    this.#order.end();
  }
}
