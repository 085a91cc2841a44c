import { type MergedIterator, mapIterator } from '../../concurrency/merge-iterators.ts';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { FeedRow } from '../../db/feed/tree-rows.ts';
import { childOf, questionFields } from './step-events.ts';
import type { RunStreamSources } from './stream-events.ts';

type ChildItem = { of: 'child'; row: FeedRow };

/** Follows the child runs of a run for their questions. */
export class ChildQuestions<Item> {
  readonly #sources: RunStreamSources;
  readonly #merged: MergedIterator<Item | ChildItem>;
  readonly #followed = new Set<string>();
  readonly #reported = new Set<string>();

  /** The steps of the child runs are added to `merged`. */
  constructor(sources: RunStreamSources, merged: MergedIterator<Item | ChildItem>) {
    this.#sources = sources;
    this.#merged = merged;
  }

  /** Follows the child runs that are live already. */
  async followExisting(id: string): Promise<void> {
    for (const child of await this.#sources.liveChildren(id)) this.#follow(child);
  }

  /** Follows the child run that a step starts, if it starts one. */
  async followStartedBy({ step }: FeedRow): Promise<void> {
    const child = step.kind === 'child_started' ? childOf(step) : undefined;
    if (child && (await this.#sources.isSeen(child))) this.#follow(child);
  }

  /** Sends the question of a step of a child run, unless the question is answered. */
  async *questionIn(row: FeedRow): AsyncGenerator<StreamEvent, void> {
    await this.followStartedBy(row);
    if (row.step.kind !== 'question') return;
    const { execution_id: id, seq } = row;
    const { agent, question } = await this.#sources.readStepDetails({ id, seq, after: undefined });
    const questionId = String(question?.question_id);
    if (question?.status !== 'open' || this.#reported.has(questionId)) return;
    this.#reported.add(questionId);
    const data = { execution_id: id, seq, agent, ...questionFields(row.step, question) };
    yield { event: 'ask_user', data };
  }

  #follow(id: string): void {
    if (this.#followed.has(id)) return;
    this.#followed.add(id);
    const rows = this.#sources.steps(id, 0);
    this.#merged.add(mapIterator(rows, (row): ChildItem => ({ of: 'child', row })));
  }
}
