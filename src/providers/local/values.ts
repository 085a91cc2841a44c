import { contentStems } from './words.ts';

export type ValueKind = 'quoted' | 'url' | 'email' | 'uuid' | 'date' | 'id' | 'number' | 'name';

/**
 * A value that a question names. `label` contains the stems of the words before it: `order` of
 * "order A-1001".
 */
export type Value = { kind: ValueKind; text: string; label: string[] };

type Found = Value & { from: number; to: number };

/**
 * The patterns in the order of their priority for a span. The first group that matched is the
 * value.
 */
const PATTERNS: readonly [ValueKind, RegExp][] = [
  [
    'quoted',
    /"([^"\n]+)"|“([^”\n]+)”|„([^“”\n]+)[“”]|«([^»\n]+)»|`([^`\n]+)`|(?<!\w)'([^'\n]+)'(?!\w)/g,
  ],
  ['url', /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)]/g],
  ['email', /[\w.+-]+@[\w-]+(?:\.[\w-]+)+/g],
  ['uuid', /\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi],
  [
    'date',
    /\b\d{4}-\d{2}-\d{2}(?:T[\d:.]+(?:Z|[+-]\d{2}:?\d{2})?)?\b|\b\d{1,2}\.\d{1,2}\.\d{4}\b/g,
  ],
  [
    'id',
    /#\s?(?=[\w-]*\d)(\w[\w-]*)|\b(\p{L}{1,12}(?:[-_/][\p{L}\d]+)*[-_/]\d[\w-]*)|\b(\p{L}{1,10}\d{2,}[\w-]*)|\b(\d+[-_/]?\p{L}[\w-]*\d[\w-]*|\d{2,}-\d[\w-]*)\b/gu,
  ],
  ['number', /(?<![\w.,])-?\d+(?:[.,]\d+)*(?![\w])/g],
  [
    'name',
    /(?<=\b(?:in|for|of|at|from|to|about|near|by|fur|für|von|aus|nach|über|bei)\s)\p{Lu}[\p{L}.'-]*(?:\s+\p{Lu}[\p{L}.'-]*)*/gu,
  ],
];
const JOINS =
  /^[\s,;&+/]*(?:and|und|or|oder|sowie|plus)?[\s,]*(?:the|der|die|das|no\.?|nr\.?)?\s*#?$/i;
/** Most characters that may join two values. */
const MAX_JOIN = 100;
const WHOLE_ID = /^(?=.*\d)[\p{L}\d][\p{L}\d_/-]*$/u;

/** Returns all values of a text, in their order in the text. */
export function valuesIn(text: string): Value[] {
  const found: Found[] = [];
  for (const [kind, pattern] of PATTERNS) {
    for (const match of text.matchAll(pattern)) {
      const from = match.index;
      const to = from + match[0].length;
      if (found.some((other) => from < other.to && other.from < to)) continue;
      const inner = (match.slice(1).find((group) => group !== undefined) ?? match[0]).trim();
      const known = kind === 'quoted' && WHOLE_ID.test(inner) ? 'id' : kind;
      found.push({ kind: known, text: plainForm(known, inner), label: [], from, to });
    }
  }
  found.sort((a, b) => a.from - b.from);
  return found.map((value, at) => labelValue(value, found[at - 1], text));
}

function plainForm(kind: ValueKind, text: string): string {
  if (kind === 'number') return plainNumber(text);
  const day = kind === 'date' ? /^(\d{1,2})\.(\d{1,2})\.(\d{4})$/.exec(text) : null;
  if (day === null) return text;
  return `${day[3]}-${day[2]?.padStart(2, '0')}-${day[1]?.padStart(2, '0')}`;
}

/** Normalizes a number: `1,000` is a thousand, and `3,5` is a German three and a half. */
function plainNumber(text: string): string {
  if (/^-?\d{1,3}(,\d{3})+(\.\d+)?$/.test(text)) return text.replaceAll(',', '');
  if (/^-?\d{1,3}(\.\d{3})+,\d+$/.test(text)) return text.replaceAll('.', '').replace(',', '.');
  return text.replace(',', '.');
}

/**
 * Labels a value with the words before it in its sentence. In "orders A-1 and A-2" both values get
 * the label.
 */
function labelValue(value: Found, previous: Found | undefined, text: string): Value {
  const gap = text.slice(previous?.to ?? 0, value.from);
  if (previous !== undefined && gap.length <= MAX_JOIN && JOINS.test(gap))
    value.label = previous.label;
  else value.label = contentStems(gap.split(/[.?!;\n]/).at(-1) ?? '').slice(-2);
  const { kind, text: own, label } = value;
  return { kind, text: own, label };
}
