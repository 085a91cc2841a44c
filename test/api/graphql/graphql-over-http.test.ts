import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestApi } from '../harness.ts';

// Runs the audits of the GraphQL over HTTP specification, as published by graphql-http, against our
// endpoint.

const GET = 'POST alone is served; these are of level MAY';
const NEWER = `PostGraphile's server (grafserv) answers a caller without preference as application/graphql-response+json: what the
  specification asks since its watershed of 2025-01-01, and the audit does not know`;

/**
 * Findings of the audits below the level MUST: their text, and the reason why we keep the
 * behaviour.
 */
const FINDINGS: Record<string, { found: string; why: string }> = {
  '47DE': {
    found: 'warn: Response header content-type does not contain application/json',
    why: NEWER,
  },
  '80D8': {
    found: 'warn: Response header content-type does not contain application/json',
    why: NEWER,
  },
  '5A70': { found: 'notice: Response status code is not 200', why: GET },
  D6D5: { found: 'notice: Response status code is not 200', why: GET },
  '6A70': { found: 'notice: Response status code is not 200', why: GET },
};

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

const audits = serverAudits({ url: () => `${api.url}/graphql` });

test.each(audits.map((audit) => [audit.id, audit.name, audit] as const))(
  '%s %s',
  async (id, _name, audit) => {
    const result = await audit.fn();
    expect(result.status === 'ok' ? 'ok' : `${result.status}: ${result.reason}`).toBe(
      FINDINGS[id]?.found ?? 'ok',
    );
  },
);

test('every deviation from the audits is listed, and no listed audit is a MUST', () => {
  expect(audits.length).toBeGreaterThan(50);
  const listed = audits.filter(({ id }) => FINDINGS[id]);
  expect(listed.map(({ id }) => id).sort()).toEqual(Object.keys(FINDINGS).sort());
  expect(listed.filter(({ name }) => name.startsWith('MUST'))).toEqual([]);
});
