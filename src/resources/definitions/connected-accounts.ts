import { z } from 'zod';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { id, names, time } from '../fields.ts';
import { shownName } from '../references.ts';
import { resource } from '../resource.ts';
import { times } from './columns.ts';

const status = z.enum(enumLabels.account_status);

/** Accounts that people connected for integrations. Operations of their own write them. */
export const connectedAccounts = resource('connected_accounts', {
  path: '/api/connected-accounts',
  one: 'connected account',
  writes: [],
  command: {
    noun: 'admin integrations accounts',
    list: ['id', 'integration', 'user', 'status', 'expires_at', 'error'],
    empty: 'No connected accounts.',
    name: 'id',
  },
  columns: {},
  readOnly: {
    integration_id: id,
    user_id: id.nullable(),
    status,
    scopes: names,
    expires_at: time.nullable(),
    connected_at: time.nullable(),
    refreshed_at: time.nullable(),
    error: z.string().nullable(),
    ...times,
  },
  computed: {
    integration: {
      sql: '(select i.name from howdah.integrations as i where i.id = t.integration_id)',
      schema: z.string().describe('The name of the integration'),
    },
    user: {
      ...shownName('users', 'user_id'),
      schema: z.string().nullable().describe('The name of the user; null for the whole tenant'),
    },
  },
  filters: { integration_id: id.optional(), user_id: id.optional(), status: status.optional() },
});
