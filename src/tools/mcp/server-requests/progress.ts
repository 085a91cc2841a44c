import type { Progress } from '@modelcontextprotocol/client';
import { plainText } from './elicitation.ts';

/** How far a call got, as its server said last: told where it does not come to its end. */
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
