import { z } from 'zod';
import { PRESETS, usePolicies } from '../../db/access/tool-policies.ts';
import { toolPolicies } from '../../resources/administration/tool-policies.ts';
import { operation } from '../operation.ts';

/** Applies a set of tool policies. */
export const useToolPolicies = operation({
  method: 'POST',
  path: `${toolPolicies.path}/use`,
  id: 'useToolPolicies',
  tag: 'tool-policies',
  summary: 'Use a set of tool policies',
  description: 'Policies that belong to no set stay.',
  body: z.strictObject({
    preset: z
      .enum(PRESETS)
      .describe('strict adds the policies of the set; none removes the policies of all sets'),
  }),
  answers: { 204: { description: 'The policies are in use' } },
  async work(db, { body }) {
    await usePolicies(db, body.preset);
    return { status: 204, body: undefined };
  },
});
