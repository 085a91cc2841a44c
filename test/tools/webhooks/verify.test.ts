import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, test } from 'vitest';
import { webhookHeaders } from '../../../src/tools/webhooks/sign.ts';
import { type Verification, verifyRequest } from '../../../src/tools/webhooks/verify.ts';

type Sent = { headers: Record<string, string>; body: string; at?: number };

const verify = (how: Verification, { headers, body, at = 0 }: Sent, secret: string | string[]) =>
  verifyRequest(
    how,
    { headers, body: Buffer.from(body), at: new Date(at * 1_000) },
    [secret].flat().map((value) => ({ name: 'hook', value })),
  );

describe('examples that senders publish are verified', () => {
  test('GitHub: validating webhook deliveries', () => {
    const headers = {
      'x-github-delivery': '72d3162e-cc78-11e3-81ab-4c9367dc0958',
      'x-hub-signature-256':
        'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
    };
    const sent = { headers, body: 'Hello, World!' };
    expect(verify('github', sent, "It's a Secret to Everybody")).toMatchObject({
      ok: true,
      value: { deliveryId: '72d3162e-cc78-11e3-81ab-4c9367dc0958' },
    });
    expect(
      verify('github', { ...sent, body: 'Hello, World' }, "It's a Secret to Everybody"),
    ).toEqual(expect.objectContaining({ ok: false, fault: 'wrong_signature' }));
  });

  test('Slack: verifying requests from Slack', () => {
    const body =
      'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar' +
      '&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=' +
      '&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN' +
      '&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c';
    const headers = {
      'x-slack-request-timestamp': '1531420618',
      'x-slack-signature': 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503',
    };
    const secret = '8f742231b10e8888abcd99yyyzzz85a5';
    expect(verify('slack', { headers, body, at: 1531420618 }, secret).ok).toBe(true);
    expect(verify('slack', { headers, body, at: 1531420618 + 301 }, secret)).toMatchObject({
      fault: 'late',
    });
    expect(verify('slack', { headers, body, at: 1531420618 - 301 }, secret)).toMatchObject({
      fault: 'late',
    });
  });

  test('Standard Webhooks: the vector of its libraries', () => {
    const headers = {
      'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      'webhook-timestamp': '1614265330',
      'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    };
    const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
    const sent = { headers, body: '{"test": 2432232314}', at: 1614265330 };
    expect(verify('standard_webhooks', sent, secret).ok).toBe(true);
    expect(verify('standard_webhooks', sent, 'not a key')).toMatchObject({
      fault: 'unusable_secret',
    });
  });
});

test('what the library of Standard Webhooks and our own sender sign is verified', () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  const at = new Date(1_700_000_000_000);
  const body = '{"type":"a"}';
  const theirs = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': '1700000000',
    'webhook-signature': `v1a,x ${new Webhook(secret).sign('msg_1', at, body)}`,
  };
  const key = Buffer.alloc(32, 7);
  const ours = Object.fromEntries(webhookHeaders({ id: 'msg_2', body, at }, [key]));
  for (const headers of [theirs, ours]) {
    const sent = { headers, body, at: 1_700_000_000 };
    expect(verify('standard_webhooks', sent, ['other secret', secret]).ok).toBe(false);
    expect(verify('standard_webhooks', sent, secret).ok).toBe(true);
    expect(
      verify('standard_webhooks', { ...sent, headers: { ...headers, 'webhook-id': 'x' } }, secret),
    ).toMatchObject({ fault: 'wrong_signature' });
  }
});

describe('Stripe', () => {
  const body = '{"id":"evt_1","type":"charge.failed"}';
  const sign = (secret: string, t = 1_700_000_000) =>
    createHmac('sha256', secret).update(`${t}.${body}`).digest('hex');
  const sent = (signature: string) => ({
    headers: { 'stripe-signature': signature },
    body,
    at: 1_700_000_100,
  });

  test('one of several signatures suffices, of either secret; other schemes do not count', () => {
    const right = sign('whsec_old_secret_');
    const both = ['whsec_new_secret_', 'whsec_old_secret_'];
    expect(verify('stripe', sent(`t=1700000000,v1=${right}`), both).ok).toBe(true);
    expect(verify('stripe', sent(`t=1700000000,v1=00,v1=${right},v0=11`), both).ok).toBe(true);
    expect(verify('stripe', sent(`t=1700000000,v0=${right}`), both)).toMatchObject({
      fault: 'unsigned',
    });
    expect(verify('stripe', sent(`t=1700000001,v1=${right}`), both)).toMatchObject({
      fault: 'wrong_signature',
    });
    expect(verify('stripe', sent(`v1=${right}`), both)).toMatchObject({ fault: 'unsigned' });
    expect(verify('stripe', sent(`t=now,v1=${right}`), both)).toMatchObject({ fault: 'unsigned' });
    const late = sign('whsec_old_secret_', 1_699_990_000);
    expect(verify('stripe', sent(`t=1699990000,v1=${late}`), both)).toMatchObject({
      fault: 'late',
    });
  });
});

test.each<[Record<string, string>, string | null, boolean]>([
  [{ authorization: 'Bearer secret-one-of-two' }, null, true],
  [{ authorization: 'bearer secret-two-of-two ' }, null, true],
  [{ authorization: 'Basic secret-one-of-two' }, null, false],
  [{ authorization: 'Bearer secret-on' }, null, false],
  [{ 'x-gitlab-token': 'secret-one-of-two' }, 'X-Gitlab-Token', true],
  [{ 'x-gitlab-token': 'secret-one-of-two ' }, 'X-Gitlab-Token', false],
  [{ authorization: 'Bearer secret-one-of-two' }, 'X-Gitlab-Token', false],
  [{}, null, false],
])('a shared secret in %j, header %s: %s', (headers, header, isRight) => {
  const secrets = ['secret-one-of-two', 'secret-two-of-two'].map((value) => ({
    name: 'hook',
    value,
  }));
  const request = { headers, body: Buffer.from('{}'), at: new Date() };
  expect(verifyRequest('shared_secret', request, secrets, header).ok).toBe(isRight);
});
