import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeHandler,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import type { Json } from '../../../src/json/json.ts';
import { openaiProvider } from '../../../src/providers/openai.ts';
import type { FindProvider } from '../../../src/runtime/model-calls/embed-texts.ts';
import { TRANSCRIPTION_PROMPT } from '../../../src/runtime/model-calls/transcribe-image.ts';
import { createEgress } from '../../../src/tools/egress.ts';
import { BatchRunner } from '../../../workers/batch-jobs/batch-runner.ts';
import { ingestionJobs } from '../../../workers/batch-jobs/documents/ingest-documents.ts';
import {
  INGESTION_LIMITS,
  type IngestionLimits,
} from '../../../workers/batch-jobs/documents/ingestion-limits.ts';
import { all, makeTenant, one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { jpegOf } from '../../support/files/make-jpeg.ts';
import { readGreyPng } from '../../support/files/make-png.ts';
import { storedAs, withOrientation } from '../../support/files/orientations.ts';
import { jpegImage, makeScan, makeTesseractData, scanOf } from '../../support/files/scans.ts';
import { doAllDue } from '../../support/work/ingest-documents.ts';
import { startServer } from '../../tools/servers.ts';
import { killWorkerProcesses, startWorkerProcess } from '../worker-process.ts';

// The text of images, recognized by the model of a base behind a server in OpenAI's format: what
// the model is sent, what is stored and paid for, and what happens when it fails.

const db = testDatabase();
const provider = openaiProvider({ env: { apiKey: 'key' } });
const find: FindProvider = () => ({ ok: true, value: provider });
let server: FakeServer;
let tenant: string;
let answer: FakeHandler;

beforeAll(async () => {
  server = await startOpenAiServer((request) =>
    answer({ ...request, index: server.requests.length - 1 }),
  );
});
beforeEach(async () => {
  await db.pool.query('delete from howdah.knowledge_bases; delete from howdah.limits');
  tenant = await makeTenant(db.pool);
  server.requests.splice(0);
  answer = () => text('The text of the page.');
});
afterEach(killWorkerProcesses);
afterAll(async () => {
  await server.close();
});

const USAGE = { prompt_tokens: 1_000, completion_tokens: 20 };
const text = (content: string, more: FakeAnswer = {}): FakeAnswer => ({
  ...{ content, usage: USAGE },
  ...more,
});

type Model = { purpose?: string; capabilities?: object; request_params?: object };

async function makeModel(model: Model = {}): Promise<string> {
  const { purpose = 'llm', capabilities = { images: true }, request_params = {} } = model;
  const { id } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.models (tenant_id, name, provider, model, purpose, base_url, capabilities,
       request_params, input_price, output_price)
     values ($1, $2, 'openai', 'reader-1', $3, $4, $5, $6, 2, 10) returning id`,
    [tenant, randomUUID(), purpose, server.url, capabilities, request_params],
  );
  return id;
}

async function makeBase(model: string | null, of = tenant): Promise<string> {
  const { id } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.knowledge_bases (tenant_id, name, ocr_model_id, trust)
     values ($1, $2, $3, 'external') returning id`,
    [of, randomUUID(), model],
  );
  return id;
}

async function addFile(base: string, bytes: Buffer, type = 'application/pdf'): Promise<string> {
  const { id } = await one<{ id: string }>(
    db.pool,
    `with file as (
       insert into howdah.resources (tenant_id, name, type, bytes)
       select b.tenant_id, 'scan', $2, $3 from howdah.knowledge_bases as b where b.id = $1
       returning tenant_id, id
     )
     insert into howdah.documents (tenant_id, knowledge_base_id, title, resource_id, owns_resource)
     select tenant_id, $1, 'scan', id, true from file returning id`,
    [base, type, bytes],
  );
  return id;
}

