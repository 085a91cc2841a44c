import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api/server.ts';
import { testDatabase } from '../support/database.ts';
import { startTestApi } from './harness.ts';
import { tokenOptions } from './subscriptions/tokens.ts';

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

async function get(path: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${api.url}${path}`, { headers });
  const policy = response.headers.get('content-security-policy') ?? '';
  return {
    status: response.status,
    headers: response.headers,
    policy,
    text: await response.text(),
  };
}

type Description = {
  security: object[];
  paths: Record<string, Record<string, { operationId: string; summary: string }>>;
};

test('/docs links to each operation by its summary, grouped by tag', async () => {
  const { text } = await get('/docs');
  const { paths } = JSON.parse((await get('/openapi.json')).text) as Description;
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
  const [menu = '', main = ''] = text.split('<main>');
  expect(operations.length).toBeGreaterThan(100);
  for (const { operationId, summary } of operations) {
    expect(menu).toContain(`<a href="#${operationId}">${summary}</a>`);
    expect(main).toContain(`<section id="${operationId}">`);
  }
  expect(menu).toContain('<a href="#createAgent">Create an agent</a>');
  expect(menu).toContain('<a href="#tag-mcp-servers">MCP servers</a>');
  const ids = [...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  const targets = [...text.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
  expect(targets.filter((id) => !ids.includes(id))).toEqual([]);
});

test('/docs renders the Markdown of descriptions', async () => {
  const { text } = await get('/docs');
  expect(text).toContain('The rows of the view <code>agent_performance</code>.');
  expect(text.replaceAll(/<pre>.*?<\/pre>/gs, '')).not.toContain('`');
});

test('/docs/reference contacts this server alone', async () => {
  const { status, policy, text } = await get('/docs/reference');
  const nonce = /'nonce-([\w+/=]{24})'/.exec(policy)?.[1];
  expect(status).toBe(200);
  expect(policy).toMatch(/^default-src 'none'; .*connect-src 'self'/);
  expect(policy.replaceAll(/'[^']*'|data:/g, '')).not.toMatch(/[:*]/); // no other host
  expect(text).not.toMatch(/https?:/);
  const scripts = [...text.matchAll(/<script([^>]*)>/g)].map(([, found = '']) => found);
  expect(scripts).toHaveLength(2);
  for (const found of scripts) expect(found).toContain(`nonce="${nonce}"`);
  expect((await get('/docs/reference')).policy).not.toContain(nonce);
});

test('the viewer of /docs/reference is cached by its content', async () => {
  const viewer = await get('/docs/reference/scalar.js');
  expect(viewer.status).toBe(200);
  expect(viewer.text).toContain('createApiReference');
  const etag = viewer.headers.get('etag') ?? '';
  const again = await get('/docs/reference/scalar.js', { 'if-none-match': etag });
  expect([again.status, again.text]).toEqual([304, '']);
});

test('the description says whether a login is necessary', async () => {
  const { security } = JSON.parse((await get('/openapi.json')).text) as Description;
  expect(security).toEqual([{}, { bearer: [] }]);
  const shut = await startTestApi(db.url, tokenOptions);
  const response = await fetch(`${shut.url}/openapi.json`);
  expect(((await response.json()) as Description).security).toEqual([{ bearer: [] }]);
  await shut.close();
});
