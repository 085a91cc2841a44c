import { expect, test } from 'vitest';
import type { StoredAccount } from '../../src/contracts/connected-account.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { type ClientServices, clientFor } from '../../src/tools/oauth/client.ts';

const ISSUER = 'https://as.example.com';
const REDIRECT = 'https://howdah.example.com/oauth/callback';
const metadata = {
  issuer: ISSUER,
  authorization_endpoint: `${ISSUER}/authorize`,
  token_endpoint: `${ISSUER}/token`,
  registration_endpoint: `${ISSUER}/register`,
  response_types_supported: ['code'],
};
const secondsFromNow = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds;

/** Requests the client of an integration whose registered client has a secret that expires. */
async function clientWithSecretUntil(client_secret_expires_at: number) {
  const stored: JsonObject[] = [];
  const known = { client_id: 'known', client_secret: 'old', client_secret_expires_at };
  const answer = {
    ...{ client_id: 'new', client_secret: 'fresh', redirect_uris: [REDIRECT] },
    client_secret_expires_at: secondsFromNow(86_400),
  };
  const services = {
    fetch: async () => Response.json(answer, { status: 201 }),
    rows: { nextVersion: async () => ({}), storeClient: async () => true },
    sealer: {
      open: async () => ({ issuer: ISSUER, redirect_uri: REDIRECT, client: known }),
      seal: async (_kind: string, _place: object, _next: object, value: JsonObject) => {
        stored.push(value);
      },
    },
  } as unknown as ClientServices;
  const account = { integration: { client_id: null }, client: {} } as unknown as StoredAccount;
  return { client: await clientFor(account, metadata, REDIRECT, services), stored, answer };
}

test.each([0, secondsFromNow(86_400)])(
  'a client whose secret is valid is kept (%i)',
  async (until) => {
    const { client, stored } = await clientWithSecretUntil(until);
    expect(client.client_id).toBe('known');
    expect(stored).toEqual([]);
  },
);

test('a client whose secret has expired is registered anew, with its next expiry', async () => {
  const { client, stored, answer } = await clientWithSecretUntil(secondsFromNow(-1));
  expect(client.client_id).toBe('new');
  const { client_secret_expires_at } = answer;
  expect(stored).toMatchObject([{ client: { client_id: 'new', client_secret_expires_at } }]);
});
