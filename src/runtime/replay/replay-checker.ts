import type { StepRecord, Transition } from '../../contracts/runs/step.ts';
import type { Commit } from '../../db/runs/commit-query.ts';
import type { CommitResult } from '../../db/runs/runs.ts';
import { isSameJson } from '../../json/canonical-json.ts';
import { RETRY_STEP_NAME } from '../tool-plans/open-calls.ts';
import { differenceOf, isSameMove } from './compare-step.ts';
import type { Divergence } from './divergence.ts';
import { abbreviate, moveText, statusText, stepText } from './format-divergence.ts';
import { asStoredJson } from './record/as-stored-json.ts';
import type { RunRecording } from './record/run-recording.ts';

/**
 * Takes the place of the database: accepts commits, compares them with the record, and answers as
 * the database did. Each step is judged on the basis of the recorded steps before it, so one
 * divergence does not cause others.
 */
export class ReplayChecker {
  readonly divergences: Divergence[] = [];
  readonly #record: RunRecording;
  /** Number of recorded steps that have been passed. */
  position: number;

  constructor(record: RunRecording) {
    this.#record = record;
    this.position = record.start;
  }

  /**
   * True when nothing is left to judge: the record ends here. When the recorded run waits for an
   * answer or for a child, that wait must have been judged as well.
   */
  get isOver(): boolean {
    const { status, waiting_for } = this.#record.run.execution;
    const isParked =
      status === 'waiting' && (waiting_for === 'question' || waiting_for === 'child');
    return this.#record.isOver(this.position) && (!isParked || this.#isEndJudged);
  }

  #isEndJudged = false;

  /**
   * Notes what was made instead of the next recorded step, and continues as if the recorded step
   * had been made.
   */
  recordDivergence(now: string): void {
    this.note(now);
    this.#isEndJudged = this.#record.isOver(this.position);
    this.position = this.#record.afterOutside(this.position + (this.#isEndJudged ? 0 : 1));
  }

  /** Notes a divergence at the next recorded step. Only the first divergence at a step counts. */
  note(now: string, recorded = this.#recordedText(), diff?: string): void {
    const { run, steps } = this.#record;
    const seq = this.#record.seqAt(this.position);
    if (this.divergences.some((known) => known.seq === seq)) {
      return;
    }
    const kind = steps[this.position]?.kind ?? 'end';
    const about: Divergence = { execution_id: run.execution.id, seq, kind, recorded, now };
    this.divergences.push(diff === undefined ? about : { ...about, diff });
  }

  commit({ steps, to }: Commit): CommitResult {
    if (to?.status === 'completed' && this.#arrivedMeanwhile(steps.length)) {
      return this.#answer('inbox', 'running');
    }
    const before = this.divergences.length;
    for (const step of steps) {
      const recorded = this.#record.steps[this.position];
      if (!recorded || !isSameMove(step, recorded)) {
        this.recordDivergence(stepText(step, step.messages));
        return this.#answer('stale', 'queued');
      }
      this.#compare(step);
      this.position += 1;
    }
    const isGoingOn = this.#judgeTransition(to) && this.divergences.length === before;
    return this.#answer('committed', isGoingOn ? 'running' : 'queued');
  }

  #compare(step: StepRecord): void {
    const recorded = this.#record.steps[this.position];
    const different = recorded && differenceOf(asStoredJson(step), recorded, this.#record.run);
    if (recorded && different) {
      const what = stepText(recorded, this.#record.messagesOf(recorded));
      const recordedText = `${what}; its ${different.field} is ${abbreviate(different.recorded)}`;
      this.note(`its ${different.field} is ${abbreviate(different.now)}`, recordedText);
    }
  }

  /** Judges the transition of a commit. Returns true when the run stays held after the commit. */
  #judgeTransition(to: Transition | undefined): boolean {
    const { run, steps } = this.#record;
    const next = steps[this.position];
    if (to?.status === 'completed' || to?.status === 'failed') {
      this.#compareEnd(to);
      return false;
    }
    if (to?.status === 'waiting' && to.waiting_for !== 'timer') {
      const { status, waiting_for } = run.execution;
      const isSame = next
        ? this.#record.isOutside(this.position)
        : status !== 'waiting' || waiting_for === to.waiting_for;
      this.#isEndJudged = next === undefined;
      if (!isSame) {
        this.recordDivergence(moveText(to));
      }
    } else if (!next && this.#isEndedByWorker) {
      this.note(to ? moveText(to) : 'the run goes on');
    }
    const isOutsideNext = this.#record.isOutside(this.position);
    this.position = this.#record.afterOutside(this.position);
    return to === undefined && !isOutsideNext && !this.isOver;
  }

  /**
   * Compares the end of the run. The recorded end is in the row of the run or, when somebody
   * retried the run, in the step of the retry.
   */
  #compareEnd(to: Extract<Transition, { status: 'completed' | 'failed' }>): void {
    const { run, steps } = this.#record;
    const next = steps[this.position];
    const isRetried = this.#record.isOutside(this.position) && next?.name === RETRY_STEP_NAME;
    const recorded = next ? { status: 'failed', error: next.error } : run.execution;
    if ((next && !isRetried) || !isSameEnd(asStoredJson(to), recorded)) {
      this.note(moveText(to), isRetried ? stepText(next, []) : this.#recordedText());
    }
    this.#isEndJudged = next === undefined;
    this.position = this.#record.afterOutside(this.position);
  }

  get #isEndedByWorker(): boolean {
    const { run, steps } = this.#record;
    const { status } = run.execution;
    return (status === 'completed' || status === 'failed') && steps.at(-1)?.worker !== null;
  }

  /**
   * Returns true when something arrived before the run could be completed. The database then wrote
   * nothing.
   */
  #arrivedMeanwhile(steps: number): boolean {
    const places = Array.from({ length: Math.max(steps - 1, 0) }, (_, i) => this.position + i + 1);
    return places.some((place) => this.#record.isOutside(place));
  }

  #recordedText(): string {
    const next = this.#record.steps[this.position];
    return next
      ? stepText(next, this.#record.messagesOf(next))
      : statusText(this.#record.run.execution);
  }

  #answer(outcome: CommitResult['outcome'], status: CommitResult['status']): CommitResult {
    return {
      outcome,
      status,
      step_count: this.position,
      exhausted: this.#record.exhaustedAt(this.position),
      active_ms_left: null,
      has_subscribers: false,
      has_inbox: false,
      is_pause_requested: false,
      over_quota: false,
      are_calls_limited: false,
      settings: this.#record.settingsAt(this.position),
      rules_stamp: null,
    };
  }
}

/** Compares ends. The log of a recording shows how its answers ended; older ones have no column. */
function isSameEnd(
  to: Extract<Transition, { status: 'completed' | 'failed' }>,
  recorded: { [key: string]: unknown },
): boolean {
  const {
    metrics: _,
    finish_reason: __,
    ...end
  } = to as typeof to & {
    metrics?: unknown;
    finish_reason?: unknown;
  };
  return Object.entries(end).every(
    ([field, value]) => !(field in recorded) || isSameJson(value, recorded[field]),
  );
}
