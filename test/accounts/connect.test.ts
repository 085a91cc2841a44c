import { describe, expect, test, vi } from 'vitest';
import { createEgress } from '../../src/tools/egress.ts';
import { startTestApi } from '../api/harness.ts';
import { refusal } from '../sql/support.ts';
import { consent, continueUrlIn, createBrowser } from '../support/oauth/browser.ts';
import {
  accountOf,
  createLink,
  makeIntegration,
  makeUser,
  masterKeys,
  setUpOAuthFixture,
  versionOf,
  waitForRevocations,
} from './arrange.ts';

const fixture = setUpOAuthFixture();

const ofTenant = { account_scope: 'tenant' };
const callback = () => `${fixture.api.url}/oauth/callback`;

/** Completes the authorization, and returns the URL of the callback without opening it. */
async function untilCallback(integration: string, browser = createBrowser()) {
  const { html } = await browser.open(await createLink(fixture, integration));
  const { url } = await browser.open(continueUrlIn(html), callback());
  expect(url.startsWith(callback())).toBe(true);
  return { browser, url: new URL(url) };
}

const flows = async () =>
  (await fixture.db.pool.query('select count(*)::int as count from howdah_private.account_flows'))
    .rows[0].count;

test('a client registers itself, consents with PKCE for the resource, and its link is used up', async () => {
  const { name, id } = await makeIntegration(fixture, ofTenant);
  const link = await createLink(fixture, name);
  const browser = createBrowser();
  const page = await browser.open(link);
  expect(page.html).toContain('all runs of the tenant');
  const authorizationPage = await browser.open(continueUrlIn(page.html), fixture.server.issuer);
  const sent = Object.fromEntries(new URL(authorizationPage.url).searchParams);
  expect(sent).toMatchObject({
    response_type: 'code',
    code_challenge_method: 'S256',
    redirect_uri: callback(),
    resource: fixture.resource.url,
    scope: 'notes offline_access',
    state: expect.stringMatching(/^[\w-]{43}$/),
  });
  expect(await browser.open(authorizationPage.url)).toMatchObject({ status: 200 });
  expect(await accountOf(fixture, name)).toMatchObject({ status: 'connected', error: null });
  expect((await createBrowser().open(link)).status).toBe(404);

  const version = await versionOf(fixture, id);
  await consent(await createLink(fixture, name));
  const again = await untilCallback(name);
  expect(again.url.searchParams.get('iss')).toBe(fixture.server.issuer);
  const registered = fixture.server.requests.filter((one) => one === 'POST /reg');
  expect({ registered: registered.length, version: await versionOf(fixture, id) }).toEqual({
    registered: 1,
    version,
  });
});

describe('the callback refuses', () => {
  test('a state that nobody began, and one without the browser that began it', async () => {
    const { name } = await makeIntegration(fixture, ofTenant);
    const { browser, url } = await untilCallback(name);
    const forged = new URL(url);
    forged.searchParams.set('state', 'A'.repeat(43));
    expect((await browser.open(forged.href)).status).toBe(400);
    expect((await createBrowser().open(url.href)).status).toBe(400); // the link of an attacker
    expect(await accountOf(fixture, name)).toMatchObject({ status: 'pending' });
    expect((await browser.open(url.href)).status).toBe(200);
  });

  test('a state that was used before', async () => {
    const { name } = await makeIntegration(fixture, ofTenant);
    const { browser, url } = await untilCallback(name);
    const answers = await Promise.all([1, 2, 3].map(() => browser.open(url.href)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400]);
    expect((await browser.open(url.href)).status).toBe(400);
  });

  test('a state that is older than ten minutes', async () => {
    const { name } = await makeIntegration(fixture, ofTenant);
    const { browser, url } = await untilCallback(name);
    await fixture.db.pool.query(
      `update howdah_private.account_flows set expires_at = now() - interval '1 second'`,
    );
    expect((await browser.open(url.href)).status).toBe(400);
    expect(await accountOf(fixture, name)).toMatchObject({ status: 'pending' });
    await untilCallback(name); // deletes expired flows
    expect(await flows()).toBe(1);
  });

  test('a code of another issuer, which is never sent anywhere', async () => {
    const { name } = await makeIntegration(fixture, ofTenant);
    for (const iss of ['https://evil.example.com', undefined]) {
      const { browser, url } = await untilCallback(name);
      if (iss === undefined) url.searchParams.delete('iss');
      else url.searchParams.set('iss', iss);
      const before = fixture.server.requests.filter((one) => one === 'POST /token').length;
      const page = await browser.open(url.href);
      expect(page).toMatchObject({ status: 502, html: expect.stringContaining('another issuer') });
      expect(fixture.server.requests.filter((one) => one === 'POST /token').length).toBe(before);
    }
    expect(await accountOf(fixture, name)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining('another issuer'),
    });
  });

  test('an error of the server, whose text it does not repeat', async () => {
    const { name } = await makeIntegration(fixture, ofTenant);
    const { browser, url } = await untilCallback(name);
    url.searchParams.delete('code');
    url.searchParams.set('error', 'access_denied<script>');
    url.searchParams.set('error_description', 'call 555 now');
    const { status, html } = await browser.open(url.href);
    expect({ status, html }).toMatchObject({
      status: 502,
      html: expect.stringContaining('answered access_denied_script_.'),
    });
    expect(html).not.toContain('555');
    const { error } = await accountOf(fixture, name);
    expect(error).not.toContain('555');
  });

  test('a code that was given for another verifier', async () => {
    const [one, other] = [
      await makeIntegration(fixture, ofTenant),
      await makeIntegration(fixture, ofTenant),
    ];
    const first = await untilCallback(one.name);
    const second = await untilCallback(other.name);
    second.url.searchParams.set('code', first.url.searchParams.get('code') ?? '');
    const page = await second.browser.open(second.url.href);
    expect(page).toMatchObject({ status: 502, html: expect.stringContaining('invalid_grant') });
  });
});

