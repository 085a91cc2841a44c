import type { Operations } from '../../client/operations.generated.ts';
import type { Step } from '../../db/queries/queries.ts';
import type { Api } from './connect.ts';

type RestStep = Operations['listExecutionSteps']['gives']['data'][number];
type Message = Operations['listExecutionMessages']['gives']['data'][number];

const PAGE = 1_000;
/** The wait for an announced step, in milliseconds. A replica may lag behind. */
const BEHIND_MS = 100;

/**
 * A reader of the steps of a run. Each step is read once, in the form that `stepsAfter` of the
 * database returns.
 */
export type StepReader = {
  /** Reads the steps after the last one returned. Waits until the step `upTo` is available. */
  read(upTo: number, signal?: AbortSignal): Promise<Step[]>;
};

/** Creates a reader of the steps after `after`. */
export function createStepReader(api: Api, id: string, after = 0): StepReader {
  let last = after;
  let lastMessage = 0;
  const messagesByStep = new Map<number, Message[]>();
  const page = async () => {
    const query = { after: last, limit: PAGE };
    const { data } = await api.call('listExecutionSteps', { params: { id }, query });
    if (data.length > 0) await hear();
    last = data.at(-1)?.seq ?? last;
    return data.map((step) => stepOf(step, taken(messagesByStep, step.seq)));
  };
  /** Reads the messages of the steps. They are available as soon as their steps are. */
  const hear = async () => {
    let isMore = true;
    while (isMore) {
      const query = { after: lastMessage, limit: PAGE };
      const { data, next } = await api.call('listExecutionMessages', { params: { id }, query });
      for (const message of data) {
        const seq = message.step_seq ?? 0;
        if (seq > last) messagesByStep.set(seq, [...(messagesByStep.get(seq) ?? []), message]);
      }
      lastMessage = data.at(-1)?.seq ?? lastMessage;
      isMore = next !== null;
    }
  };
  return {
    async read(upTo, signal) {
      const steps: Step[] = [];
      for (;;) {
        const more = await page();
        steps.push(...more);
        if (more.length === PAGE) continue;
        if (last >= upTo || signal?.aborted) return steps;
        await new Promise((resolve) => setTimeout(resolve, BEHIND_MS));
      }
    },
  };
}

function taken(messagesByStep: Map<number, Message[]>, seq: number): Message[] {
  const messages = messagesByStep.get(seq) ?? [];
  messagesByStep.delete(seq);
  return messages;
}

function stepOf(step: RestStep, messages: readonly Message[]): Step {
  const { seq, kind, name, input, output, error, tokens_in, tokens_out, cost } = step;
  const said = messages.flatMap(({ content }) => content ?? []);
  const calls = messages.flatMap(({ tool_calls }) => (tool_calls ?? []) as Call[]).map(callOf);
  return {
    ...{ seq, kind, name, input, output, error, tokens_in, tokens_out, cost },
    started_at: new Date(step.started_at),
    finished_at: new Date(step.finished_at),
    said: said.length > 0 ? said.join('\n') : null,
    calls: calls.length > 0 ? calls.join(', ') : null,
  } as unknown as Step; // numbers, as the CLI reads them from the database
}

type Call = { name: string; arguments: unknown };

function callOf({ name, arguments: args }: Call): string {
  return `${name} ${typeof args === 'string' ? args : JSON.stringify(args)}`;
}
