const CONTEXT = 2;
/** Beyond so many comparisons the lines that differ are shown as a block. */
const MOST_COMPARISONS = 4_000_000;

type Line = { mark: ' ' | '-' | '+'; text: string };

/** The lines that differ between two texts, with two lines of context around them; '' when none does. */
export function unifiedDiff(before: string, after: string): string {
  const lines = diffLines(before.split('\n'), after.split('\n'));
  const near = (at: number) =>
    lines.slice(Math.max(0, at - CONTEXT), at + CONTEXT + 1).some(({ mark }) => mark !== ' ');
  const shown: string[] = [];
  let last = -2;
  for (const [at, { mark, text }] of lines.entries()) {
    if (near(at)) {
      if (at > last + 1) {
        shown.push(headOf(lines, at));
      }
      shown.push(`${mark}${text}`);
      last = at;
    }
  }
  return shown.join('\n');
}

function headOf(lines: readonly Line[], at: number): string {
  const passed = lines.slice(0, at);
  const count = (mark: '-' | '+') => passed.filter((line) => line.mark !== mark).length + 1;
  return `@@ -${count('+')} +${count('-')} @@`;
}

function diffLines(before: readonly string[], after: readonly string[]): Line[] {
  const first = before.findIndex((text, i) => text !== after[i]);
  const head = first < 0 ? Math.min(before.length, after.length) : first;
  const most = Math.min(before.length, after.length) - head;
  let tail = 0;
  while (tail < most && before.at(-1 - tail) === after.at(-1 - tail)) {
    tail += 1;
  }
  const same = (texts: readonly string[]) => texts.map((text): Line => ({ mark: ' ', text }));
  return [
    ...same(before.slice(0, head)),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...same(before.slice(before.length - tail)),
  ];
}

function middle(before: readonly string[], after: readonly string[]): Line[] {
  const common =
    before.length * after.length > MOST_COMPARISONS ? undefined : commonLengths(before, after);
  const lines: Line[] = [];
  let [i, j] = [0, 0];
  while (i < before.length || j < after.length) {
    if (i < before.length && before[i] === after[j]) {
      lines.push({ mark: ' ', text: before[i] ?? '' });
      i += 1;
      j += 1;
    } else if (i < before.length && isLost(common, i, j)) {
      lines.push({ mark: '-', text: before[i] ?? '' });
      i += 1;
    } else if (j < after.length) {
      lines.push({ mark: '+', text: after[j] ?? '' });
      j += 1;
    } else {
      lines.push({ mark: '-', text: before[i] ?? '' });
      i += 1;
    }
  }
  return lines;
}

function isLost(common: number[][] | undefined, i: number, j: number): boolean {
  return !common || (common[i + 1]?.[j] ?? 0) >= (common[i]?.[j + 1] ?? 0);
}

/** How many lines the rest of both texts has in common, from each pair of lines on. */
function commonLengths(before: readonly string[], after: readonly string[]): number[][] {
  const lengths = before.map(() => new Array<number>(after.length + 1).fill(0));
  lengths.push(new Array<number>(after.length + 1).fill(0));
  for (let i = before.length - 1; i >= 0; i -= 1) {
    for (let j = after.length - 1; j >= 0; j -= 1) {
      const row = lengths[i] as number[];
      row[j] =
        before[i] === after[j]
          ? (lengths[i + 1]?.[j + 1] ?? 0) + 1
          : Math.max(lengths[i + 1]?.[j] ?? 0, row[j + 1] ?? 0);
    }
  }
  return lengths;
}