describe('a consent whose code is being exchanged gives no tokens', () => {
  /** Opens the callback, and runs `work` while the server answers the token exchange. */
  async function callBackWhile(name: string, work: () => Promise<unknown>) {
    const { browser, url } = await untilCallback(name);
    const held = Promise.withResolvers<void>();
    fixture.server.beforeToken = held.promise;
    const before = fixture.server.requests.length;
    const page = browser.open(url.href);
    await vi.waitUntil(() => fixture.server.requests.slice(before).includes('POST /token'), 60_000);
    await work();
    fixture.server.beforeToken = undefined;
    held.resolve();
    return page;
  }

  const countTokens = async () => (await fixture.server.refreshTokens()).length;

  test('to an account that is disconnected', async () => {
    const { name } = await makeIntegration(fixture, ofTenant);
    await createLink(fixture, name);
    const { id } = await accountOf(fixture, name);
    const before = await countTokens();
    const page = await callBackWhile(name, () =>
      fixture.db.pool.query('select howdah.disconnect_account($1)', [id]),
    );
    expect(page).toMatchObject({ status: 502, html: expect.stringContaining('disconnected') });
    expect(await accountOf(fixture, name)).toMatchObject({ status: 'revoked', error: null });
    expect(await versionOf(fixture, id)).toBeUndefined();
    expect(await countTokens()).toBe(before); // they were revoked at once
  });

  test('to an integration that leads elsewhere now', async () => {
    const { name, id } = await makeIntegration(fixture, ofTenant);
    const page = await callBackWhile(name, () =>
      fixture.db.pool.query(
        `update howdah.integrations set resource_url = 'https://other.example.com/' where id = $1`,
        [id],
      ),
    );
    expect(page).toMatchObject({ status: 502, html: expect.stringContaining('was changed') });
    const account = await accountOf(fixture, name);
    expect(account).toMatchObject({ status: 'pending', expires_at: null });
    expect(await versionOf(fixture, account.id)).toBeUndefined();
  });
});

test('a registered client that the server no longer knows is registered anew', async () => {
  const { name, id } = await makeIntegration(fixture, ofTenant);
  const { browser, url } = await untilCallback(name);
  const version = await versionOf(fixture, id);
  expect(version).toBeDefined();
  fixture.server.tokenError = 'invalid_client';
  const page = await browser.open(url.href);
  fixture.server.tokenError = undefined;
  expect(page).toMatchObject({
    status: 502,
    html: expect.stringContaining('no longer knows the client'),
  });
  expect(await versionOf(fixture, id)).toBeUndefined();
  expect(await consent(await createLink(fixture, name))).toMatchObject({ status: 200 });
  expect(await versionOf(fixture, id)).not.toBe(version);
});

