import { Parser } from 'htmlparser2';
import { MAX_NESTING } from '../../text/html/elements.ts';
import { fileFault } from './file-fault.ts';

/** The attributes of an element, by name without prefix. */
export type Attributes = Readonly<Record<string, string>>;

/** Callbacks for the elements of a file, by their names without prefix. */
export type XmlVisitor = {
  open?(name: string, attributes: Attributes): void;
  text?(text: string): void;
  close?(name: string): void;
};

/**
 * Reads XML from the beginning to the end, without a tree. Leaves out elements of the names in
 * `skipped`, with all that is in them. Entities of the document type are never expanded.
 */
export function walkXml(
  bytes: Buffer,
  visitor: XmlVisitor,
  skipped: ReadonlySet<string> = new Set(),
): void {
  let depth = 0;
  /** The depth of the element that is skipped. */
  let skippedAt: number | undefined;
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        depth += 1;
        if (depth > MAX_NESTING) {
          throw fileFault(
            'unreadable',
            `the elements of the file are nested over ${MAX_NESTING} deep`,
          );
        }
        const local = withoutPrefix(name);
        if (skipped.has(local)) skippedAt ??= depth;
        if (skippedAt === undefined) visitor.open?.(local, localAttributes(attributes));
      },
      ontext(text) {
        if (skippedAt === undefined) visitor.text?.(text);
      },
      onclosetag(name) {
        if (skippedAt === undefined) visitor.close?.(withoutPrefix(name));
        if (skippedAt === depth) skippedAt = undefined;
        depth -= 1;
      },
    },
    { xmlMode: true, decodeEntities: true },
  );
  const xml = decode(bytes);
  for (let at = 0; at < xml.length; at += 65_536) parser.write(xml.slice(at, at + 65_536));
  parser.end();
}

function decode(bytes: Buffer): string {
  const isUtf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || bytes[1] === 0;
  return new TextDecoder(isUtf16 ? 'utf-16le' : 'utf-8').decode(bytes);
}

/** Returns whether a property of Office is on. One without a value is. */
export const isOn = (value: string | undefined): boolean =>
  value === undefined || !['0', 'false', 'off'].includes(value);

const withoutPrefix = (name: string) => name.slice(name.indexOf(':') + 1);

/** Returns attributes without prefix. Of `id` and `r:id`, the second counts: a reference. */
function localAttributes(attributes: Attributes): Attributes {
  const local: Record<string, string> = Object.create(null);
  const all = Object.entries(attributes);
  for (const [name, value] of all) if (name.includes(':')) local[withoutPrefix(name)] ??= value;
  for (const [name, value] of all) if (!name.includes(':')) local[name] ??= value;
  return local;
}