async function addText(base: string, title: string): Promise<string> {
  const { id } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content)
     select b.tenant_id, b.id, $2, $2 from howdah.knowledge_bases as b where b.id = $1
     returning id`,
    [base, title],
  );
  return id;
}

/** Jobs by their limits, since each starts processes. */
const jobs = new Map<string, ReturnType<typeof ingestionJobs>>();

function ingest(changes: Partial<IngestionLimits> = {}, tesseractData?: string): Promise<number> {
  const key = JSON.stringify([changes, tesseractData]);
  const limits = { ...INGESTION_LIMITS, ...changes };
  const made =
    jobs.get(key) ?? ingestionJobs({ pool: db.pool, provider: find, limits, tesseractData });
  jobs.set(key, made);
  return doAllDue(made);
}

const documentOf = (id: string) =>
  one<{ status: string; code: string | null; message: string | null; content: string }>(
    db.pool,
    `select status::text, error ->> 'code' as code, error ->> 'message' as message, content
     from howdah.documents where id = $1`,
    [id],
  );
const recognition = async (base: string) =>
  (
    await one<{ state: object }>(
      db.pool,
      'select howdah_private.recognition_state($1, $2) as state',
      [tenant, base],
    )
  ).state;
const makeDue = () => db.pool.query('update howdah_private.due_documents set due_at = now()');
const tryAgain = (id: string) =>
  db.pool.query(`update howdah.documents set status = 'pending' where id = $1`, [id]);

type Part = { type: string; text?: string; image_url?: { url: string } };
type Messages = { content: Part[] }[];
const partsOf = (index: number) =>
  (server.requests[index]?.body.messages as unknown as Messages | undefined)?.[0]?.content ?? [];
/** Returns the bytes of the image of a request. */
const imageOf = (index: number) => {
  const url = partsOf(index).find(({ type }) => type === 'image_url')?.image_url?.url ?? '';
  return {
    type: url.slice(5, url.indexOf(';')),
    bytes: Buffer.from(url.split(',')[1] ?? '', 'base64'),
  };
};

test('a model is sent a photo that was taken upside down as it is shown', async () => {
  const upright = { width: 40, height: 24, grey: new Uint8Array(960).fill(255).fill(0, 0, 240) };
  const photo = withOrientation(jpegOf(storedAs(upright, 3)), 3);
  const id = await addFile(await makeBase(await makeModel()), photo, 'image/jpeg');
  await ingest();
  const { type, bytes } = imageOf(0);
  expect(type).toBe('image/png');
  const { width, height, grey } = readGreyPng(bytes);
  expect([width, height, grey[0], grey.at(-1)]).toEqual([320, 192, 0, 255]);
  expect(await documentOf(id)).toMatchObject({ status: 'ready' });
});

const scan = { object: jpegImage() };
const TWO_SCANS = makeScan(['Written text', [scan], [scan]]);

test.each([
  ['image/png', 'refund.png'],
  ['image/jpeg', 'warranty.jpg'],
  ['image/webp', 'receipt.webp'],
])('a model is sent an image (%s) as it is, with a fixed prompt', async (type, name) => {
  const base = await makeBase(await makeModel());
  const id = await addFile(base, scanOf(name), type);
  answer = () => text('Invoice 4711\n\nThe refund is possible\nwithin 30 days.');
  await ingest();
  const [request] = server.requests;
  expect(request?.path).toBe('/v1/chat/completions');
  expect(request?.headers.authorization).toBeUndefined(); // no key of this process goes elsewhere
  expect(request?.body).toMatchObject({ model: 'reader-1', temperature: 0 });
  expect(request?.body).not.toHaveProperty('tools');
  expect(request?.body.messages).toHaveLength(1);
  expect(partsOf(0)[0]).toEqual({ type: 'text', text: TRANSCRIPTION_PROMPT });
  expect(imageOf(0)).toEqual({ type, bytes: scanOf(name) });
  expect(server.requests).toHaveLength(1);
  expect(await documentOf(id)).toMatchObject({
    ...{ status: 'ready', code: null },
    content: 'Invoice 4711\n\nThe refund is possible\nwithin 30 days.',
  });
  const chunks = await all(
    db.pool,
    `select c.page, c.trust::text, c.content
       = substr(d.content, c.start_offset + 1, c.end_offset - c.start_offset) as is_part
     from howdah.chunks as c join howdah.documents as d on d.id = c.document_id where d.id = $1`,
    [id],
  );
  expect(chunks).toEqual([{ page: 1, trust: 'external', is_part: true }]);
});

test('only scanned pages of a PDF are sent, as PNG, and keep their numbers', async () => {
  const base = await makeBase(await makeModel());
  const id = await addFile(base, TWO_SCANS);
  answer = ({ index }) => text(`Scan ${index + 1}`);
  await ingest();
  const chunks = await all(
    db.pool,
    'select page, content from howdah.chunks where document_id = $1 order by seq',
    [id],
  );
  expect(chunks).toEqual([
    { page: 1, content: 'Written text' },
    { page: 2, content: 'Scan 1' },
    { page: 3, content: 'Scan 2' },
  ]);
  expect(server.requests).toHaveLength(2);
  const { type, bytes } = imageOf(0);
  expect(type).toBe('image/png');
  expect(bytes.toString('latin1', 1, 4)).toBe('PNG');
  expect(await recognition(base)).toMatchObject({
    ...{ pages: 2, failures: 0, tokens: 2_040, error: null },
    cost: (2 * (1_000 * 2 + 20 * 10)) / 1_000_000,
  });
});

test('a page is paid for once, also when its document is divided again', async () => {
  const base = await makeBase(await makeModel());
  const id = await addFile(base, TWO_SCANS);
  await ingest();
  await db.pool.query(`update howdah.documents set title = 'other' where id = $1`, [id]);
  await db.pool.query(`update howdah.knowledge_bases set chunking = '{"max_characters": 300}'`);
  await ingest();
  expect(await documentOf(id)).toMatchObject({ status: 'ready' });
  expect(server.requests).toHaveLength(2);
  // another model reads the pages again, and the texts of the first one are deleted
  const other = await makeModel({ request_params: { seed: 1 } });
  await db.pool.query('update howdah.knowledge_bases set ocr_model_id = $1', [other]);
  await tryAgain(id);
  await ingest();
  expect(server.requests).toHaveLength(4);
  expect(await all(db.pool, 'select page from howdah_private.recognized_pages')).toHaveLength(2);
});

test('the model of the base comes before Tesseract, which comes before nothing', async () => {
  const tesseractData = makeTesseractData();
  const bytes = scanOf('refund.png');
  const id = await addFile(await makeBase(await makeModel()), bytes, 'image/png');
  const other = await addFile(await makeBase(null), bytes, 'image/png');
  await ingest({}, tesseractData);
  expect(await documentOf(id)).toMatchObject({ content: 'The text of the page.' });
  expect((await documentOf(other)).content).toContain('The refund is possible');
  expect(server.requests).toHaveLength(1);
  await tryAgain(other);
  await ingest();
  const { code, message } = await documentOf(other);
  expect(code).toBe('no_text');
  expect(message).toContain('ocr_model_id');
  expect(message).toContain('HOWDAH_TESSERACT_DATA');
});

test('the scan behind a URL is recognized, and again only when it has changed', async () => {
  const base = await makeBase(await makeModel());
  const site = await startServer((_, response) =>
    response.writeHead(200, { 'content-type': 'image/png' }).end(scanOf('refund.png')),
  );
  const egress = createEgress({ allowPrivate: ['127.0.0.1'] });
  const jobs = ingestionJobs({ pool: db.pool, provider: find, egress });
  const { id } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, url, reread_seconds)
     values ($1, $2, 'scan', $3, 3600) returning id`,
    [tenant, base, `http://127.0.0.1:${site.port}/scan.png`],
  );
  for (let count = 0; count < 2; count += 1) {
    await makeDue();
    await doAllDue(jobs);
    expect(await documentOf(id)).toMatchObject({
      ...{ status: 'ready', code: null, content: 'The text of the page.' },
    });
  }
  expect(server.requests).toHaveLength(1);
  expect(imageOf(0)).toEqual({ type: 'image/png', bytes: scanOf('refund.png') });
});

