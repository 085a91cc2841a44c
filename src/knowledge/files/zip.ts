import { crc32, inflateRawSync } from 'node:zlib';
import { fileFault, passwordFault } from './file-fault.ts';

// Reads the entries of a ZIP archive, of which Office and OpenDocument files are made. What an
// archive says about sizes may be false, so the decompression itself is limited. Only the entries
// that are asked for are decompressed: images cost nothing. ZIP64 is for files over 4 GB.

const MAX_ENTRIES = 10_000;
/** The most decompressed bytes of all entries that are read. */
const MAX_BYTES = 64 * 1024 * 1024;

const END = 0x06054b50;
const END_BYTES = 22;
const DIRECTORY = 0x02014b50;
const LOCAL = 0x04034b50;
const MAX_COMMENT = 0xffff;

type Entry = { method: number; isEncrypted: boolean; size: number; sum: number; at: number };

/** Opens an archive. Throws if it is damaged. */
export class Zip {
  readonly #bytes: Buffer;
  readonly #entries: ReadonlyMap<string, Entry>;
  #left = MAX_BYTES;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#entries = entriesOf(bytes);
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Returns the bytes of an entry, or undefined if there is none of this name. */
  read(name: string): Buffer | undefined {
    const entry = this.#entries.get(name);
    if (!entry) return undefined;
    if (entry.isEncrypted) throw passwordFault();
    const bytes = this.#decompress(this.#compressed(entry), entry.method);
    this.#left -= bytes.length;
    if (crc32(bytes) !== entry.sum) throw damaged();
    return bytes;
  }

  #compressed({ at, size }: Entry): Buffer {
    const bytes = this.#bytes;
    if (at + 30 > bytes.length || bytes.readUInt32LE(at) !== LOCAL) throw damaged();
    const start = at + 30 + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28);
    if (start + size > bytes.length) throw damaged();
    return bytes.subarray(start, start + size);
  }

  #decompress(bytes: Buffer, method: number): Buffer {
    if (method === 0 && bytes.length <= this.#left) return bytes;
    if (method === 0 || this.#left <= 0) throw tooLarge();
    if (method !== 8) throw damaged();
    try {
      return inflateRawSync(bytes, { maxOutputLength: this.#left });
    } catch (error) {
      throw (error as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge() : damaged();
    }
  }
}

function entriesOf(bytes: Buffer): Map<string, Entry> {
  const end = findEnd(bytes);
  const count = bytes.readUInt16LE(end + 10);
  if (count > MAX_ENTRIES) {
    throw fileFault('too_large', `the file has ${count} parts, and the maximum is ${MAX_ENTRIES}`);
  }
  const entries = new Map<string, Entry>();
  let at = bytes.readUInt32LE(end + 16);
  for (let read = 0; read < count; read += 1) {
    if (at + 46 > end || bytes.readUInt32LE(at) !== DIRECTORY) throw damaged();
    const nameLength = bytes.readUInt16LE(at + 28);
    const next = at + 46 + nameLength + bytes.readUInt16LE(at + 30) + bytes.readUInt16LE(at + 32);
    if (next > end) throw damaged();
    entries.set(bytes.toString('utf8', at + 46, at + 46 + nameLength), {
      method: bytes.readUInt16LE(at + 10),
      isEncrypted: (bytes.readUInt16LE(at + 8) & 1) === 1,
      sum: bytes.readUInt32LE(at + 16),
      size: bytes.readUInt32LE(at + 20),
      at: bytes.readUInt32LE(at + 42),
    });
    at = next;
  }
  return entries;
}

/** Returns the position of the end record, which a comment may follow. */
function findEnd(bytes: Buffer): number {
  const first = Math.max(0, bytes.length - END_BYTES - MAX_COMMENT);
  for (let at = bytes.length - END_BYTES; at >= first; at -= 1) {
    if (bytes.readUInt32LE(at) === END) return at;
  }
  throw damaged();
}

const damaged = () => fileFault('unreadable', 'the file is damaged, or of another type');
const tooLarge = () =>
  fileFault('too_large', `the file has over ${MAX_BYTES / 1024 / 1024} MB when it is decompressed`);
