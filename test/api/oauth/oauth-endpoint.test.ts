import { createHash } from 'node:crypto';
import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type OAuthEndpointOptions, oauthRoutes } from '../../../src/api/oauth/oauth-endpoint.ts';

// Authorization servers that never answer, except those of the tenant `quick`.

const digestOf = (text: string) => createHash('sha256').update(text).digest();
const KEY = 'k'.repeat(43);
const links = { slow: 's'.repeat(43), quick: 'q'.repeat(43) };
let app: FastifyInstance;
let started: string[];

beforeEach(() => {
  started = [];
  app = fastify();
  const tenantOf = new Map(
    Object.entries(links).map(([tenant, link]) => [digestOf(link).toString('hex'), tenant]),
  );
  const options = {
    flows: {
      ofLink: async (digest: Buffer) => ({
        tenant_id: tenantOf.get(digest.toString('hex')),
        address: 'http://localhost',
      }),
      fail: async () => {},
    },
    authorizations: {
      digestOf,
      newKey: () => KEY,
      begin: async ({ tenant_id }: { tenant_id: string }) => {
        started.push(tenant_id);
        if (tenant_id === 'slow') await new Promise(() => {});
        return { ok: true, value: 'https://as.example.com/authorize' };
      },
    },
    onError: () => {},
  } as unknown as OAuthEndpointOptions;
  oauthRoutes(app, options);
});
afterEach(() => app.close());

const open = (tenant: keyof typeof links) =>
  app.inject({
    url: `/oauth/connect/${links[tenant]}/continue?key=${KEY}`,
    headers: { cookie: `howdah_browser=${KEY}` },
  });

test('a tenant whose server does not answer delays no consent of another tenant', async () => {
  const waiting = Array.from({ length: 20 }, () => open('slow'));
  await new Promise(setImmediate);
  const { statusCode, headers } = await open('quick');
  expect({ statusCode, location: headers.location }).toEqual({
    statusCode: 303,
    location: 'https://as.example.com/authorize',
  });
  expect(waiting).toHaveLength(20);
});

test('a page beyond the queue is refused with 503 and a hint', async () => {
  const answers = Array.from({ length: 100 }, () => open('slow'));
  const refused = await Promise.race(answers);
  expect(refused.statusCode).toBe(503);
  expect(refused.body).toContain('too many accounts are being connected at once');
  expect(refused.body).toContain('Open the link again in a moment.');
});