describe('an answer that is no whole text fails the document', () => {
  test.each<[string, FakeAnswer, string]>([
    ['cut off', { content: 'Half a te', finish_reason: 'length' }, 'output_truncated'],
    ['empty', { content: ' \n' }, 'empty_answer'],
    ['withheld', { content: '', finish_reason: 'content_filter' }, 'content_filtered'],
    ['refused', { chunks: refusalChunks('I cannot read passports.') }, 'refused'],
  ])('%s', async (_, bad, code) => {
    const base = await makeBase(await makeModel());
    const id = await addFile(base, TWO_SCANS);
    answer = ({ index }) => (index === 1 ? { usage: USAGE, ...bad } : text('Good page'));
    await ingest();
    const failed = await documentOf(id);
    expect(failed).toMatchObject({ status: 'failed', code, content: '' });
    expect(failed.message).toContain('page 3');
    expect(await all(db.pool, 'select from howdah.chunks where document_id = $1', [id])).toEqual(
      [],
    );
    // what it cost counts, and the next attempt pays for this page only
    expect(await recognition(base)).toMatchObject({
      ...{ pages: 1, failures: 1, tokens: 2_040, error: { code } },
    });
    await tryAgain(id);
    await ingest();
    expect(await documentOf(id)).toMatchObject({ status: 'ready', code: null });
    expect(server.requests).toHaveLength(3);
  });
});

