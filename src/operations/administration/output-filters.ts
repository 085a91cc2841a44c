import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { filterPlaces, tryFilters } from '../../db/access/output-filters.ts';
import { outputFilters } from '../../resources/administration/output-filters.ts';
import { operation } from '../operation.ts';

/** Shows what the filters do to a text. */
export const previewOutputFilters = operation({
  method: 'POST',
  path: `${outputFilters.path}/preview`,
  id: 'previewOutputFilters',
  tag: 'output-filters',
  summary: 'Show what the output filters do to a text',
  description: 'The text is not stored.',
  body: z.strictObject({
    text: z.string(),
    place: z.enum(filterPlaces).optional().describe('The place of the text; output by default'),
    agent: z.string().optional().describe('The name of an agent whose own filters apply as well'),
  }),
  answers: {
    200: {
      description: 'The text as it would be stored',
      schema: z.object({
        value: z.unknown().describe('The filtered text; null if a filter blocks it'),
        hits: z
          .array(
            z.object({
              filter: z.string(),
              action: z.enum(enumLabels.filter_action),
              matches: z.int().optional(),
            }),
          )
          .describe('The filters that matched'),
      }),
    },
  },
  async work(db, { body: { text, place = 'output', agent } }) {
    return { body: await tryFilters(db, text, place, agent) };
  },
});