test('the authorization begins only from the page of the link in the same browser', async () => {
  const { name } = await makeIntegration(fixture, ofTenant);
  const link = await createLink(fixture, name);
  const { html } = await createBrowser().open(link);
  const before = await flows();
  for (const url of [continueUrlIn(html), `${link}/continue`, `${link}/continue?key=x`]) {
    expect((await createBrowser().open(url, fixture.server.issuer)).status).toBe(400);
  }
  const browser = createBrowser();
  await browser.open(link);
  expect((await browser.open(continueUrlIn(html), fixture.server.issuer)).status).toBe(400);
  expect(await flows()).toBe(before);
  expect(
    (await createBrowser().open(`${fixture.api.url}/oauth/connect/${'x'.repeat(43)}`)).status,
  ).toBe(404);
  expect(
    (await createBrowser().open(`${fixture.api.url}/oauth/connect/..%2f..%2fapi`)).status,
  ).toBe(404);
});

test('pages have no scripts, stand in no frame, and lead nowhere that a request names', async () => {
  const { name } = await makeIntegration(fixture, {
    ...ofTenant,
    resource_url: fixture.resource.url,
  });
  const link = await createLink(fixture, name);
  const response = await fetch(
    `${link}?redirect_uri=https://evil.example.com&next=//evil.example.com`,
  );
  const html = await response.text();
  expect(html).not.toContain('evil');
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-security-policy': expect.stringContaining("default-src 'none'"),
    'x-frame-options': 'DENY',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'set-cookie': expect.stringMatching(/; Path=\/oauth\/; .*HttpOnly; SameSite=Lax/),
  });
});

test('a tenant cannot reach a private address, neither to discover nor to register', async () => {
  const api = await startTestApi(fixture.db.url, {
    masterKeys,
    egress: createEgress({ allowPrivate: [new URL(fixture.resource.origin).host] }),
  });
  try {
    // the integration's resource is a private server
    const { name } = await makeIntegration(fixture, ofTenant);
    const requests = fixture.server.requests.length;
    const browser = createBrowser();
    const { html } = await browser.open(await createLink(fixture, name));
    const page = await browser.open(continueUrlIn(html));
    expect(page).toMatchObject({
      status: 502,
      html: expect.stringContaining('its host is not a public address'),
    });
    expect(fixture.server.requests.length).toBe(requests);
  } finally {
    await api.close();
    await startTestApi(fixture.db.url).then((one) => one.close());
    await fixture.db.pool.query('select howdah_private.set_public_address($1)', [fixture.api.url]);
  }
});

test('metadata of another issuer than the one that was asked is refused', async () => {
  for (const [issuer, reason] of [
    [fixture.server.issuer.replace('127.0.0.1', 'localhost'), 'another issuer'],
    [`${fixture.server.issuer}/elsewhere`, 'no authorization server'],
  ]) {
    const { name } = await makeIntegration(fixture, { ...ofTenant, issuer: issuer ?? '' });
    const browser = createBrowser();
    const { html } = await browser.open(await createLink(fixture, name));
    const page = await browser.open(continueUrlIn(html));
    expect(page).toMatchObject({ status: 502, html: expect.stringContaining(reason ?? '') });
    expect(await accountOf(fixture, name)).toMatchObject({ status: 'failed' });
  }
});

test('a changed integration ends its accounts, and a used one cannot be deleted', async () => {
  const { name, id } = await makeIntegration(fixture, ofTenant);
  const issued = new Set((await fixture.server.refreshTokens()).map(({ jti }) => jti));
  await consent(await createLink(fixture, name));
  expect(
    await refusal(fixture.db.pool.query('delete from howdah.integrations where id = $1', [id])),
  ).toMatchObject({ code: 'HWCNF', fields: { integration: name, connected_accounts: 1 } });
  await fixture.db.pool.query(
    `update howdah.integrations set description = 'other words' where id = $1`,
    [id],
  );
  expect(await accountOf(fixture, name)).toMatchObject({ status: 'connected' });
  await fixture.db.pool.query(
    `update howdah.integrations set resource_url = 'https://evil.example.com/mcp' where id = $1`,
    [id],
  );
  expect(await accountOf(fixture, name)).toMatchObject({
    status: 'expired',
    error: 'the integration was changed',
  });
  await waitForRevocations(fixture);
  const left = (await fixture.server.refreshTokens()).filter(({ jti }) => !issued.has(jti));
  expect(left).toEqual([]);
  const { rows } = await fixture.db.pool.query(
    'select from howdah_private.sealed_documents where tenant_id = $1 and (integration_id = $2 or account_id in (select a.id from howdah.connected_accounts as a where a.integration_id = $2))',
    [fixture.tenantId, id],
  );
  expect(rows).toEqual([]);
  await fixture.db.pool.query('delete from howdah.integrations where id = $1', [id]);
});

