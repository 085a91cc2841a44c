import type { Progress } from '@modelcontextprotocol/client';
import { visibleText } from './elicitation.ts';

/**
 * Records the last progress of a call. `description` is a part of the error of a call that fails.
 */
export function lastProgress(): { take(progress: Progress): void; description(): string } {
  let last: Progress | undefined;
  return {
    take: (progress) => {
      last = progress;
    },
    description: () => {
      if (!last) return '';
      const { progress, total, message } = last;
      const far = `${progress}${total === undefined ? '' : ` of ${total}`}`;
      return ` (the last it said of its progress: ${far}${message ? `, ${visibleText(message, 200)}` : ''})`;
    },
  };
}
