import { posix } from 'node:path';
import { fileFault } from './file-fault.ts';
import { walkXml } from './xml.ts';
import type { Zip } from './zip.ts';

/** A relationship between parts of an Office file. */
type Relationship = { id: string; type: string; path: string };

/** Returns the path of the main part: the text, the presentation or the workbook. */
export function mainPart(zip: Zip, expected: string): string {
  const [main] = relationshipsOf(zip, '').filter(({ type }) => type === 'officeDocument');
  const path = main?.path ?? expected;
  if (!zip.has(path) || posix.dirname(path) !== posix.dirname(expected)) {
    throw fileFault('unreadable', 'the file is of another type than its name says');
  }
  return path;
}

/** Returns the relationships of a part, of the whole file for an empty path. */
export function relationshipsOf(zip: Zip, part: string): Relationship[] {
  const folder = posix.dirname(part);
  const bytes = zip.read(posix.join(folder, '_rels', `${posix.basename(part)}.rels`));
  const found: Relationship[] = [];
  if (!bytes) return found;
  walkXml(bytes, {
    open(name, { Id = '', Type = '', Target = '', TargetMode }) {
      if (name !== 'Relationship' || TargetMode === 'External') return;
      const path = Target.startsWith('/') ? Target.slice(1) : posix.join(folder, Target);
      found.push({ id: Id, type: Type.slice(Type.lastIndexOf('/') + 1), path });
    },
  });
  return found;
}

/** Returns the path of the part that another part relates to by a type. */
export const relatedPart = (zip: Zip, part: string, type: string): string | undefined =>
  relationshipsOf(zip, part).find((one) => one.type === type)?.path;
