import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { HoldOptions } from './hold-options.ts';

/** Tells whoever follows a run what a tool says while it works. What filters of its tenant would have to look at is not told. */
export function createToolNoteSink({ claimed, tell }: HoldOptions): (note: ToolNote) => void {
  return (note) => {
    if (!claimed.is_filtered) return tell(note);
    if (note.type === 'log') return;
    const { message: _, ...numbers } = note;
    tell(numbers);
  };
}
