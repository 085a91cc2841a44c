import { audioFormat } from '../../../contracts/agents/audio-format.ts';
import type { ToolOutcome } from '../../../contracts/agents/tool.ts';
import type { ResourcePart } from '../../../contracts/runs/message.ts';
import type { KeepFile } from './files.ts';

/** The image types that models accept. */
const SHOWN = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);
/** The largest image or sound that a model is shown. A larger one is only a file. */
const MAX_BYTES = 3 * 1024 * 1024;
/** Most images and sounds of one result. */
const MOST = 5;

const isSound = (type: string) => audioFormat(type) !== undefined;

/** Wraps `keep`, and collects the stored images and sounds that a model may be shown. */
export function collectImages(keep: KeepFile) {
  const parts: ResourcePart[] = [];
  return {
    keep: (async (file) => {
      const id = await keep(file);
      const media = isSound(file.type) ? { media: 'audio' as const } : {};
      const isShown = SHOWN.has(file.type) || isSound(file.type);
      if (isShown && file.bytes.byteLength <= MAX_BYTES && parts.length < MOST) {
        parts.push({ type: 'resource', resource_id: id, ...media });
      }
      return id;
    }) satisfies KeepFile,
    besides: (outcome: ToolOutcome): ToolOutcome =>
      parts.length > 0 ? { ...outcome, parts } : outcome,
  };
}