function refusalChunks(words: string): Json[] {
  const choice = (delta: Json, finish_reason: string | null) => ({
    ...{ id: 'x', object: 'chat.completion.chunk', created: 1, model: 'm' },
    choices: [{ index: 0, delta, finish_reason }],
  });
  return [
    choice({ role: 'assistant', refusal: words }, null),
    choice({}, 'stop'),
    { ...choice({}, null), choices: [], usage: USAGE },
  ];
}

test('a page without text is left out, and a document of such pages has none', async () => {
  const base = await makeBase(await makeModel());
  const id = await addFile(base, TWO_SCANS);
  const blank = await addFile(base, scanOf('refund.png'), 'image/png');
  const pages = ['[no text]', 'Text'];
  answer = ({ index }) => {
    const isBlank = imageOf(index).bytes.equals(scanOf('refund.png'));
    return text(isBlank ? '[no text]' : (pages.shift() ?? 'unexpected'));
  };
  await ingest();
  expect((await documentOf(id)).content).toBe('Written text\f\fText');
  expect(await documentOf(blank)).toMatchObject({ status: 'failed', code: 'no_text' });
});

test('a fence around the text is left out, and zero bytes are', async () => {
  const id = await addFile(await makeBase(await makeModel()), scanOf('refund.png'), 'image/png');
  answer = () => text('```text\nOne\0\n\nTwo\n```');
  await ingest();
  expect((await documentOf(id)).content).toBe('One\n\nTwo');
});

test('a model that refuses temperature 0 is asked again without', async () => {
  const id = await addFile(await makeBase(await makeModel()), scanOf('refund.png'), 'image/png');
  const error = { message: "Unsupported value: 'temperature' does not support 0." };
  answer = ({ body }) => ('temperature' in body ? { status: 400, error } : text('Text'));
  await ingest();
  expect(await documentOf(id)).toMatchObject({ status: 'ready', content: 'Text' });
  // the parameters of the model come first
  const warm = await makeModel({ request_params: { temperature: 1, max_tokens: 9_000 } });
  answer = () => text('Text');
  await addFile(await makeBase(warm), scanOf('refund.png'), 'image/png');
  await ingest();
  expect(server.requests.at(-1)?.body).toMatchObject({ temperature: 1, max_tokens: 9_000 });
});

