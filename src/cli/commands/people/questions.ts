import type { Command } from 'commander';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import type { CliIo } from '../../output/output.ts';
import { inCell, oneLine } from '../../output/terminal-text.ts';
import { printListChange, refuseWithFollow, untilInterrupted } from '../../print/list-changes.ts';
import { previewSummary } from '../../print/preview.ts';
import type { ListedQuestion } from '../../print/question.ts';
import { printRows } from '../../print/rows.ts';

const LIMIT = 100;

/** Registers `howdah questions`: the questions that runs ask people, the newest first. */
export function register(command: Command, io: CliIo): void {
  command
    .option('-f, --follow', 'keep printing questions that open or close, until Ctrl-C')
    .option('--all', 'include questions that are answered, expired or cancelled')
    .option(...API_OPTION)
    .action(async ({ all = false, follow }: { all?: boolean; follow?: true }) => {
      if (follow) return followOpen(io, command, all);
      const filter = { isOpen: !all, limit: LIMIT };
      const { items, rows } = await withBackend(io, command, {}, ({ questions }) =>
        questions.list(filter),
      );
      const shown = rows.map(all ? fullRow : openRow);
      const empty = all ? 'No questions.' : 'No open questions.';
      printRows(io, { items, rows: shown, empty });
    });
}

/** Prints the open questions, then a line for each that opens or closes. */
async function followOpen(io: CliIo, command: Command, all: boolean): Promise<void> {
  if (all) refuseWithFollow('all', 'A question that is answered leaves the followed list.');
  const signal = untilInterrupted(io);
  await withBackend(io, command, {}, async ({ questions }) => {
    for await (const { id, item, row } of questions.followList(LIMIT, signal)) {
      printListChange(io, { id, item }, () => (row ? questionWords(row) : []));
    }
  });
}

function questionWords(row: ListedQuestion): string[] {
  const { id, kind, run, agent, prompt } = openRow(row);
  return [id, kind, run, ...(agent ? [inCell(agent)] : []), prompt];
}

function openRow({ id, kind, run, agent, created_at, prompt, preview }: ListedQuestion) {
  const changes = preview ? ` → ${oneLine(previewSummary(preview), 60)}` : '';
  return {
    ...{ id, kind, run },
    ...(agent !== undefined && { agent }),
    age: ageOf(created_at),
    prompt: `${oneLine(prompt, 60)}${changes}`,
  };
}

function fullRow(row: ListedQuestion) {
  const { prompt, ...others } = openRow(row);
  return { ...others, status: row.status, answer: oneLine(row.answer ?? '', 30), prompt };
}

/** Returns the age in the largest unit that is not zero: `3 h`. */
export function ageOf(at: Date, now = Date.now()): string {
  const seconds = Math.max(0, Math.floor((now - at.getTime()) / 1000));
  const units = [
    [86_400, 'd'],
    [3_600, 'h'],
    [60, 'min'],
  ] as const;
  const unit = units.find(([size]) => seconds >= size);
  return unit ? `${Math.floor(seconds / unit[0])} ${unit[1]}` : `${seconds} s`;
}
