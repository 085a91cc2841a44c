import { beforeEach, expect, test } from 'vitest';
import { claimDocuments } from '../../../src/db/knowledge/ingestion.ts';
import { beginRecognition } from '../../../src/db/knowledge/recognition.ts';
import { all, makeTenant, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { jpegImage, makeScan, makeTesseractData, scanOf } from '../../support/files/scans.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';

const db = testDatabase();
const tesseractData = makeTesseractData();
let tenant: string;

beforeEach(async () => {
  tenant = await makeTenant(db.pool);
});

async function addBase(language = 'english'): Promise<string> {
  const { id } = await one<{ id: string }>(
    db.pool,
    'insert into howdah.knowledge_bases (tenant_id, name, language) values ($1, $2, $2) returning id',
    [tenant, language],
  );
  return id;
}

type File = { bytes: Buffer; type?: string; language?: string };

async function addFile(base: string, { bytes, type = 'image/png', language }: File) {
  const { id } = await one<{ id: string }>(
    db.pool,
    `with file as (
       insert into howdah.resources (tenant_id, name, type, bytes)
       values ($1, 'scan', $3, $4) returning id
     )
     insert into howdah.documents
       (tenant_id, knowledge_base_id, title, resource_id, owns_resource, language)
     select $1, $2, 'scan', id, true, $5 from file returning id`,
    [tenant, base, type, bytes, language ?? null],
  );
  return id;
}

const documentOf = (id: string) =>
  one<{ status: string; code: string | null; message: string | null; content: string }>(
    db.pool,
    `select status::text, error ->> 'code' as code, error ->> 'message' as message, content
     from howdah.documents where id = $1`,
    [id],
  );

test('the text of an image is found by its words', async () => {
  const base = await addBase();
  const id = await addFile(base, { bytes: scanOf('refund.png') });
  await ingestDocuments(db.pool, {}, { tesseractData });
  expect(await documentOf(id)).toMatchObject({
    status: 'ready',
    content: 'Invoice 4711\n\nThe refund is possible within 30 days.',
  });
  const found = await all(
    db.pool,
    `select c.page, substr(d.content, c.start_offset + 1, c.end_offset - c.start_offset) = c.content
       as is_part
     from howdah.chunks as c join howdah.documents as d on d.id = c.document_id
     where d.id = $1 and c.content like '%refund%'`,
    [id],
  );
  expect(found).toEqual([{ page: 1, is_part: true }]);
});

test('the pages of a scan keep their numbers', async () => {
  const scan = makeScan(['Written text', [{ object: jpegImage() }]]);
  const id = await addFile(await addBase(), { bytes: scan, type: 'application/pdf' });
  await ingestDocuments(db.pool, {}, { tesseractData });
  const chunks = await all(
    db.pool,
    'select page, content from howdah.chunks where document_id = $1 order by seq',
    [id],
  );
  expect(chunks).toEqual([
    { page: 1, content: 'Written text' },
    { page: 2, content: 'The warranty ends after two years.' },
  ]);
});

test('a text is recognized in the language of the document, else in that of the base', async () => {
  const [german, english] = [await addBase('german'), await addBase('english')];
  const bytes = scanOf('refund.png');
  const ids = [
    await addFile(german, { bytes }),
    await addFile(german, { bytes, language: 'en' }),
    await addFile(english, { bytes, language: 'fr' }),
    await addFile(await addBase('simple'), { bytes }),
  ];
  await ingestDocuments(db.pool, {}, { tesseractData });
  const ended = await Promise.all(ids.map(documentOf));
  expect(ended.map(({ status, code }) => code ?? status)).toEqual([
    'no_text',
    'ready',
    'no_text',
    'ready',
  ]);
  expect(ended[0]?.message).toContain('HOWDAH_TESSERACT_DATA has no deu.traineddata');
  expect(ended[2]?.message).toContain('HOWDAH_TESSERACT_DATA has no fra.traineddata');
});

test('a worker without data or package fails images with what to do', async () => {
  const base = await addBase();
  const scan = makeScan([[{ object: jpegImage() }]]);
  const ids = [
    await addFile(base, { bytes: scanOf('refund.png') }),
    await addFile(base, { bytes: scan, type: 'application/pdf' }),
  ];
  const reasons = async () => (await Promise.all(ids.map(documentOf))).map((one) => one.message);
  await ingestDocuments(db.pool, {}, {});
  const found = ['the file is an image', 'the PDF has no text, as of a scan'];
  const fix =
    'to recognize text in images (OCR), set ocr_model_id of the knowledge base to a model that reads images, or HOWDAH_TESSERACT_DATA of the workers';
  expect(await reasons()).toEqual(found.map((one) => `${one}: ${fix}`));

  await db.pool.query(`update howdah.documents set status = 'pending' where tenant_id = $1`, [
    tenant,
  ]);
  await ingestDocuments(db.pool, {}, { tesseractData, findPackage: () => null });
  for (const reason of await reasons()) expect(reason).toContain('npm install tesseract.js-core');

  await db.pool.query(`update howdah.documents set status = 'pending' where tenant_id = $1`, [
    tenant,
  ]);
  await ingestDocuments(db.pool, {}, { tesseractData });
  expect(await reasons()).toEqual([null, null]);
});

test('a text that takes too long to recognize fails its document, and no other', async () => {
  const base = await addBase();
  // a process has 250 ms more than its limit, which a fast machine needs for no more than a page
  const bytes = makeScan(Array.from({ length: 200 }, () => [{ object: jpegImage() }]));
  const id = await addFile(base, { bytes, type: 'application/pdf' });
  const text = await one<{ id: string }>(
    db.pool,
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content)
     values ($1, $2, 'text', 'Text') returning id`,
    [tenant, base],
  );
  await ingestDocuments(db.pool, { recognize_ms: 1 }, { tesseractData });
  expect(await documentOf(id)).toMatchObject({
    status: 'failed',
    code: 'time_limit',
    message: 'recognizing the text of images took more than 0.001 s: divide the file into several',
  });
  expect(await documentOf(text.id)).toMatchObject({ status: 'ready' });
});

test('a claim is extended, unless the document was edited or another worker has it', async () => {
  const base = { tenant_id: tenant, knowledge_base_id: await addBase('german') };
  const id = await addFile(base.knowledge_base_id, { bytes: scanOf('refund.png') });
  const [claimed] = await claimDocuments(db.pool, base, { atMost: 1, recognizes: true });
  if (!claimed) throw new Error('no document is due');
  const earlier = { ...claimed };
  expect(await beginRecognition(db.pool, claimed)).toMatchObject({ language: 'de' });
  // longer than the two minutes of a claim
  const { is_extended } = await one<{ is_extended: boolean }>(
    db.pool,
    `select due_at between clock_timestamp() + interval '5 minutes' and clock_timestamp() + interval '15 minutes'
       as is_extended
     from howdah_private.due_documents where document_id = $1`,
    [id],
  );
  expect(is_extended).toBe(true);
  expect(await beginRecognition(db.pool, earlier)).toBeUndefined();
  await db.pool.query(`update howdah.documents set language = 'en' where id = $1`, [id]);
  expect(await beginRecognition(db.pool, claimed)).toBeUndefined();
});