describe('a model that fails', () => {
  test.each<[number, string]>([
    [429, 'rate_limited'],
    [503, 'overloaded'],
    [401, 'unauthorized'],
  ])('with HTTP %s makes the document wait', async (status, code) => {
    const base = await makeBase(await makeModel());
    const id = await addFile(base, TWO_SCANS);
    const headers = { 'retry-after': '600' };
    answer = ({ index }) =>
      index === 1 ? { status, headers, error: { message: 'not now' } } : text('Good page');
    await ingest();
    expect(await documentOf(id)).toMatchObject({ status: 'pending', code });
    const due = await one(
      db.pool,
      `select attempts, postponed, due_at > now() + interval '9 minutes' as waits
       from howdah_private.due_documents where document_id = $1`,
      [id],
    );
    expect(due).toEqual({ attempts: 0, postponed: 1, waits: status !== 401 });
    await makeDue();
    await ingest();
    expect(await documentOf(id)).toMatchObject({ status: 'ready', code: null });
    expect(server.requests).toHaveLength(3); // the first page was kept
  });

  test('for too long fails the document', async () => {
    const id = await addFile(await makeBase(await makeModel()), TWO_SCANS);
    answer = () => ({ status: 503, error: { message: 'not now' } });
    await ingest();
    await makeDue();
    await ingest({ wait_ms: 0 });
    expect(await documentOf(id)).toMatchObject({ status: 'failed', code: 'overloaded' });
  });

  test('to answer in time makes the document wait', async () => {
    const id = await addFile(await makeBase(await makeModel()), TWO_SCANS);
    answer = () => ({ stall: 'before_headers' });
    await ingest({ call_ms: 50 });
    expect(await documentOf(id)).toMatchObject({ status: 'pending', code: 'timeout' });
  });
});

describe('limits', () => {
  const addLimit = (metric: string, period: string | null, max: number, model?: string) =>
    db.pool.query(
      `insert into howdah.limits (tenant_id, scope, subject_id, metric, period, max_value)
       values ($1, $2, $3, $4::howdah.limit_metric, $5::howdah.limit_period, $6)`,
      [tenant, model ? 'model' : 'tenant', model ?? null, metric, period, max],
    );

  test.each([
    ['tokens', 1_000],
    ['cost', 0.001],
  ])('of %s count, and allow no call when they are used up', async (metric, max) => {
    const id = await addFile(await makeBase(await makeModel()), TWO_SCANS);
    await addLimit(metric, 'day', max);
    await ingest();
    expect(server.requests).toHaveLength(1); // the first call used up the limit
    expect(await documentOf(id)).toMatchObject({ status: 'pending', code: 'limit_reached' });
    await makeDue();
    await ingest({ wait_ms: 0 }); // also for longer than a model may fail
    await makeDue();
    await ingest({ wait_ms: 0 });
    expect(server.requests).toHaveLength(1);
    expect(await documentOf(id)).toMatchObject({ status: 'pending', code: 'limit_reached' });
    await db.pool.query('update howdah.limits set max_value = 1000000');
    await tryAgain(id);
    await ingest();
    expect(await documentOf(id)).toMatchObject({ status: 'ready' });
    expect(server.requests).toHaveLength(2);
    const { used } = await one<{ used: number }>(
      db.pool,
      `select sum(c.used)::float8 as used from howdah_private.limit_counters as c
       join howdah.limits as l on l.id = c.limit_id`,
    );
    expect(used).toBeCloseTo(metric === 'tokens' ? 2_040 : 0.0044, 6);
  });

  test('of calls of the model hold', async () => {
    const model = await makeModel();
    const id = await addFile(await makeBase(model), TWO_SCANS);
    await addLimit('calls', 'minute', 1, model);
    await ingest();
    expect(server.requests).toHaveLength(1);
    expect(await documentOf(id)).toMatchObject({ status: 'pending', code: 'limit_reached' });
    expect(
      await all(
        db.pool,
        `select document_id, execution_id, tokens, ended_at is not null as has_ended
         from howdah_private.limited_calls`,
      ),
    ).toEqual([{ document_id: id, execution_id: null, tokens: 1_020, has_ended: true }]);
    await db.pool.query(
      `update howdah_private.limited_calls set began_at = began_at - interval '1 minute'`,
    );
    await makeDue();
    await ingest();
    expect(await documentOf(id)).toMatchObject({ status: 'ready' });
  });

  test('the call of a worker that died ends after five minutes', async () => {
    const model = await makeModel();
    await addLimit('running_calls', null, 1, model);
    await db.pool.query(
      `insert into howdah_private.limited_calls (call_id, limit_id, document_id, began_at)
       select gen_random_uuid(), l.id, gen_random_uuid(), t.at
       from howdah.limits as l, (values (now()), (now() - interval '6 minutes')) as t (at)`,
    );
    await db.pool.query('select howdah_private.delete_old_calls()');
    const open = await all(
      db.pool,
      'select from howdah_private.limited_calls where ended_at is null',
    );
    expect(open).toHaveLength(1);
  });
});