describe('the audit log', () => {
  const entries = async (integration: string) =>
    (
      await fixture.db.pool.query(
        `select action, actor, user_id, detail from howdah.audit_log
         where object = 'connected_accounts' and detail ->> 'integration' = $1 order by seq`,
        [integration],
      )
    ).rows;
  const ofUser = (user_id: string) => ({ detail: expect.objectContaining({ user_id }) });

  test('records who connected an account, and its end', async () => {
    const { name } = await makeIntegration(fixture);
    const username = `ada_${name}`;
    const user_id = await makeUser(fixture, username);
    await consent(await createLink(fixture, name, username));
    const account = await accountOf(fixture, name, user_id);
    await fixture.db.pool.query('select howdah.disconnect_account($1)', [account.id]);
    expect(await entries(name)).toMatchObject([
      { action: 'request_connect', ...ofUser(user_id) },
      { action: 'connect', actor: username, user_id, ...ofUser(user_id) },
      { action: 'disconnect', ...ofUser(user_id) },
    ]);
  });

  test('records a connection by the link of a question of a run, and one that was given again', async () => {
    const { name } = await makeIntegration(fixture);
    const username = `bob_${name}`;
    const user_id = await makeUser(fixture, username);
    await createLink(fixture, name, username); // makes the account, and is never opened
    const { id } = await accountOf(fixture, name, user_id);
    for (let round = 0; round < 2; round++) {
      const { rows } = await fixture.db.pool.query(
        'select howdah_private.consent_link($1) as link',
        [id],
      );
      await consent(rows[0].link);
    }
    const connected = (await entries(name)).filter(({ action }) => action === 'connect');
    expect(connected).toMatchObject([
      { actor: username, user_id },
      { actor: username, user_id },
    ]);
  });

  test('records a token that the server refuses, a changed integration, and an erased user', async () => {
    const { name, id } = await makeIntegration(fixture);
    const username = `cyd_${name}`;
    const user_id = await makeUser(fixture, username);
    await consent(await createLink(fixture, name, username));
    const account = await accountOf(fixture, name, user_id);
    await fixture.db.pool.query('select howdah_private.fail_refresh($1, $2, $3, true)', [
      account.id,
      await versionOf(fixture, account.id),
      'invalid_grant',
    ]);
    await consent(await createLink(fixture, name, username));
    await fixture.db.pool.query(
      `update howdah.integrations set resource_url = 'https://elsewhere.example.com' where id = $1`,
      [id],
    );
    await fixture.db.pool.query('delete from howdah.users where id = $1', [user_id]);
    expect((await entries(name)).map(({ action }) => action)).toEqual([
      ...['request_connect', 'connect', 'expire'],
      ...['request_connect', 'connect', 'expire'],
    ]);
    await waitForRevocations(fixture);
  });
});

test('each page of a link gives the browser a new key, and one that was planted does not count', async () => {
  const { name } = await makeIntegration(fixture, ofTenant);
  const link = await createLink(fixture, name);
  const planted = 'p'.repeat(43);
  const keyOf = async () => {
    const response = await fetch(link, { headers: { cookie: `howdah_browser=${planted}` } });
    return /howdah_browser=([^;]+)/.exec(response.headers.get('set-cookie') ?? '')?.[1];
  };
  const keys = [await keyOf(), await keyOf()];
  expect(new Set([...keys, planted]).size).toBe(3);
  const { status } = await fetch(`${link}/continue?key=${planted}`, {
    redirect: 'manual',
    headers: { cookie: `howdah_browser=${planted}`, 'sec-fetch-site': 'cross-site' },
  });
  expect(status).toBe(400);
});

test('over https, only a cookie that no other host can set counts', async () => {
  const { name } = await makeIntegration(fixture, ofTenant);
  const link = await createLink(fixture, name);
  const { pathname } = new URL(link);
  const key = 'k'.repeat(43);
  await fixture.db.pool.query(
    `select howdah_private.set_public_address('https://howdah.example.com')`,
  );
  try {
    const url = `${fixture.api.url}${pathname}`;
    const setCookie = (await fetch(url)).headers.get('set-cookie') ?? '';
    expect(setCookie).toMatch(
      /^__Host-howdah_browser=[\w-]{43}; Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure$/,
    );
    const continueWith = async (cookie: string) =>
      (await fetch(`${url}/continue?key=${key}`, { redirect: 'manual', headers: { cookie } }))
        .status;
    expect(await continueWith(`howdah_browser=${key}`)).toBe(400);
    expect(await continueWith(`__Host-howdah_browser=${key}`)).toBe(303);
  } finally {
    await fixture.db.pool.query('select howdah_private.set_public_address($1)', [fixture.api.url]);
  }
});
