import { z } from 'zod';
import type { EndpointPath } from '../http/openapi.ts';

/** Paths of inbound hooks. The server and the OpenAPI document use them. */

/** The first part of the paths. They need no login, since the requests are signed. */
export const HOOKS = '/hooks/';

const tag = 'inbound-hooks';
const name = z.string().describe('The name of the hook');
const result = z
  .object({
    status: z.enum(['accepted', 'ignored']),
    delivery_id: z.string().describe('The id of the row in howdah.inbound_deliveries'),
    execution_id: z.string().nullable().describe('The run; null if the delivery needs none'),
    is_repeat: z.boolean().describe('True if the delivery arrived before'),
    reason: z.string().optional().describe('Why the delivery needs no run'),
  })
  .meta({ id: 'InboundDeliveryResult' });
const shared = {
  method: 'POST',
  tag,
  login: 'nobody',
  description:
    'The request must have the signature or the secret of the hook; see docs/inbound-hooks.md. All other requests get ' +
    'the same answer 401, also those to hooks that do not exist.',
  body: z.unknown().describe('Any JSON, at most 1 MB'),
  answers: {
    202: { description: 'A run began, or the message waits for its turn', schema: result },
    200: { description: 'The delivery needs no run, or arrived before', schema: result },
  },
} as const;

const ofDefault = {
  ...shared,
  path: '/hooks/{name}',
  id: 'receiveDelivery',
  summary: 'Start a run with a signed request to a hook of the tenant default',
  params: z.object({ name }),
} as const satisfies EndpointPath;

const ofTenant = {
  ...shared,
  path: '/hooks/{tenant}/{name}',
  id: 'receiveDeliveryOfTenant',
  summary: 'Start a run with a signed request to a hook',
  params: z.object({ tenant: z.string().describe('The slug of the tenant'), name }),
} as const satisfies EndpointPath;

export const inboundPaths: readonly EndpointPath[] = [ofDefault, ofTenant];
