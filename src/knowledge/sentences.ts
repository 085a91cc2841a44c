import { type Line, trimRange } from './block.ts';

/**
 * Words that end with a full stop within a sentence, in English and German. `Intl.Segmenter` ends a
 * sentence after most of them.
 */
const ABBREVIATIONS = new Set(
  `dr mr mrs ms prof st jr sr rev gen hon inc ltd co corp dept est vs etc fig figs eq no nos vol vols pp ed eds al cf ca
  approx e.g i.e a.m p.m u.s jan feb mar apr jun jul aug sep sept oct okt nov dec dez mon tue wed thu fri
  bzw usw z.b d.h u.a o.ä u.ä v.a i.d.r s.o s.u z.t u.u n.chr v.chr ggf evtl inkl exkl zzgl abzgl vgl sog
  nr abs art bd hrsg jh jhd mio mrd tsd str tel abb kap anm st ing dipl hr fr gmbh`
    .split(/\s+/)
    .filter(Boolean),
);
/** A number with a full stop, such as `3.`, is an ordinal in German and a list number elsewhere. */
const ORDINAL = /(?:^|\s)\d{1,3}\.$/;
const LIST_ITEM = /^\s*(?:[-*+•]|\d{1,3}[.)])\s/;
const SENTENCE_END = /[.!?…:;]["'”’»)\]]*$/;

const segmenter = new Intl.Segmenter('en', { granularity: 'sentence' });

/**
 * Returns the sentences of a range of a text. A sentence that goes on in the next line is one, and
 * so is one with abbreviations, ordinals or initials.
 */
export function sentencesOf(text: string, start: number, end: number): Line[] {
  const part = text.slice(start, end);
  const sentences: Line[] = [];
  let from = 0;
  let before = '';
  for (const { segment, index } of segmenter.segment(part)) {
    if (before !== '' && !goesOn(before, segment)) {
      sentences.push({ start: from, end: index });
      from = index;
    }
    before = segment;
  }
  sentences.push({ start: from, end: part.length });
  return sentences.flatMap((one) => trimRange(text, start + one.start, start + one.end) ?? []);
}

/** Returns whether a segment continues the sentence of the one before it. */
function goesOn(before: string, next: string): boolean {
  // only the end counts, and a segment may be as long as the text
  const end = before.slice(-100).trimEnd();
  if (LIST_ITEM.test(next.slice(0, 20))) return ORDINAL.test(end) && !before.includes('\n');
  if (!SENTENCE_END.test(end)) return true;
  if (!end.endsWith('.')) return false;
  const word = (/[\p{L}\p{N}.]+$/u.exec(end)?.[0] ?? '').slice(0, -1).toLowerCase();
  const isInitial = /^\p{L}$/u.test(word);
  return (
    isInitial ||
    ABBREVIATIONS.has(word) ||
    ORDINAL.test(end) ||
    /^\s*\p{Ll}/u.test(next.slice(0, 20))
  );
}
