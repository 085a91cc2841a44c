import { z } from 'zod';
import { numberText } from '../../../resources/fields.ts';

/** The query parameters of a stream of a list, besides its filter. */
export const listStart = {
  first: numberText(
    z.int('must be a whole number from 0 to 1000').min(0).max(1000).default(100),
  ).describe('The number of the newest rows to begin with; ignored with a cursor'),
  after: z.string().optional().describe('The same as the header Last-Event-ID'),
};

/** Describes the events of a stream of rows for the OpenAPI document. */
export function listEventsText(name: 'execution' | 'question' | 'watched_row'): string {
  return (
    `Sends the newest rows first, then the new state of each row that changes. The event \`${name}\` has the row as it is now, ` +
    '`removed` the id of a row that is not in the list any more, and `synced` says that nothing is missing up to its id. ' +
    'States in between may be left out. After a reconnect with Last-Event-ID, only changes since then are sent. docs/live-lists.md'
  );
}