test('a worker that is killed loses at most the page under way', async () => {
  const id = await addFile(await makeBase(await makeModel()), makeScan([[scan], [scan], [scan]]));
  answer = ({ index }) => (index === 1 ? { stall: 'before_headers' } : text(`Page ${index}`));
  const worker = await startWorkerProcess(db.url);
  await expect.poll(() => server.requests.length, { timeout: 20_000 }).toBe(2);
  worker.signal('SIGKILL');
  await worker.ended;
  await makeDue();
  await ingest();
  expect(await documentOf(id)).toMatchObject({
    status: 'ready',
    content: 'Page 0\fPage 2\fPage 3',
  });
  expect(server.requests).toHaveLength(4);
});

test('a worker whose claim has ended stores nothing, and its call is counted', async () => {
  const base = await makeBase(await makeModel());
  const id = await addFile(base, scanOf('refund.png'), 'image/png');
  const held = Promise.withResolvers<FakeAnswer>();
  answer = ({ index }) => (index === 0 ? held.promise : text('second'));
  const first = ingest();
  await expect.poll(() => server.requests.length, { timeout: 20_000 }).toBe(1);
  await makeDue();
  await ingest();
  held.resolve(text('first'));
  await first;
  expect(await documentOf(id)).toMatchObject({ status: 'ready', content: 'second' });
  expect(await recognition(base)).toMatchObject({ tokens: 2_040 });
});

test('workers of earlier versions get no files of a base with a model, and no images', async () => {
  const claim = (base: string) =>
    all<{ title: string }>(
      db.pool,
      'select title, type from howdah_private.claim_documents($1, $2, 10, true, true, true)',
      [tenant, base],
    );
  const [base, other] = [await makeBase(await makeModel()), await makeBase(null)];
  for (const one of [base, other]) {
    await addFile(one, TWO_SCANS);
    await addFile(one, scanOf('refund.png'), 'image/png');
    await addText(one, 'text');
  }
  expect(await claim(base)).toEqual([{ title: 'text', type: 'text/markdown' }]);
  expect((await claim(other)).map(({ title }) => title).sort()).toEqual(['scan', 'text']);
});

