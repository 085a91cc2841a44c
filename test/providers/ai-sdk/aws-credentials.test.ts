import { createHash, createHmac } from 'node:crypto';
import { afterAll, expect, test } from 'vitest';
import type { ModelRef } from '../../../src/contracts/agents/model.ts';
import { awsCredentialsIn, awsKeyIn } from '../../../src/providers/ai-sdk/aws-credentials.ts';
import { aiSdkProvider } from '../../../src/providers/ai-sdk.ts';
import type { ModelValues } from '../../../src/providers/environment/variables.ts';
import { vendorKeys } from '../../../src/providers/environment/vendor-keys.ts';
import { findFix } from '../../../src/providers/report.ts';
import { answerOf, errorOf, modelRef, modelRequest, unabortedSignal } from '../requests.ts';
import { sdkVendor } from './sdk-vendors.ts';
import { startVendorServer, type VendorRequest } from './vendor-server.ts';

const ID = 'AKIAIOSFODNN7EXAMPLE';
const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const TOKEN = 'FwoGZXIvYXdzEJr//token==';
let words = ['Hi'];
const server = await startVendorServer('bedrock', () => ({ words }));
afterAll(() => server.close());

const bedrock = aiSdkProvider({ vendor: sdkVendor('amazon-bedrock') });
const row = (
  request_params: ModelRef['request_params'] = {},
  base_url: string | null = server.url,
) =>
  modelRef({
    ...{ provider: 'amazon-bedrock', model: 'amazon.nova-pro-v1:0', base_url },
    ...{ secret_name: 'aws', request_params },
  });

/** Sends a message with a key, and returns the request that the server received. */
async function send(key: string, request_params: ModelRef['request_params'] = {}) {
  server.requests.length = 0;
  const request = modelRequest('Hello', { model: row(request_params) });
  answerOf(
    await bedrock.generate(request, { signal: unabortedSignal(), key, traceparent: '00-1-2-01' }),
  );
  return server.requests[0] as VendorRequest;
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string) =>
  createHmac('sha256', key).update(text).digest();

/** Computes the signature of a request as AWS does (Signature Version 4). */
function signatureOf({ path, headers, body }: VendorRequest, signed: string, scope: string) {
  const [date = '', region = '', service = ''] = scope.split('/');
  const lines = signed.split(';').map((name) => `${name}:${headers[name]}\n`);
  const encodedPath = path.replaceAll('%', '%25');
  const hash = sha256(JSON.stringify(body));
  const request = ['POST', encodedPath, '', lines.join(''), signed, hash].join('\n');
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(request)].join('\n');
  const key = [date, region, service, 'aws4_request'].reduce<string | Buffer>(
    hmac,
    `AWS4${SECRET}`,
  );
  return hmac(key, text).toString('hex');
}

test.each([
  [`${ID}:${SECRET}`, { region: 'eu-central-1' }, 'eu-central-1', undefined],
  [`${ID}:${SECRET}:us-gov-west-1`, {}, 'us-gov-west-1', undefined],
  [`${ID}:${SECRET}:eu-west-1:${TOKEN}`, {}, 'eu-west-1', TOKEN],
  [`${ID}:${SECRET}:${TOKEN}`, { region: 'eu-west-1' }, 'eu-west-1', TOKEN],
])('a request with the access key %s is signed', async (key, params, region, token) => {
  const sent = await send(key, { ...params, requestMetadata: { team: 'support' } });
  const { authorization = '' } = sent.headers;
  const found =
    /^AWS4-HMAC-SHA256 Credential=(\w+)\/([^,]+), SignedHeaders=([^,]+), Signature=(\w+)$/.exec(
      authorization,
    );
  const [, id, scope = '', signed = '', signature] = found ?? [];
  expect(id).toBe(ID);
  expect(scope.split('/').slice(1)).toEqual([region, 'bedrock', 'aws4_request']);
  expect(sent.headers['x-amz-security-token']).toBe(token);
  expect(sent.body).toMatchObject({ requestMetadata: { team: 'support' } });
  expect(signature).toBe(signatureOf(sent, signed, scope));
  expect(JSON.stringify(sent.headers)).not.toContain(SECRET);
});

test('a key of Bedrock is sent as it is', async () => {
  const { headers } = await send('bedrock-api-key-YmVkcm9jaw==', { region: 'eu-west-1' });
  expect(headers.authorization).toBe('Bearer bedrock-api-key-YmVkcm9jaw==');
});

test.each([TOKEN, SECRET])('%s alone is redacted, though it is a part of the key', async (part) => {
  words = ['It is ', part.slice(0, 9), part.slice(9), '.'];
  const key = `${ID}:${SECRET}:eu-west-1:${TOKEN}`;
  const request = modelRequest('Hello', { model: row() });
  const answer = answerOf(await bedrock.generate(request, { signal: unabortedSignal(), key }));
  words = ['Hi'];
  expect(answer.content).toBe('It is ***.');
});

