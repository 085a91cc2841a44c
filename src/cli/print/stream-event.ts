import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import { type CliIo, paint, printJson } from '../output/output.ts';
import { oneLine, plainText } from '../output/terminal-text.ts';
import { errorOf } from './step-line.ts';

/** Prints an event of a stream. The answer is the result, and anything else is talk. */
export function showStreamEvent(io: CliIo, streamEvent: StreamEvent): void {
  if (io.json) {
    printJson(io, streamEvent);
    return;
  }
  const { event, data } = streamEvent;
  if (event !== 'complete') {
    const seq = String(data.seq).padStart(3);
    io.err(`${seq}  ${event.padEnd(11)} ${paint(io, 'dim', wordsOf(streamEvent))}`);
    return;
  }
  const tokens = Number(data.tokens_in) + Number(data.tokens_out);
  io.err(`${data.status} (${data.stop_reason}) · ${tokens} tokens · cost ${data.cost}`);
  if (data.status === 'completed') io.out(plainText(String(data.output ?? '')));
  else io.err(errorOf(data.error) ?? `the run was ${data.status}`);
}

/** Returns the text of an event in one line. */
function wordsOf({ data }: StreamEvent): string {
  const said =
    data.prompt ?? errorOf(data.error) ?? data.content ?? data.output ?? data.arguments ?? '';
  const named = data.tool ?? data.name ?? (data.kind === 'fork' ? 'fork' : undefined);
  const name = typeof named === 'string' ? `${named} ` : '';
  return name + oneLine(typeof said === 'string' ? said : JSON.stringify(said));
}