describe('the model of a base', () => {
  test.each<[string, Model]>([
    ['of another purpose', { purpose: 'embedding' }],
    ['that does not read images', { capabilities: {} }],
    ['that says so', { capabilities: { images: false } }],
  ])('%s is refused', async (_, model) => {
    const id = await makeModel(model);
    await expect(makeBase(id)).rejects.toMatchObject({ code: 'HWINV' });
    const base = await makeBase(null);
    await expect(
      db.pool.query('update howdah.knowledge_bases set ocr_model_id = $1 where id = $2', [
        id,
        base,
      ]),
    ).rejects.toMatchObject({ code: 'HWINV', detail: expect.stringContaining('ocr_model_id') });
  });

  test('of another tenant is refused, and a deleted one is none', async () => {
    const model = await makeModel();
    const stranger = await makeTenant(db.pool);
    await expect(makeBase(model, stranger)).rejects.toThrow();
    const base = await makeBase(model);
    await db.pool.query('delete from howdah.models where id = $1', [model]);
    expect(
      await one(db.pool, 'select ocr_model_id from howdah.knowledge_bases where id = $1', [base]),
    ).toEqual({ ocr_model_id: null });
  });

  test('that no longer reads images fails its documents with the reason', async () => {
    const model = await makeModel();
    const id = await addFile(await makeBase(model), scanOf('refund.png'), 'image/png');
    await db.pool.query(`update howdah.models set capabilities = '{}' where id = $1`, [model]);
    await ingest();
    const { code, message } = await documentOf(id);
    expect(code).toBe('invalid_request');
    expect(message).toContain('ocr_model_id does not read images');
    expect(server.requests).toEqual([]);
  });
});

describe('fairness', () => {
  const runners: BatchRunner[] = [];
  afterEach(async () => {
    await Promise.all(runners.splice(0).map((runner) => runner.stop()));
  });

  function startRunners(): void {
    const log = pino({ level: 'silent' });
    for (const job of ingestionJobs({ pool: db.pool, provider: find })) {
      const runner = new BatchRunner(job, { pool: db.pool, log });
      runners.push(runner);
      runner.start();
    }
  }
  const untilReady = (id: string) =>
    eventually(
      db.pool,
      `the document ${id} is ready`,
      `select from howdah.documents where id = $1 and status = 'ready'`,
      [id],
    );

  test('scans of many tenants hold up no text, not even of their own base', async () => {
    answer = () => ({ stall: 'before_headers' }); // as long as the test
    const bases: string[] = [];
    for (let count = 0; count < 4; count += 1) {
      tenant = await makeTenant(db.pool);
      bases.push(await makeBase(await makeModel()));
      await addFile(bases.at(-1) ?? '', TWO_SCANS);
    }
    startRunners();
    // all slots are taken, and no more than these
    await expect.poll(() => server.requests.length, { timeout: 20_000 }).toBe(2);
    for (const base of bases) await untilReady(await addText(base, 'text'));
    expect(server.requests).toHaveLength(2);
  });

  test('a long scan lets other scans of its base have a turn', async () => {
    const base = await makeBase(await makeModel());
    const long = await addFile(base, makeScan([[scan], [scan], [scan]]));
    const short = await addFile(base, scanOf('refund.png'), 'image/png');
    const types: string[] = [];
    answer = ({ index }) => {
      types.push(imageOf(index).bytes.equals(scanOf('refund.png')) ? 'short' : 'long');
      return text('Text');
    };
    await ingest({ turn_ms: 0 });
    expect(await documentOf(long)).toMatchObject({ status: 'ready', content: 'Text\fText\fText' });
    expect(await documentOf(short)).toMatchObject({ status: 'ready' });
    expect(types.toSorted()).toEqual(['long', 'long', 'long', 'short']);
    expect(types.indexOf('short')).toBeLessThan(3); // not after the whole of the other
  });

  test('the job can be paused, and texts go on', async () => {
    const base = await makeBase(await makeModel());
    await addFile(base, scanOf('refund.png'), 'image/png');
    const id = await addText(base, 'text');
    await db.pool.query(`select howdah.pause_batch_job('recognize_document')`);
    await ingest();
    expect(await documentOf(id)).toMatchObject({ status: 'ready' });
    expect(server.requests).toEqual([]);
    expect(
      await one(
        db.pool,
        `select waiting::int from howdah.batch_jobs where name = 'recognize_document'`,
      ),
    ).toEqual({ waiting: 1 });
    await db.pool.query(`select howdah.resume_batch_job('recognize_document')`);
    await ingest();
    expect(server.requests).toHaveLength(1);
  });
});
