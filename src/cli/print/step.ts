import { HowdahError } from '../../contracts/errors.ts';
import type { Step } from '../../db/queries/queries.ts';
import { executionId } from '../input/resolve-id.ts';
import { type CliIo, plainNumber, printJson } from '../output/output.ts';
import { plainText } from '../output/terminal-text.ts';
import { errorOf } from './step-line.ts';

/** The target of `show`: a run, or one step of it. */
export type StepView = { id: string; seq?: number };

/** Parses `ID` and `ID/SEQ`. */
export function shownIn(text: string): StepView {
  const [id = '', seq, ...more] = text.split('/');
  if (seq === undefined) return { id: executionId(id) };
  if (!/^[1-9]\d{0,8}$/.test(seq) || more.length > 0) {
    throw new HowdahError('EUSAGE', `${[seq, ...more].join('/')} is not a step number`, {
      hint: 'Steps are numbered from 1: howdah show ID/1',
    });
  }
  return { id: executionId(id), seq: Number(seq) };
}

/** Returns the step, which is the first of the steps after the previous one. Throws `HWNTF`. */
export function stepIn([step]: readonly Step[], { id, seq }: Required<StepView>): Step {
  if (step?.seq === seq) return step;
  throw new HowdahError('HWNTF', `execution ${id} has no step ${seq}`, {
    hint: `List its steps: howdah show ${id}`,
    detail: { execution_id: id, seq },
  });
}

/** Prints one step with all its input and output. */
export function printStep(io: CliIo, execution_id: string, step: Step): void {
  if (io.json) {
    printJson(io, { execution_id, ...step });
    return;
  }
  const { seq, kind, name, started_at, finished_at, tokens_in, tokens_out, cost } = step;
  const ms = finished_at.getTime() - started_at.getTime();
  const error = errorOf(step.error);
  const lines: [string, string | null | undefined][] = [
    ['execution', execution_id],
    ['step', [seq, kind, name].filter((word) => word !== null).join(' ')],
    ['started', `${started_at.toISOString()}, took ${ms} ms`],
    ['used', `${tokens_in} tokens in, ${tokens_out} out · cost ${plainNumber(cost)}`],
    ['input', jsonText(step.input)],
    ['calls', step.calls],
    ['output', jsonText(step.output)],
    ['said', step.said],
    ['error', error],
  ];
  for (const [title, text] of lines) {
    if (text !== null && text !== undefined) io.out(`${title.padEnd(10)}${plainText(text)}`);
  }
}

/** Returns a text unchanged, and anything else as JSON. */
function jsonText(value: Step['input']): string | null {
  if (value === null || typeof value === 'string') return value;
  return JSON.stringify(value, null, 2);
}
