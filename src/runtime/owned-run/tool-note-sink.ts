import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { HeldRunOptions } from './held-run-options.ts';

/**
 * Returns a function that sends the messages of a run's tools to its subscribers while they work.
 * Texts that filters of the tenant would have to check are not sent.
 */
export function createToolNoteSink({ claimed, tell }: HeldRunOptions): (note: ToolNote) => void {
  return (note) => {
    if (!claimed.is_filtered) return tell(note);
    if (note.type === 'log') return;
    const { message: _, ...numbers } = note;
    tell(numbers);
  };
}
