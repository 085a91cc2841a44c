import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { filterPlaces } from '../../db/access/output-filters.ts';
import { flag, id, time } from '../fields.ts';
import { resource } from '../resource.ts';
import { agentByName, namesOfSubject, withSubjectIds } from '../subject-names.ts';

/** Patterns that redact or block what a run says. */
export const outputFilters = resource('output_filters', {
  path: '/api/output-filters',
  one: 'output filter',
  command: {
    noun: 'admin filters',
    list: ['name', 'agent', 'pattern', 'places', 'action', 'is_active'],
    empty: 'There are no filters: output and input of runs are not filtered. See docs/trust.md.',
  },
  columns: {
    name: z.string(),
    agent_id: id.nullable().optional(),
    pattern: z.string(),
    places: z.array(z.enum(filterPlaces)).optional(),
    action: z.enum(enumLabels.filter_action).optional(),
    is_active: z.boolean().optional(),
  },
  parts: agentByName,
  valuesOf: withSubjectIds,
  once: ['agent_id'],
  readOnly: { created_at: time, updated_at: time },
  computed: { agent: namesOfSubject.agent },
  examples: { create: { name: 'iban', pattern: '[A-Z]{2}[0-9]{20}' }, change: { action: 'block' } },
  filters: { name: z.string().optional(), agent_id: id.optional(), is_active: flag.optional() },
});
