import type { JsonObject } from '../../../json/json.ts';
import { decodePercent } from '../../../text/decode-percent.ts';
import { visibleText } from '../server-requests/elicitation.ts';

/** A file in a result that is not returned as text. */
export type McpFile = { name: string; type: string; bytes: Buffer; origin: JsonObject };

/** Stores a file and returns the id of its row. Throws the errors of the database. */
export type KeepFile = (file: McpFile) => Promise<string>;

const MAX_FILE_BYTES = 8 * 1024 * 1024;

/** Decodes base64. Returns null for any other text. */
export function bytesIn(base64: string): Buffer | null {
  return /^[A-Za-z0-9+/_-]*={0,2}$/.test(base64) && base64.replaceAll('=', '').length % 4 !== 1
    ? Buffer.from(base64, 'base64')
    : null;
}

/** Returns the last part of a URI, or a name made of the type. */
export function fileName(uri: string | undefined, otherwise: string, type: string): string {
  const last = (uri ?? '').split(/[?#]/)[0]?.split(/[/\\]/).at(-1) ?? '';
  const lastSegment = visibleText(decodePercent(last) ?? last, 200)
    .replaceAll(/[\n\t]/g, ' ')
    .trim();
  return lastSegment || `${otherwise}.${/^[a-z]+\/([a-z0-9]+)/.exec(type)?.[1] ?? 'bin'}`;
}

/** Stores a file and returns a line that describes the file and its place. */
export async function storeFile(file: McpFile, what: string, keep: KeepFile): Promise<string> {
  const { name, type, bytes } = file;
  const said = `${what} ${type}, ${bytes.byteLength} bytes`;
  if (bytes.byteLength > MAX_FILE_BYTES) {
    return `[${said}: too large to be kept]`;
  }
  if (bytes.byteLength === 0) {
    return `[${said}: empty]`;
  }
  try {
    const id = await keep(file);
    return `[${said}: kept as file ${JSON.stringify(name)}, id ${id}]`;
  } catch (error) {
    return `[${said}: not kept, ${error instanceof Error ? error.message : String(error)}]`;
  }
}
