import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { flag, names, object, optionalText } from '../fields.ts';
import { resource } from '../resource.ts';
import { byName, times } from './columns.ts';

const columns = {
  name: z.string(),
  description: z.string().optional(),
  resource_url: z.string(),
  account_scope: z.enum(enumLabels.account_scope).optional(),
  grant_type: z.enum(enumLabels.oauth_grant).optional(),
  scopes: names.optional(),
  issuer: optionalText,
  endpoints: object.nullable().optional(),
  client_id: optionalText,
  secret_name: optionalText,
  sends_resource: z.boolean().optional(),
  is_active: z.boolean().optional(),
};

/** OAuth clients of other services, whose accounts tools use. */
export const integrations = resource('integrations', {
  path: '/api/integrations',
  one: 'integration',
  // An account that is connected meanwhile is no change of the integration.
  stamp: Object.keys(columns)
    .map((column) => `t.${column}`)
    .join(', '),
  command: {
    noun: 'admin integrations',
    list: ['id', 'name', 'resource_url', 'account_scope', 'grant_type', 'is_active'],
    empty: 'No integrations. Create one: howdah admin integrations create NAME --url URL',
  },
  columns,
  once: ['name'],
  readOnly: times,
  computed: {
    connected_accounts: {
      sql: `(select count(*)::int from howdah.connected_accounts as a
        where a.integration_id = t.id and a.status = 'connected')`,
      schema: z.int().describe('The number of connected accounts that the caller may see'),
    },
  },
  examples: {
    create: { name: 'notes', resource_url: 'https://mcp.example.com/mcp' },
    change: { scopes: ['notes.read', 'notes.write'] },
  },
  filters: { ...byName, is_active: flag.optional() },
});
