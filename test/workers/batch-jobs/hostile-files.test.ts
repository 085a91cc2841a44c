import { expect, test } from 'vitest';
import { DOCUMENT_TYPES } from '../../../src/contracts/document-types.ts';
import { HOSTILE_FILES } from '../../knowledge/files/hostile-files.ts';
import { all, makeTenant, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { makeDocx, paragraph } from '../../support/files/make-office.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';

const db = testDatabase();

// The job reads files in one process with limits of time and memory. Each document ends, whatever
// its file does, and the document after it is read.

test('each hostile file ends as failed or ready, and others are read', async () => {
  const base = await one<{ tenant_id: string; id: string }>(
    db.pool,
    `insert into howdah.knowledge_bases (tenant_id, name) values ($1, 'hostile')
     returning tenant_id, id`,
    [await makeTenant(db.pool)],
  );
  const add = (title: string, ending: string, bytes: Buffer) =>
    db.pool.query(
      `with file as (
         insert into howdah.resources (tenant_id, name, type, bytes) values ($1, $3, $4, $5)
         returning id
       )
       insert into howdah.documents (tenant_id, knowledge_base_id, title, resource_id)
       select $1, $2, $3, id from file`,
      [
        base.tenant_id,
        base.id,
        title,
        DOCUMENT_TYPES[ending as keyof typeof DOCUMENT_TYPES],
        bytes,
      ],
    );
  const wanted: Record<string, string> = {};
  for (const [title, make] of Object.entries(HOSTILE_FILES)) {
    const { ending, bytes, ends } = make();
    wanted[title] = ends;
    await add(title, ending, bytes);
  }
  await add('last', '.docx', makeDocx(paragraph('Straße')));
  await ingestDocuments(db.pool);
  const rows = await all<{ title: string; status: string; code: string; message: string }>(
    db.pool,
    `select title, status::text, error ->> 'code' as code, error ->> 'message' as message
     from howdah.documents order by id`,
  );
  const ended = Object.fromEntries(rows.map(({ title, status, code }) => [title, code ?? status]));
  const known = ['ready', 'too_large', 'time_limit', 'unreadable', 'no_text', 'password_protected'];
  const isAny = (title: string) => wanted[title] === 'any' && known.includes(ended[title] ?? '');
  const { last, ...hostile } = ended;
  expect(
    Object.fromEntries(
      Object.entries(hostile).map(([title, end]) => [title, isAny(title) ? 'any' : end]),
    ),
  ).toEqual(wanted);
  expect(last).toBe('ready');
  expect(rows.map(({ message }) => message)).not.toContain('');
}, 300_000);