test('what cannot be signed is refused, without a request', async () => {
  server.requests.length = 0;
  const context = { signal: unabortedSignal(), key: `${ID}:${SECRET}` };
  const talk = await bedrock.generate(modelRequest('Hello', { model: row() }), context);
  expect(errorOf(talk)).toMatchObject({ code: 'invalid_request' });
  expect(errorOf(talk).message).toContain('region');
  const model = row({ region: 'eu-west-1', dimensions: 512 });
  const vectors = await bedrock.embed?.({ model, texts: ['Hi'] }, context);
  expect(vectors && errorOf(vectors).message).toContain('dimensions');
  expect(server.requests).toHaveLength(0);
});

test('the access key of the environment is sent to no address but that of AWS', async () => {
  server.requests.length = 0;
  const key = `${ID}:${SECRET}:eu-west-1`;
  const urls: string[] = [];
  const fetch = async (input: string | URL | Request, init?: RequestInit) => {
    urls.push(`${input} ${new Headers(init?.headers).get('authorization')?.slice(0, 36)}`);
    return new Response(null, { status: 503 });
  };
  const provider = aiSdkProvider({ vendor: sdkVendor('amazon-bedrock'), key, fetch });
  for (const base_url of [null, server.url]) {
    const model = modelRef({ provider: 'amazon-bedrock', model: 'm', base_url });
    errorOf(await provider.generate(modelRequest('Hi', { model }), { signal: unabortedSignal() }));
  }
  expect(urls).toEqual([
    expect.stringMatching(
      /^https:\/\/bedrock-runtime\.eu-west-1\.amazonaws\.com\/.* AWS4-HMAC-SHA256/,
    ),
    expect.stringMatching(/ undefined$/),
  ]);
});

test('regions of China have a domain of their own', async () => {
  const urls: string[] = [];
  const fetch = async (input: string | URL | Request) => {
    urls.push(new URL(String(input)).host);
    return new Response(null, { status: 503 });
  };
  const provider = aiSdkProvider({ vendor: sdkVendor('amazon-bedrock'), key: 'b', fetch });
  for (const region of ['cn-north-1', 'us-gov-west-1']) {
    const model = row({ region }, null);
    errorOf(await provider.generate(modelRequest('Hi', { model }), { signal: unabortedSignal() }));
  }
  expect(urls).toEqual([
    'bedrock-runtime.cn-north-1.amazonaws.com.cn',
    'bedrock-runtime.us-gov-west-1.amazonaws.com',
  ]);
});

test('a missing key is named with both kinds of variables', async () => {
  const words = 'AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY';
  const provider = aiSdkProvider({ vendor: sdkVendor('amazon-bedrock') });
  const model = row({ region: 'eu-west-1' }, null);
  const outcome = await provider.generate(modelRequest('Hi', { model }), {
    signal: unabortedSignal(),
  });
  expect(errorOf(outcome).message).toContain(words);
  expect(
    findFix({ ...model, secret_name: null }, { keyedVendors: [], providerPackages: [] }),
  ).toContain(words);
});

test('the variables of AWS are a key', () => {
  const variables = { AWS_ACCESS_KEY_ID: ID, AWS_SECRET_ACCESS_KEY: SECRET };
  const own = { AWS_REGION: 'eu-west-1', AWS_SESSION_TOKEN: TOKEN };
  expect(awsCredentialsIn(awsKeyIn({ ...variables, ...own }))).toEqual({
    ...{ accessKeyId: ID, secretAccessKey: SECRET, region: 'eu-west-1', sessionToken: TOKEN },
  });
  expect(awsKeyIn({ ...variables, AWS_DEFAULT_REGION: 'us-east-1' })).toBe(
    `${ID}:${SECRET}:us-east-1`,
  );
  expect(awsKeyIn({ AWS_ACCESS_KEY_ID: ID })).toBeUndefined();
  const keys = (env: Record<string, string>) =>
    vendorKeys({} as ModelValues, env)['amazon-bedrock'];
  expect(keys(variables)).toEqual({ variable: 'AWS_ACCESS_KEY_ID', value: `${ID}:${SECRET}` });
  expect(keys({ ...variables, AWS_BEARER_TOKEN_BEDROCK: 'b' })?.value).toBe('b');
  for (const key of [undefined, '', 'ABSKQmVkcm9jaw==', `${ID}`, `sk-1:${SECRET}`]) {
    expect(awsCredentialsIn(key)).toBeNull();
  }
});
