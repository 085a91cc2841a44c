import type { Readable } from 'node:stream';
import { HowdahError } from '../../contracts/errors.ts';
import type { CliIo } from './output.ts';

type Terminal = Readable & { isTTY?: boolean; setRawMode?(isRaw: boolean): unknown };

/**
 * Reads all of stdin as text, without the newline at its end. At a terminal, reads one line and
 * does not show it. Throws `HWINV` for input that is not text or has more than `most` bytes.
 */
export async function readHidden(
  io: CliIo,
  prompt: string,
  { most, example }: { most: number; example: string },
): Promise<string> {
  const input = io.stdin as Terminal;
  if (input.isTTY && input.setRawMode) return readLine(input, io, prompt);
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of input) {
    pieces.push(Buffer.from(piece));
    size += Buffer.byteLength(piece);
    if (size > most + 2) throw unfit(`has more than ${most} bytes`, example);
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(pieces));
    return text.replace(/\r?\n$/, '');
  } catch {
    throw unfit('is not UTF-8 text', example);
  }
}

/**
 * Reads a line in raw mode, which shows nothing, and leaves Ctrl-C and the end of the line to us.
 */
async function readLine(input: Terminal, io: CliIo, prompt: string): Promise<string> {
  io.err(prompt);
  input.setRawMode?.(true);
  let line = '';
  try {
    for await (const piece of input.iterator({ destroyOnReturn: false })) {
      for (const letter of String(piece)) {
        if (letter === '\r' || letter === '\n' || letter === '\x04') return line;
        if (letter === '\x03') throw new HowdahError('EINTERRUPTED', 'nothing was stored');
        line = letter === '\x7f' || letter === '\b' ? line.slice(0, -1) : line + letter;
      }
    }
    return line;
  } finally {
    input.setRawMode?.(false);
    input.pause();
  }
}

function unfit(what: string, example: string): HowdahError {
  return new HowdahError('HWINV', `the value on stdin ${what}`, {
    hint: `Pipe it: ${example}`,
    detail: { field: 'value' },
  });
}
