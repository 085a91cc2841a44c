import type { RunFiles } from '../../contracts/runs/run-files.ts';
import { blockedCallError } from './filter-result.ts';
import type { HeldRun } from './held-run.ts';

/**
 * Wraps the files of a run, so that the output filters check each file before it is stored. The
 * content of a file is checked only when it is text. Files of an engine belong to no call.
 */
export function filterFiles(files: RunFiles, call_id: string | undefined, run: HeldRun): RunFiles {
  return {
    ...files,
    async keep(made, origin) {
      const checked: (typeof made)[number][] = [];
      for (const file of made) {
        const content = textOf(file.bytes);
        const filtered = await run.applyOutputFilters(
          'file',
          { name: file.name, content },
          call_id,
        );
        if (filtered.guardSteps.length > 0) await run.commit(filtered.guardSteps);
        if (filtered.isBlocked) {
          return {
            ok: false,
            error: blockedCallError(`${file.name} was not kept`, filtered.filter),
          };
        }
        const { name, content: text } = filtered.value;
        checked.push({ ...file, name, bytes: text === null ? file.bytes : Buffer.from(text) });
      }
      return files.keep(checked, origin);
    },
  };
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes bytes as UTF-8, or returns null when they are not text. */
function textOf(bytes: Buffer): string | null {
  try {
    const text = utf8.decode(bytes);
    return text.includes('\0') ? null : text;
  } catch {
    return null;
  }
}
