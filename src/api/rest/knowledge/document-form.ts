import { extname } from 'node:path';
import { DOCUMENT_TYPES, isTextDocument } from '../../../contracts/document-types.ts';
import type { Json, JsonObject } from '../../../json/json.ts';
import { parseJson } from '../../../json/parse-json.ts';
import { RequestRefusal } from '../../../resources/request-refusal.ts';

/** The type of a form with files, as browsers and `curl -F` send it. */
export const FORM_TYPE = 'multipart/form-data';

const TYPES: Readonly<Record<string, string>> = DOCUMENT_TYPES;
const KNOWN = new Set(Object.values(TYPES));
/** The fields of a form beside its file. */
const FIELDS = ['title', 'metadata', 'language'];

/**
 * Returns the document of a form: its field `file`, and the fields `title`, `metadata` (JSON) and
 * `language`. The title is the name of the file unless it is given. Throws a refusal for a form
 * without one file, with other fields, or with a file whose type is not read.
 */
export async function documentOfForm(contentType: string, base64: string): Promise<JsonObject> {
  const document: JsonObject = {};
  let file: File | undefined;
  for (const [name, value] of await readForm(contentType, base64)) {
    if (typeof value === 'string' && FIELDS.includes(name)) {
      document[name] = name === 'metadata' ? jsonOf(value) : value;
    } else if (typeof value !== 'string' && name === 'file' && file === undefined) file = value;
    else throw refusal(name, `${name} is not expected in the form`, EXPECTED);
  }
  if (file === undefined) throw refusal('file', 'the form has no file', EXPECTED);
  return { title: file.name, ...document, ...(await contentOf(file)) };
}

const EXPECTED = 'Send one file in the field file, and title, metadata and language as texts.';

async function readForm(contentType: string, base64: string): Promise<FormData> {
  const headers = { 'content-type': contentType };
  try {
    return await new Response(Buffer.from(base64, 'base64'), { headers }).formData();
  } catch (error) {
    const { message } = error as Error;
    throw new RequestRefusal(400, `the form cannot be read: ${message}`, { hint: EXPECTED });
  }
}

/** Returns the type of a file, from its part of the form or its name, and its text or bytes. */
async function contentOf(file: File): Promise<JsonObject> {
  const sent = file.type.split(';')[0] ?? '';
  const type = KNOWN.has(sent) ? sent : TYPES[extname(file.name).toLowerCase()];
  if (type === undefined) {
    const hint = `Name it with one of the endings ${Object.keys(TYPES).join(', ')}.`;
    throw refusal('file', `the type of the file ${JSON.stringify(file.name)} is not known`, hint);
  }
  if (!isTextDocument(type))
    return { type, base64: Buffer.from(await file.bytes()).toString('base64') };
  try {
    return { type, content: new TextDecoder('utf-8', { fatal: true }).decode(await file.bytes()) };
  } catch {
    throw refusal('file', 'the file is not UTF-8', 'Convert it to UTF-8.');
  }
}

function jsonOf(text: string): Json {
  try {
    return parseJson(text);
  } catch {
    throw refusal('metadata', 'metadata must be JSON', 'Send an object, such as {"year": 2026}.');
  }
}

const refusal = (field: string, message: string, hint: string) =>
  new RequestRefusal(400, message, { hint, detail: { field } });
