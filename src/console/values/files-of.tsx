import { Pill } from '@mantine/core';
import { isJsonObject, type Json } from '../../json/json.ts';
import { messages } from '../messages/messages.ts';

/** The names of files by their id. */
export type FileNames = ReadonlyMap<string, string>;

const NONE: FileNames = new Map();

/** The files of an input, by name or kind. Nothing of them is loaded or shown. */
export function FilesOf({ parts, names = NONE }: { parts: Json; names?: FileNames }) {
  if (!Array.isArray(parts) || parts.length === 0) return null;
  return (
    <Pill.Group mt={4}>
      {parts.map((part, index) => (
        <Pill key={index}>{nameOfPart(part, names)}</Pill>
      ))}
    </Pill.Group>
  );
}

function nameOfPart(part: Json, names: FileNames): string {
  if (!isJsonObject(part)) return messages.chat.file;
  const { type, resource_id: id, name, filename } = part;
  const known = typeof id === 'string' ? names.get(id) : undefined;
  const words = known ?? name ?? filename ?? type;
  return typeof words === 'string' ? words : messages.chat.file;
}
