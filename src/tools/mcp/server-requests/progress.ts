import type { Progress } from '@modelcontextprotocol/client';
import { plainText } from './elicitation.ts';

/** Records the last progress of a call. `told` describes it for the error of a call that fails. */
export function lastProgress(): { take(progress: Progress): void; told(): string } {
  let last: Progress | undefined;
  return {
    take: (progress) => {
      last = progress;
    },
    told: () => {
      if (!last) return '';
      const { progress, total, message } = last;
      const far = `${progress}${total === undefined ? '' : ` of ${total}`}`;
      return ` (the last it said of its progress: ${far}${message ? `, ${plainText(message, 200)}` : ''})`;
    },
  };
}
